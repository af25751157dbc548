"""PyTorch's product on the lab's shapes: medians of events."""

import torch

for m, n, k in (25216, 2304, 768), (25216, 3072, 768), (25216, 768, 3072), (8192, 8192, 8192):
    a = torch.rand(m, k, device="cuda", dtype=torch.bfloat16) * 2 - 1
    b = torch.rand(n, k, device="cuda", dtype=torch.bfloat16) * 2 - 1
    times = []
    for _ in range(100):
        start, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        start.record()
        torch.matmul(a, b.t())
        end.record()
        end.synchronize()
        times.append(start.elapsed_time(end) * 1e3)
    us = sorted(times)[50]
    print(f"{'PyTorch':16} {m:5} x {n:4} x {k:4} {us:10.1f} us {2e-6 * m * n * k / us:8.1f} TFLOP/s")
