"""PyTorch's attention on the lab's shapes, with q, k and v as parts of one projection: medians of events over five runs."""

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.functional import scaled_dot_product_attention


def median(run):
    times = []
    for _ in range(60):
        start, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        start.record()
        for _ in range(5):
            run()
        end.record()
        end.synchronize()
        times.append(start.elapsed_time(end) * 1e3 / 5)
    return sorted(times)[len(times) // 2]


for batch, heads, length, dim in (128, 12, 197, 64), (64, 12, 577, 64):
    packed = torch.rand(batch, length, 3, heads, dim, device="cuda", dtype=torch.bfloat16) * 4 - 2
    q, k, v = (x.transpose(1, 2).detach().requires_grad_() for x in packed.unbind(2))
    for name, backend in ("cuDNN", SDPBackend.CUDNN_ATTENTION), ("flash", SDPBackend.FLASH_ATTENTION):
        with sdpa_kernel([backend]):
            with torch.no_grad():
                forward = median(lambda: scaled_dot_product_attention(q, k, v))
            o = scaled_dot_product_attention(q, k, v)
            g = torch.rand_like(o) * 4 - 2
            backward = median(lambda: torch.autograd.grad(o, (q, k, v), g, retain_graph=True))
        flops = 4e-6 * batch * heads * dim * length * length
        print(f"{'PyTorch ' + name:14} {batch:3} x {heads:2} x {length:3} x {length:3} x {dim}         forward {forward:7.1f} us "
              f"{flops / forward:6.1f} TFLOP/s  backward {backward:7.1f} us {2.5 * flops / backward:6.1f} TFLOP/s", flush=True)
