package dev.tenon.kernels.cuda;

import static dev.tenon.kernels.gpu.AttentionKernels.heads;

import dev.tenon.engine.Tensor;
import dev.tenon.engine.kernel.Call;
import dev.tenon.engine.kernel.Kernel;
import dev.tenon.engine.op.Attention;
import dev.tenon.engine.op.AttentionGrad;
import dev.tenon.kernels.gpu.Grid;
import dev.tenon.kernels.gpu.Launcher;
import dev.tenon.kernels.gpu.OpKernel;
import dev.tenon.kernels.gpu.Operands;
import java.util.List;

/** Launches the text {@code flash90.cu}: attention of BF16 by warpgroups, which GPUs of compute capability 9.0 have. */
record Flash90Kernels(Launcher launcher) {
  private static final String TEXT = "flash90";
  private static final double COST = 0.25;
  private static final int THREADS = 256;
  private static final int LINE = 128;
  private static final int TILE = 64 * LINE;
  private static final int STAGES = 3;
  /** The most positions of a head that lie in shared memory as a whole. */
  private static final int WHOLE = 208;
  private static final int GRAD_BYTES = 4 * TILE + STAGES * (2 * TILE + 2 * 64 * Float.BYTES);

  List<Kernel> all() {
    return List.of(
        new OpKernel("warpgroup flash", Attention.class, COST, this::refusal, this::forward),
        new OpKernel("warpgroup flash", AttentionGrad.class, COST, this::gradRefusal, this::backward));
  }

  private String refusal(Call call) {
    Attention op = (Attention) call.op();
    String reason = FlashKernels.refusal(call, 0);
    return reason == null ? refusal(call.input(0), op.scale(), op.bias()) : reason;
  }

  private String gradRefusal(Call call) {
    AttentionGrad op = (AttentionGrad) call.op();
    String reason = FlashKernels.refusal(call, 1);
    return reason == null ? refusal(call.input(1), op.scale(), op.bias()) : reason;
  }

  private static String refusal(Tensor q, double scale, boolean bias) {
    if (bias) {
      return "knows no bias";
    }
    if (q.dim(3) <= 32) {
      return "fills heads up to 64 channels, and those of " + q.shape() + " would be half empty";
    }
    return scale > 0 ? null : "takes the largest product for the largest score, and scales by " + scale;
  }

  private void launch(Call call, String name, Tensor q, long positions, int each, int sharedBytes, Object... arguments) {
    Grid grid = new Grid((int) ((positions + each - 1) / each), (int) q.dim(2), (int) q.dim(0), THREADS, sharedBytes);
    launcher.launch(call, Launcher.Entry.of(TEXT, name, q.dtype()), grid, arguments);
  }

  private void forward(Call call) {
    Attention op = (Attention) call.op();
    Tensor q = call.input(0);
    long keys = call.input(1).dim(1);
    Object[] arguments = {heads(q, call.input(1), call.input(2), op.causal(), null), op.scale(), q, call.input(1), call.input(2),
        call.output(0), call.output(1)};
    if (keys > WHOLE - 16 && keys <= WHOLE) {
      launch(call, "flashWhole", q, q.dim(1), 256, 4 * TILE + 2 * WHOLE * LINE, arguments);
    } else {
      int together = keys <= 64 ? 64 : 128;
      launch(call, "flash" + together, q, q.dim(1), 128, 2 * TILE + STAGES * 2 * together * LINE, arguments);
    }
  }

  private void backward(Call call) {
    try (Operands in = launcher.operands(call)) {
      AttentionGrad op = (AttentionGrad) call.op();
      Tensor q = call.input(1);
      Tensor k = call.input(2);
      Tensor v = call.input(3);
      int[] heads = heads(q, k, v, op.causal(), null);
      long g = in.aligned(0);
      long o = in.aligned(4);
      long lse = in.contiguous(5);
      if (q.dim(1) <= WHOLE && k.dim(1) <= WHOLE) {
        launch(call, "flashGradWhole", q, 1, 1, (3 * WHOLE + 256) * LINE, heads, op.scale(), g, q, k, v, o, lse, call.output(0),
            call.output(1), call.output(2));
        return;
      }
      int rows = (int) (q.dim(0) * q.dim(1) * q.dim(2));
      long delta = in.scratch((long) rows * Float.BYTES);
      launcher.launch(call, Launcher.Entry.of(TEXT, "flashDots", q.dtype()), Grid.each(8L * rows), heads, rows, g, o, delta);
      launch(call, "flashGradQuery", q, q.dim(1), 128, GRAD_BYTES, heads, op.scale(), g, q, k, v, lse, delta, call.output(0));
      launch(call, "flashGradKeyValue", q, k.dim(1), 128, GRAD_BYTES, heads, op.scale(), g, q, k, v, lse, delta, call.output(1),
          call.output(2));
    }
  }
}
