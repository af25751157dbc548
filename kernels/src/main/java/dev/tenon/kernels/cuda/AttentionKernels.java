package dev.tenon.kernels.cuda;

import dev.tenon.engine.DType;
import dev.tenon.engine.Shape;
import dev.tenon.engine.Tensor;
import dev.tenon.engine.kernel.Call;
import dev.tenon.engine.kernel.Kernel;
import dev.tenon.engine.op.Attention;
import dev.tenon.engine.op.AttentionGrad;
import dev.tenon.kernels.gpu.Fit;
import dev.tenon.kernels.gpu.Grid;
import dev.tenon.kernels.gpu.Launcher;
import dev.tenon.kernels.gpu.OpKernel;
import dev.tenon.kernels.gpu.Operands;
import dev.tenon.kernels.gpu.ReduceKernels;
import java.util.List;

/** Launches the text {@code attention.cu}: attention that keeps its scores in shared memory, reading q, k and v as they lie. */
record AttentionKernels(Launcher launcher, ReduceKernels reductions, int sharedLimit) {
  private static final String TEXT = "attention";
  private static final int THREADS = 256;
  private static final int QUERIES = 64;
  private static final int KEYS = 32;
  private static final int MOST_IN_GRID = 65535;

  List<Kernel> all() {
    return List.of(
        new OpKernel("flash", Attention.class, c -> refusal(c, 0, 1), this::forward),
        new OpKernel("flash", AttentionGrad.class, c -> refusal(c, 1, 2), this::backward));
  }

  /** {@code q} is where q is among the operands, {@code tiles} how many tiles of queries a block holds. */
  private String refusal(Call call, int q, int tiles) {
    String reason = Fit.real(call);
    Tensor query = call.input(q);
    if (reason != null) {
      return reason;
    }
    if (query.dim(3) > 128 || sharedBytes(query, tiles) > sharedLimit) {
      return "keeps a tile of heads in " + sharedLimit + " bytes, too few for head size " + query.dim(3);
    }
    return query.dim(0) > MOST_IN_GRID || query.dim(2) > MOST_IN_GRID ? "takes up to 65535 batches and heads" : null;
  }

  private static int width(Tensor q) {
    return q.dim(3) <= 32 ? 32 : q.dim(3) <= 64 ? 64 : 128;
  }

  private static int sharedBytes(Tensor q, int tiles) {
    int rows = tiles * QUERIES + 2 * KEYS;
    return (rows * (width(q) + 1) + tiles * QUERIES * (KEYS + 1)) * Math.max(4, q.dtype().byteSize());
  }

  static int[] heads(Tensor q, Tensor k, Tensor v, boolean causal, Tensor bias) {
    int[] heads = new int[22];
    heads[0] = (int) q.dim(1);
    heads[1] = (int) k.dim(1);
    heads[2] = (int) q.dim(2);
    heads[3] = (int) q.dim(3);
    heads[4] = causal ? 1 : 0;
    heads[5] = bias == null ? 0 : 1;
    for (int d = 0; d < 4; d++) {
      heads[6 + d] = (int) q.layout().stride(d);
      heads[10 + d] = (int) k.layout().stride(d);
      heads[14 + d] = (int) v.layout().stride(d);
      heads[18 + d] = bias == null ? 0 : (int) bias.layout().expand(scores(q, k)).stride(d);
    }
    return heads;
  }

  static Shape scores(Tensor q, Tensor k) {
    return Shape.of(q.dim(0), q.dim(2), q.dim(1), k.dim(1));
  }

  private static Launcher.Entry entry(String name, Tensor q) {
    return Launcher.Entry.of(TEXT, name + width(q), q.dtype());
  }

  private static Grid grid(Tensor q, long positions, int tile, int sharedBytes) {
    return new Grid((int) ((positions + tile - 1) / tile), (int) q.dim(2), (int) q.dim(0), THREADS, sharedBytes);
  }

  static Object orNull(Tensor t) {
    return t == null ? Long.valueOf(0) : t;
  }

  private void forward(Call call) {
    Attention op = (Attention) call.op();
    Tensor q = call.input(0);
    Tensor bias = op.bias() ? call.input(3) : null;
    launcher.launch(call, entry("attention", q), grid(q, q.dim(1), QUERIES, sharedBytes(q, 1)),
        heads(q, call.input(1), call.input(2), op.causal(), bias), op.scale(), q, call.input(1), call.input(2), orNull(bias),
        call.output(0), call.output(1));
  }

  private void backward(Call call) {
    try (Operands in = launcher.operands(call)) {
      AttentionGrad op = (AttentionGrad) call.op();
      Tensor q = call.input(1);
      Tensor k = call.input(2);
      Tensor v = call.input(3);
      Tensor bias = op.bias() ? call.input(6) : null;
      int[] heads = heads(q, k, v, op.causal(), bias);
      int rows = (int) (q.dim(0) * q.dim(1) * q.dim(2));
      DType type = Fit.compute(q.dtype());
      long g = in.contiguous(0);
      long delta = in.scratch((long) rows * type.byteSize());
      long scores = bias == null ? 0 : in.scratch(rows * k.dim(1) * type.byteSize());
      long lse = in.contiguous(5);
      int bytes = sharedBytes(q, 2);
      launcher.launch(call, Launcher.Entry.of(TEXT, "rowDots", q.dtype()), Grid.each(rows), heads, rows, g, in.contiguous(4), delta);
      launcher.launch(call, entry("gradQuery", q), grid(q, q.dim(1), QUERIES, bytes), heads, op.scale(), g, q, k, v, orNull(bias), lse,
          delta, call.output(0), scores);
      launcher.launch(call, entry("gradKeyValue", q), grid(q, k.dim(1), KEYS, bytes), heads, op.scale(), g, q, k, v, orNull(bias),
          lse, delta, call.output(1), call.output(2));
      if (bias != null) {
        reductions.sumTo(call, in, type, scores, scores(q, k), call.output(3));
      }
    }
  }
}
