package dev.tenon.kernels.cuda;

import static dev.tenon.kernels.gpu.AttentionKernels.heads;

import dev.tenon.engine.DType;
import dev.tenon.engine.Layout;
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
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.List;

/**
 * Launches the texts {@code flash90.cu} and {@code flash90grad.cu}: attention of BF16 by warpgroups, which GPUs of compute capability 9.0
 * have.
 */
record Flash90Kernels(Driver driver, Launcher launcher, int multiprocessors) {
  private static final String FORWARD = "flash90";
  private static final String BACKWARD = "flash90grad";
  private static final double COST = 0.25;
  private static final int CHANNELS = 64;
  /** Heads are filled up to the first of these. */
  private static final int[] WIDTHS = {CHANNELS, 96, 128, 144, 160};
  /** What the text calls by these names. */
  private static final int WHOLE = 208;
  private static final int STAGES = 3;
  private static final int ROWS = 64;
  private static final int TILE = ROWS * TensorMap.ROW;
  private static final int BARRIERS = 64;
  /** Queries or keys of a block; and of those that come in parts, how many come together. */
  private static final int BLOCK = 128;
  private static final int KEYS = 64;
  /** So many steps repay starting a block for them. */
  private static final long LEAST_STEPS = 8;
  private static final int QUERIES = 48;

  List<Kernel> all() {
    return List.of(
        new OpKernel("warpgroup flash", Attention.class, COST, this::refusal, this::forward),
        new OpKernel("warpgroup flash", AttentionGrad.class, COST, this::gradRefusal, this::backward));
  }

  private String refusal(Call call) {
    Attention op = (Attention) call.op();
    String reason = FlashKernels.refusal(call, 0, DType.BF16, WIDTHS[WIDTHS.length - 1]);
    return reason == null ? refusal(call.inputs().subList(0, 3), op.scale(), op.bias()) : reason;
  }

  private String gradRefusal(Call call) {
    AttentionGrad op = (AttentionGrad) call.op();
    String reason = FlashKernels.refusal(call, 1, DType.BF16, WIDTHS[WIDTHS.length - 1]);
    return reason == null ? refusal(call.inputs().subList(1, 4), op.scale(), op.bias()) : reason;
  }

  private static String refusal(List<Tensor> operands, double scale, boolean bias) {
    if (bias) {
      return "knows no bias";
    }
    Tensor q = operands.getFirst();
    if (q.dim(3) <= CHANNELS / 2) {
      return "fills heads up to 64 channels or more, and those of " + q.shape() + " would be half empty";
    }
    Tensor k = operands.get(1);
    if (steps(q.dim(1), BLOCK) * q.dim(0) * q.dim(2) * steps(k.dim(1), KEYS) > Integer.MAX_VALUE) {
      return "takes up to 2^31 tiles of scores, and those of " + q.shape() + " and " + k.shape() + " are more";
    }
    for (Tensor t : operands) {
      if (t.size() == 0) {
        return "copies elements, and " + t.shape() + " has none";
      }
      for (int d = 0; d < 3; d++) {
        if (t.dim(d) > 1 && t.layout().stride(d) < t.dim(3)) {
          return "copies heads that lie apart, one after the other, and those of " + t.layout() + " do not";
        }
      }
    }
    return scale > 0 ? null : "takes the largest product for the largest score, and scales by " + scale;
  }

  /** Writes map {@code i} of the text's structure {@code Maps}: of an operand at {@code address} that is copied {@code rows} at a time. */
  private void encode(MemorySegment maps, int i, Shape shape, Layout layout, long address, int rows) {
    long[] dims = {shape.dim(3), shape.dim(1), shape.dim(2), shape.dim(0)};
    long[] strides = {layout.stride(1), layout.stride(2), layout.stride(0)};
    for (int d = 0; d < 3; d++) {
      // Where there is only one, its distance from the next may be anything.
      strides[d] = dims[d + 1] == 1 ? CHANNELS : strides[d];
    }
    driver.encode(maps.asSlice((long) i * TensorMap.BYTES, TensorMap.BYTES),
        new TensorMap(TensorMap.Element.BF16, dims, strides, new int[] {rows, 1, 1}), address);
  }

  /** An attention's operands and how they are copied; {@code g} is the address of gradOutput, which is dense, or 0. */
  private record Heads(Call call, Tensor q, Tensor k, Tensor v, boolean causal, double scale, long g) {
    static Heads of(Call call, int q, boolean causal, double scale, long g) {
      return new Heads(call, call.input(q), call.input(q + 1), call.input(q + 2), causal, scale, g);
    }

    int width() {
      return Arrays.stream(WIDTHS).filter(w -> w >= q.dim(3)).findFirst().orElseThrow();
    }

    int jobs() {
      return (int) (q.dim(0) * q.dim(2));
    }
  }

  /** Starts a kernel that copies so many queries and so many keys at a time. */
  private void launch(Heads h, String text, String name, Grid grid, int queries, int keys, Object... arguments) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment maps = arena.allocate(4L * TensorMap.BYTES, TensorMap.ALIGNMENT);
      encode(maps, 0, h.q.shape(), h.q.layout(), Launcher.address(h.q), queries);
      encode(maps, 1, h.k.shape(), h.k.layout(), Launcher.address(h.k), keys);
      encode(maps, 2, h.v.shape(), h.v.layout(), Launcher.address(h.v), keys);
      if (h.g != 0) {
        encode(maps, 3, h.q.shape(), Layout.contiguous(h.q.shape()), h.g, queries);
      }
      Object[] all = new Object[arguments.length + 2];
      all[0] = maps;
      all[1] = heads(h.q, h.k, h.v, h.causal, null);
      System.arraycopy(arguments, 0, all, 2, arguments.length);
      launcher.launch(h.call, Launcher.Entry.of(text, name, h.q.dtype()), grid, all);
    }
  }

  /** Blocks that take heads one after the other, of which they hold two, each of so many operands. */
  private Grid byHeads(Heads h, int operands) {
    int bytes = 2 * operands * WHOLE * TensorMap.ROW + (256 - WHOLE) * TensorMap.ROW + BARRIERS;
    return new Grid(Math.min(h.jobs(), multiprocessors), 1, 1, 512, bytes);
  }

  /** Shared memory for {@code own} operands of 64 positions, and so many other positions at a time. */
  private static int sharedBytes(Heads h, int own, int stages, int others, int known) {
    int tiles = (h.width() + CHANNELS - 1) / CHANNELS;
    return own * tiles * TILE + stages * 2 * others * (tiles * TensorMap.ROW + known) + BARRIERS;
  }

  /** Blocks of 128 positions, which share {@link #sharedBytes}. */
  private static Grid byPositions(Heads h, long positions, int own, int stages, int others, int known) {
    return new Grid((int) ((positions + BLOCK - 1) / BLOCK), (int) h.q.dim(2), (int) h.q.dim(0), 256,
        sharedBytes(h, own, stages, others, known));
  }

  /** Deals out steps of 128 queries and 64 keys evenly, and joins what several blocks computed of the same queries. */
  private void forwardWide(Call call, Heads h) {
    long parts = steps(h.k.dim(1), KEYS);
    long tiles = steps(h.q.dim(1), BLOCK) * h.jobs();
    long all = tiles * parts;
    long each = h.causal ? parts : Math.min(all, Math.max(LEAST_STEPS, steps(all, multiprocessors)));
    int blocks = (int) steps(all, (int) each);
    int[] steps = {h.jobs(), (int) each};
    try (Operands in = launcher.operands(call)) {
      boolean joins = each % parts != 0;
      long partial = joins ? in.scratch(2L * blocks * (h.width() / 2 + 4) * 256 * Float.BYTES) : 0;
      launch(h, FORWARD, "flashWide" + h.width(), new Grid(blocks, 1, 1, 256, sharedBytes(h, 2, STAGES, KEYS, 0)), ROWS, KEYS, steps,
          h.scale, partial, call.output(0), call.output(1));
      if (joins) {
        launcher.launch(call, Launcher.Entry.of(FORWARD, "flashJoin" + h.width(), h.q.dtype()), new Grid((int) tiles, 1, 1, 256),
            heads(h.q, h.k, h.v, h.causal, null), steps, partial, call.output(0), call.output(1));
      }
    }
  }

  private static long steps(long positions, int each) {
    return (positions + each - 1) / each;
  }

  private void forward(Call call) {
    Attention op = (Attention) call.op();
    Heads h = Heads.of(call, 0, op.causal(), op.scale(), 0);
    long keys = h.k.dim(1);
    if (h.width() > CHANNELS) {
      forwardWide(call, h);
    } else if (h.q.dim(1) <= WHOLE && keys > WHOLE - 16 && keys <= WHOLE) {
      launch(h, FORWARD, "flashHeads", byHeads(h, 3), WHOLE, WHOLE, h.jobs(), h.scale, call.output(0), call.output(1));
    } else {
      int together = keys <= 64 ? 64 : 128;
      launch(h, FORWARD, "flash" + together, byPositions(h, h.q.dim(1), 2, STAGES, together, 0), BLOCK, together, h.scale,
          call.output(0), call.output(1));
    }
  }

  private void backward(Call call) {
    try (Operands in = launcher.operands(call)) {
      AttentionGrad op = (AttentionGrad) call.op();
      Heads h = Heads.of(call, 1, op.causal(), op.scale(), in.aligned(0));
      long o = in.aligned(4);
      long lse = in.contiguous(5);
      int queries = (int) h.q.dim(1);
      if (h.width() == CHANNELS && queries <= WHOLE && h.k.dim(1) <= WHOLE) {
        launch(h, BACKWARD, "flashGradHeads", byHeads(h, 4), WHOLE, WHOLE, h.jobs(), h.scale, o, lse, call.output(0), call.output(1),
            call.output(2));
        return;
      }
      int padded = (queries + 127) / 128 * 128 + 64;
      long rows = in.scratch(2L * h.jobs() * padded * Float.BYTES);
      launcher.launch(call, Launcher.Entry.of(BACKWARD, "flashRows", h.q.dtype()), Grid.each(8L * h.jobs() * padded),
          heads(h.q, h.k, h.v, h.causal, null), h.jobs() * padded, h.g, o, lse, rows);
      int stages = h.width() > 2 * CHANNELS ? 2 : STAGES;
      launch(h, BACKWARD, "flashGradQuery" + h.width(), byPositions(h, queries, 4, stages, KEYS, 0), ROWS, KEYS, h.scale, rows,
          call.output(0));
      launch(h, BACKWARD, "flashGradKeyValue" + h.width(), byPositions(h, h.k.dim(1), 4, STAGES, QUERIES, Float.BYTES), QUERIES, ROWS,
          h.scale, rows, call.output(1), call.output(2));
    }
  }
}
