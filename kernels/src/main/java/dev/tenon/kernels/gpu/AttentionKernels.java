package dev.tenon.kernels.gpu;

import dev.tenon.engine.DType;
import dev.tenon.engine.Layout;
import dev.tenon.engine.Shape;
import dev.tenon.engine.Tensor;
import dev.tenon.engine.kernel.Call;
import dev.tenon.engine.kernel.Kernel;
import dev.tenon.engine.op.Attention;
import dev.tenon.engine.op.AttentionGrad;
import java.util.List;

/** Launches the text {@code attention}: attention that keeps its scores in a block's memory, reading q, k and v as they lie. */
public record AttentionKernels(Launcher launcher, ReduceKernels reductions, Tiles tiles) {
  private static final int THREADS = 256;

  /**
   * How many queries and keys a block holds at once.
   *
   * @param sharedBytes memory of a block beyond what its text declares
   */
  public record Tile(int queries, int keys, int sharedBytes) {}

  /** What a device has room for. {@code held} is how many tiles of queries, and of scores, a block holds. */
  public interface Tiles {
    /** Why there is no room for heads as those of {@code q}, or null. */
    String refusal(Tensor q, int held);

    Tile tile(Tensor q, int held);

    /** The kernel of a name for heads as those of {@code q}; one that is not {@code tiled} is the same for all tiles. */
    Launcher.Entry entry(String name, boolean tiled, Tensor q, Tile tile);
  }

  public List<Kernel> all() {
    return List.of(
        new OpKernel("flash", Attention.class, c -> refusal(c, 0, 1), this::forward),
        new OpKernel("flash", AttentionGrad.class, c -> refusal(c, 1, 2), this::backward));
  }

  /** {@code q} is where q is among the operands. */
  private String refusal(Call call, int q, int held) {
    String reason = Fit.real(call);
    return reason == null ? tiles.refusal(call.input(q), held) : reason;
  }

  /** As the kernels' structure {@code Heads}: extents, how many batches have a bias of their own, and the strides of q, k, v and bias. */
  public static int[] heads(Tensor q, Tensor k, Tensor v, boolean causal, Tensor bias) {
    int[] heads = new int[22];
    heads[0] = (int) q.dim(1);
    heads[1] = (int) k.dim(1);
    heads[2] = (int) q.dim(2);
    heads[3] = (int) q.dim(3);
    heads[4] = causal ? 1 : 0;
    heads[5] = bias == null ? 0 : (int) Attention.biases(bias.shape());
    for (int d = 0; d < 4; d++) {
      heads[6 + d] = (int) q.layout().stride(d);
      heads[10 + d] = (int) k.layout().stride(d);
      heads[14 + d] = (int) v.layout().stride(d);
      heads[18 + d] = bias == null ? 0 : (int) strides(bias, scores(q, k)).stride(d);
    }
    return heads;
  }

  /** How a bias lies that is for scores of that shape, or for part of their batches. */
  public static Layout strides(Tensor bias, Shape scores) {
    return bias.layout().expand(scores.with(0, Attention.biases(bias.shape())));
  }

  /** The shape of the scores: [batch, heads, queries, keys]. */
  public static Shape scores(Tensor q, Tensor k) {
    return Shape.of(q.dim(0), q.dim(2), q.dim(1), k.dim(1));
  }

  /** As an argument of a kernel. */
  public static Object orNull(Tensor t) {
    return t == null ? Long.valueOf(0) : t;
  }

  private static Grid grid(Tensor q, long positions, int each, Tile tile) {
    return new Grid((int) ((positions + each - 1) / each), (int) q.dim(2), (int) q.dim(0), THREADS, tile.sharedBytes);
  }

  private void forward(Call call) {
    Attention op = (Attention) call.op();
    Tensor q = call.input(0);
    Tensor bias = op.bias() ? call.input(3) : null;
    Tile tile = tiles.tile(q, 1);
    launcher.launch(call, tiles.entry("attention", true, q, tile), grid(q, q.dim(1), tile.queries, tile),
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
      Tile tile = tiles.tile(q, 2);
      long g = in.contiguous(0);
      long delta = in.scratch((long) rows * type.byteSize());
      long scores = bias == null ? 0 : in.scratch(rows * k.dim(1) * type.byteSize());
      long lse = in.contiguous(5);
      launcher.launch(call, tiles.entry("rowDots", false, q, tile), Grid.each(rows), heads, rows, g, in.contiguous(4), delta);
      launcher.launch(call, tiles.entry("gradQuery", true, q, tile), grid(q, q.dim(1), tile.queries, tile), heads, op.scale(), g, q, k, v,
          orNull(bias), lse, delta, call.output(0), scores);
      launcher.launch(call, tiles.entry("gradKeyValue", true, q, tile), grid(q, k.dim(1), tile.keys, tile), heads, op.scale(), g, q, k, v,
          orNull(bias), lse, delta, call.output(1), call.output(2));
      if (bias != null) {
        reductions.sumTo(call, in, type, scores, Attention.groupedByBias(scores(q, k), bias.shape()), call.output(3));
      }
    }
  }
}
