package dev.tenon.kernels.opencl;

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
import java.util.Locale;

/** Launches the text {@code attention.cl}: attention that keeps its scores in local memory, reading q, k and v as they lie. */
record ClAttentionKernels(Launcher launcher, ReduceKernels reductions, int localBytes) {
  private static final String TEXT = "attention";
  private static final int ITEMS = 256;
  private static final List<Tile> TILES = List.of(new Tile(64, 32), new Tile(32, 32), new Tile(32, 16), new Tile(16, 16));

  /** How many queries and keys a group holds at once. */
  private record Tile(int queries, int keys) {
    /** Local memory it takes. {@code operands} tiles of queries (or of keys) and {@code scores} of scores; three more numbers a query. */
    long bytes(int width, int operands, int scores, DType dtype) {
      long numbers = (long) (operands * queries + 2 * keys) * (width + 1) + (long) scores * queries * (keys + 1) + 3L * queries;
      return numbers * Math.max(4, dtype.byteSize());
    }
  }

  List<Kernel> all() {
    return List.of(
        new OpKernel("flash", Attention.class, c -> refusal(c, 0, 1), this::forward),
        new OpKernel("flash", AttentionGrad.class, c -> refusal(c, 1, 2), this::backward));
  }

  /** {@code q} is where q is among the operands, {@code tiles} how many tiles of queries, and of scores, a group holds. */
  private String refusal(Call call, int q, int tiles) {
    String reason = Fit.real(call);
    return reason != null || tile(call.input(q), tiles) != null ? reason
        : "keeps a tile of heads in " + localBytes + " bytes, too few for head size " + call.input(q).dim(3);
  }

  private static int width(Tensor q) {
    return q.dim(3) <= 32 ? 32 : q.dim(3) <= 64 ? 64 : 128;
  }

  /** The largest tile there is room for, or null. */
  private Tile tile(Tensor q, int tiles) {
    return q.dim(3) > 128 ? null
        : TILES.stream().filter(t -> t.bytes(width(q), tiles, tiles, q.dtype()) <= localBytes).findFirst().orElse(null);
  }

  private static int[] heads(Tensor q, Tensor k, Tensor v, boolean causal, Tensor bias) {
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

  private static Shape scores(Tensor q, Tensor k) {
    return Shape.of(q.dim(0), q.dim(2), q.dim(1), k.dim(1));
  }

  private static Launcher.Entry entry(String name, Tensor q, Tile tile) {
    return new Launcher.Entry(TEXT, name, ClTypes.of(q.dtype().name().toLowerCase(Locale.ROOT)) + " -DD=" + width(q)
        + " -DQUERIES=" + tile.queries + " -DKEYS=" + tile.keys);
  }

  private static Grid grid(Tensor q, long positions, int tile) {
    return new Grid((int) ((positions + tile - 1) / tile), (int) q.dim(2), (int) q.dim(0), ITEMS);
  }

  private static Object orNull(Tensor t) {
    return t == null ? Long.valueOf(0) : t;
  }

  private void forward(Call call) {
    Attention op = (Attention) call.op();
    Tensor q = call.input(0);
    Tile tile = tile(q, 1);
    Tensor bias = op.bias() ? call.input(3) : null;
    launcher.launch(call, entry("attention", q, tile), grid(q, q.dim(1), tile.queries),
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
      Tile tile = tile(q, 2);
      long g = in.contiguous(0);
      long delta = in.scratch((long) rows * type.byteSize());
      long scores = bias == null ? 0 : in.scratch(rows * k.dim(1) * type.byteSize());
      long lse = in.contiguous(5);
      launcher.launch(call, entry("rowDots", q, tile), Grid.each(rows), heads, rows, g, in.contiguous(4), delta);
      launcher.launch(call, entry("gradQuery", q, tile), grid(q, q.dim(1), tile.queries), heads, op.scale(), g, q, k, v, orNull(bias),
          lse, delta, call.output(0), scores);
      launcher.launch(call, entry("gradKeyValue", q, tile), grid(q, k.dim(1), tile.keys), heads, op.scale(), g, q, k, v, orNull(bias),
          lse, delta, call.output(1), call.output(2));
      if (bias != null) {
        reductions.sumTo(call, in, type, scores, scores(q, k), call.output(3));
      }
    }
  }
}
