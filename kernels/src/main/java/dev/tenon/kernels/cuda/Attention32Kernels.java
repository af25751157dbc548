package dev.tenon.kernels.cuda;

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
import dev.tenon.kernels.gpu.Grid;
import dev.tenon.kernels.gpu.Launcher;
import dev.tenon.kernels.gpu.OpKernel;
import dev.tenon.kernels.gpu.Operands;
import dev.tenon.kernels.gpu.ReduceKernels;
import java.util.Arrays;
import java.util.List;

/**
 * Launches the text {@code attention32.cu}: attention of F32 in F32, with tiles that fill the registers.
 *
 * @param sharedLimit bytes of shared memory a block can have
 */
record Attention32Kernels(Launcher launcher, ReduceKernels reductions, int multiprocessors, int sharedLimit) {
  private static final String TEXT = "attention32";
  private static final double COST = 0.5;
  private static final int CHANNELS = 64;
  private static final int THREADS = 128;
  /** How many queries a block of the forward pass can take, and a step of the backward pass takes. */
  private static final int[] QUERIES = {64, 112, 128};
  private static final int STEP = 64;
  /** Keys that are taken at once, and at most, with a remainder. */
  private static final int KEYS = 64;
  private static final int MORE_KEYS = 72;

  List<Kernel> all() {
    return List.of(
        new OpKernel("register flash", Attention.class, COST, c -> refusal(c, 0, forwardBytes(c.input(0))), this::forward),
        new OpKernel("register flash", AttentionGrad.class, COST, c -> refusal(c, 1, backwardBytes(c.input(1))), this::backward));
  }

  private String refusal(Call call, int q, int sharedBytes) {
    String reason = FlashKernels.refusal(call, q, DType.F32, CHANNELS);
    if (reason != null) {
      return reason;
    }
    Tensor query = call.input(q);
    if (query.size() == 0 || call.input(q + 1).size() == 0) {
      return "copies elements, and " + query.shape() + " or " + call.input(q + 1).shape() + " has none";
    }
    return sharedBytes > sharedLimit ? "keeps tiles of heads in " + sharedBytes + " bytes of memory that blocks have " + sharedLimit + " of"
        : null;
  }

  private static int width(Tensor q) {
    return q.dim(3) <= 32 ? 32 : 64;
  }

  /** How many queries a block takes: all blocks about as many. */
  private static int queries(Tensor q) {
    int most = QUERIES[QUERIES.length - 1];
    long blocks = (q.dim(1) + most - 1) / most;
    return Arrays.stream(QUERIES).filter(n -> n * blocks >= q.dim(1)).findFirst().orElseThrow();
  }

  private static int forwardBytes(Tensor q) {
    int queries = queries(q);
    return ((queries + 2 * MORE_KEYS) * (width(q) + 4) + queries * MORE_KEYS) * Float.BYTES;
  }

  private static int backwardBytes(Tensor q) {
    return ((2 * STEP + 2 * MORE_KEYS) * (width(q) + 4) + 2 * STEP * (MORE_KEYS + 1)) * Float.BYTES;
  }

  private void forward(Call call) {
    Attention op = (Attention) call.op();
    Tensor q = call.input(0);
    Tensor bias = op.bias() ? call.input(3) : null;
    int queries = queries(q);
    Grid grid = new Grid((int) ((q.dim(1) + queries - 1) / queries), (int) q.dim(2), (int) q.dim(0), THREADS, forwardBytes(q));
    launcher.launch(call, Launcher.Entry.of(TEXT, "attention" + width(q) + "by" + queries, q.dtype()), grid,
        heads(q, call.input(1), call.input(2), op.causal(), bias), op.scale(), q, call.input(1), call.input(2), orNull(bias),
        call.output(0), call.output(1));
  }

  /** Over how many blocks the keys of a head are spread: over more than one where heads alone would not fill the device. */
  private int parts(Tensor q, Tensor k) {
    long tiles = k.dim(1) <= MORE_KEYS ? 1 : (k.dim(1) + 2 * KEYS - MORE_KEYS - 1) / KEYS;
    long heads = q.dim(0) * q.dim(2);
    return (int) Math.min(tiles, (2L * multiprocessors + heads - 1) / heads);
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
      int parts = parts(q, k);
      long g = in.aligned(0);
      long delta = in.scratch((long) rows * Float.BYTES);
      long scores = bias == null ? 0 : in.scratch(rows * k.dim(1) * Float.BYTES);
      long lse = in.contiguous(5);
      Object gradQ = parts == 1 ? call.output(0) : Long.valueOf(in.scratch(parts * q.size() * Float.BYTES));
      Grid grid = new Grid(parts, (int) q.dim(2), (int) q.dim(0), THREADS, backwardBytes(q));
      launcher.launch(call, Launcher.Entry.of(TEXT, "rowDots", q.dtype()), Grid.each(8L * rows), heads, rows, g, in.aligned(4), delta);
      launcher.launch(call, Launcher.Entry.of(TEXT, "attentionGrad" + width(q), q.dtype()), grid, heads, op.scale(), g, q, k, v,
          orNull(bias), lse, delta, gradQ, call.output(1), call.output(2), scores);
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
