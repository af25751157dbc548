package dev.tenon.kernels.opencl;

import static dev.tenon.kernels.gpu.AttentionKernels.heads;
import static dev.tenon.kernels.gpu.AttentionKernels.orNull;
import static dev.tenon.kernels.gpu.AttentionKernels.scores;

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

/** Launches {@code tiledAttention.cl} and {@code tiledAttentionGrad.cl}: attention of F32 with tiles that fill private memory. */
record TiledAttention(Launcher launcher, ReduceKernels reductions, int units, int localBytes) {
  private static final String TEXT = "tiledAttention";
  private static final String GRAD = "tiledAttentionGrad";
  private static final double COST = 0.5;
  private static final int CHANNELS = 64;
  /** What an item reads at once. */
  private static final int CHUNK = 16;
  /** Items of a group, and how many of them share rows and columns of a tile. */
  private static final int ITEMS = 64;
  private static final int SIDE = 8;
  /** How many queries, and keys, of a tile an item can have. */
  private static final List<Integer> EACH = List.of(5, 4);
  /** The most queries, and keys, of a tile. */
  private static final int MOST = SIDE * EACH.getFirst();
  /** Groups that a compute unit works on at a time. */
  private static final int GROUPS = 4;

  List<Kernel> all() {
    return List.of(
        new OpKernel("register flash", Attention.class, COST, c -> refusal(c, 0, forwardBytes(c.input(0))), this::forward),
        new OpKernel("register flash", AttentionGrad.class, COST, c -> refusal(c, 1, backwardBytes(c.input(1))), this::backward));
  }

  /** How many queries, and keys, an item has. */
  private record Tile(int queries, int keys) {
    static Tile of(Tensor q, Tensor k) {
      return new Tile(each(q.dim(1)), each(k.dim(1)));
    }

    /** Such that tiles exceed {@code positions} least. */
    private static int each(long positions) {
      return EACH.stream().min((a, b) -> Long.compare(SIDE * a * tiles(positions, a), SIDE * b * tiles(positions, b))).orElseThrow();
    }

    static long tiles(long positions, int each) {
      return (positions + SIDE * each - 1) / (SIDE * each);
    }
  }

  private static int width(Tensor q) {
    return q.dim(3) <= 32 ? 32 : CHANNELS;
  }

  /** Queries, values, keys or scores, whichever are larger, and a maximum for each item. */
  private static int forwardBytes(Tensor q) {
    return Float.BYTES * MOST * (2 * width(q) + Math.max(width(q), MOST) + SIDE);
  }

  /** Queries, gradients of results, keys, values, scores, and two numbers a query. */
  private static int backwardBytes(Tensor q) {
    return Float.BYTES * MOST * (4 * width(q) + MOST + 2);
  }

  /** {@code q} is where q is among the operands. */
  private String refusal(Call call, int q, int bytes) {
    String reason = Fit.real(call);
    if (reason != null) {
      return reason;
    }
    Tensor query = call.input(q);
    if (query.dtype() != DType.F32 || query.dim(3) % 4 != 0 || query.dim(3) > CHANNELS) {
      return "takes heads of F32 whose size is a multiple of 4 up to " + CHANNELS + ", and q is " + query.shape() + " " + query.dtype();
    }
    if (query.size() == 0 || call.input(q + 1).size() == 0) {
      return "has no kernel for " + query.shape() + " and " + call.input(q + 1).shape() + ", of which one has no elements";
    }
    for (Tensor t : call.inputs().subList(q, q + 3)) {
      boolean aligned = t.layout().stride(3) == 1 && Launcher.address(t) % CHUNK == 0;
      for (int d = 0; d < 3; d++) {
        aligned &= t.layout().stride(d) % 4 == 0;
      }
      if (!aligned) {
        return "reads 16 bytes at a time, and the heads of " + t.layout() + " do not start at multiples of that";
      }
    }
    return bytes > localBytes ? "keeps tiles of heads in " + bytes + " bytes of local memory, and there are " + localBytes : null;
  }

  private static Launcher.Entry entry(String text, String name, Tensor q, Tensor k) {
    Tile tile = Tile.of(q, k);
    return new Launcher.Entry(text, name, ClTypes.of("f32") + " -DD=" + width(q) + " -DITEMS=" + ITEMS + " -DEACH_Q=" + tile.queries()
        + " -DEACH_K=" + tile.keys());
  }

  private static Grid grid(long groups, Tensor q) {
    return new Grid((int) groups, (int) q.dim(2), (int) q.dim(0), ITEMS);
  }

  private void forward(Call call) {
    Attention op = (Attention) call.op();
    Tensor q = call.input(0);
    Tensor k = call.input(1);
    Tensor bias = op.bias() ? call.input(3) : null;
    launcher.launch(call, entry(TEXT, TEXT, q, k), grid(Tile.tiles(q.dim(1), Tile.of(q, k).queries()), q),
        heads(q, k, call.input(2), op.causal(), bias), op.scale(), q, k, call.input(2), orNull(bias), call.output(0), call.output(1));
  }

  /** Over how many groups the keys of a head are spread: over more than one where heads alone would not fill the device. */
  private long parts(Tensor q, Tensor k) {
    long heads = q.dim(0) * q.dim(2);
    long wanted = ((long) GROUPS * units + heads - 1) / heads;
    return Math.clamp(wanted, 1, Tile.tiles(k.dim(1), Tile.of(q, k).keys()));
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
      long parts = parts(q, k);
      long g = in.aligned(0);
      long delta = in.scratch((long) rows * Float.BYTES);
      long scores = bias == null ? 0 : in.scratch(rows * k.dim(1) * Float.BYTES);
      long lse = in.contiguous(5);
      Object gradQ = parts == 1 ? call.output(0) : Long.valueOf(in.scratch(parts * q.size() * Float.BYTES));
      launcher.launch(call, entry(GRAD, "rowDots", q, k), Grid.each((long) SIDE * rows), heads, rows, g, in.aligned(4), delta);
      launcher.launch(call, entry(GRAD, GRAD, q, k), grid(parts, q), heads, op.scale(), g, q, k, v, orNull(bias), lse, delta, gradQ,
          call.output(1), call.output(2), scores);
      if (parts > 1) {
        Shape all = Shape.of(parts, q.dim(0), q.dim(1), q.dim(2), q.dim(3));
        reductions.sumTo(call, in, DType.F32, (Long) gradQ, all, call.output(0));
      }
      if (bias != null) {
        reductions.sumTo(call, in, DType.F32, scores, Attention.groupedByBias(scores(q, k), bias.shape()), call.output(3));
      }
    }
  }
}
