package dev.tenon.kernels.cuda;

import dev.tenon.engine.DType;
import dev.tenon.engine.Layout;
import dev.tenon.engine.Shape;
import dev.tenon.engine.Tensor;
import dev.tenon.engine.kernel.Call;
import dev.tenon.engine.kernel.Kernel;
import dev.tenon.engine.op.Conv2d;
import dev.tenon.engine.op.Conv2dGradInput;
import dev.tenon.engine.op.Conv2dGradWeight;
import dev.tenon.engine.op.Op;
import dev.tenon.kernels.gpu.Grid;
import dev.tenon.kernels.gpu.Launcher;
import dev.tenon.kernels.gpu.OpKernel;
import dev.tenon.kernels.gpu.Operands;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.function.Consumer;

/**
 * Launches the text {@code conv90.cu}: dense convolutions in BF16 and their gradients, of stride 1 or of windows of 2×2 beside each other,
 * for compute capability 9.0.
 */
record HopperConvKernels(Driver driver, Launcher launcher, int multiprocessors) {
  private static final String TEXT = "conv90";
  private static final double COST = 0.125;
  private static final int THREADS = 384;
  /** What the text calls by these names. */
  private static final int ROWS = 128;
  private static final int BOX = 64;
  private static final int BOXES = 4;
  private static final int STAGES = 4;
  private static final int CHUNK = BOX * TensorMap.ROW;
  private static final int SHARED = (STAGES * (ROWS / BOX + BOXES) + 4) * CHUNK + 2 * STAGES * Long.BYTES;
  /** Elements of what a copy of 16 bytes moves. */
  private static final int ALIGNED = 8;
  /** Fewer channels leave most of a tile empty. */
  private static final int LEAST_CHANNELS = 32;
  /** Boxes of pixels that are worth a part of the gradient of the weight. */
  private static final int LEAST_PART = 8;

  List<Kernel> all() {
    return List.of(kernel(Conv2d.class, this::forward), kernel(Conv2dGradInput.class, this::gradInput),
        kernel(Conv2dGradWeight.class, this::gradWeight));
  }

  private Kernel kernel(Class<? extends Op> op, Consumer<Call> run) {
    return new OpKernel("conv90", op, COST, HopperConvKernels::refusal, run);
  }

  /** The operands' shapes, of whichever op. */
  private record Shapes(Conv2d conv, Shape x, Shape weight, Shape y) {
    static Shapes of(Call call) {
      Shape first = call.input(0).shape();
      Shape second = call.input(1).shape();
      Shape result = call.output(0).shape();
      return switch (call.op()) {
        case Conv2d op -> new Shapes(op, first, second, result);
        case Conv2dGradInput op -> new Shapes(op.conv(), result, second, first);
        case Conv2dGradWeight op -> new Shapes(op.conv(), second, result, first);
        default -> throw new IllegalArgumentException(call.describe() + " is no convolution");
      };
    }

    int taps() {
      return (int) (weight.dim(2) * weight.dim(3));
    }

    /** Whether rows follow each other as if an image were one row: each pixel stands for itself. */
    boolean isFlat() {
      return taps() == 1 && conv.padH() == 0 && conv.padW() == 0;
    }

    /** What the text calls {@code Conv}: from x to y, or the gradient of x, which is one from y to x. */
    int[] pack(boolean turned) {
      Shape from = turned ? y : x;
      Shape to = turned ? x : y;
      int height = isFlat() ? 1 : (int) to.dim(2);
      int reachH = conv.dilationH() * ((int) weight.dim(2) - 1);
      int reachW = conv.dilationW() * ((int) weight.dim(3) - 1);
      return new int[] {(int) to.dim(0), height, (int) (to.dim(2) * to.dim(3)) / height, (int) to.dim(1), (int) from.dim(1), taps(),
          (int) weight.dim(3), turned ? reachH - conv.padH() : conv.padH(), turned ? reachW - conv.padW() : conv.padW(),
          conv.dilationH(), conv.dilationW(), 1, 0};
    }

    /** Whether windows of 2×2 lie beside each other and fill the larger maps. */
    boolean isHalving() {
      return conv.strideH() == 2 && conv.strideW() == 2 && conv.padH() == 0 && conv.padW() == 0 && weight.dim(2) == 2 && weight.dim(3) == 2
          && conv.dilationH() == 1 && conv.dilationW() == 1 && x.dim(2) == 2 * y.dim(2) && x.dim(3) == 2 * y.dim(3);
    }

    /** What the text calls {@code Conv}, of {@code rows} rows over the rows of small maps, whose pixels lie {@code apart}. */
    int[] packHalving(int apart, int rows, int depth, int taps, int kernelWidth) {
      boolean flat = apart == 1;
      int height = (int) y.dim(2);
      int width = apart * (int) y.dim(3);
      return new int[] {(int) y.dim(0), flat ? 1 : height, flat ? height * width : width, rows, depth, taps, kernelWidth, 0, 0, 1, 1,
          flat ? 1 : 2, (int) y.dim(3)};
    }
  }

  private static String refusal(Call call) {
    for (Tensor t : call.inputs()) {
      if (t.dtype() != DType.BF16) {
        return "multiplies BF16, and the operands are " + t.dtype();
      }
    }
    Shapes s = Shapes.of(call);
    if (s.conv.groups() > 1 || !s.isHalving() && (s.conv.strideH() > 1 || s.conv.strideW() > 1)) {
      return "takes one group and stride 1, or windows of 2×2 beside each other, and here is " + s.conv;
    }
    if (s.isHalving() && ((s.weight.dim(0) | s.weight.dim(1)) % ALIGNED != 0 || !isWeightDense(call))) {
      return "takes windows of 2×2 of a multiple of 8 channels and filters, and a dense weight";
    }
    if (Math.min(s.weight.dim(0), s.weight.dim(1)) < LEAST_CHANNELS) {
      return "takes at least " + LEAST_CHANNELS + " channels and filters, and here are " + s.weight.dim(1) + " and " + s.weight.dim(0);
    }
    boolean aligned = s.isFlat() ? s.x.product(2, 4) % ALIGNED == 0 : s.x.dim(3) % ALIGNED == 0 && s.y.dim(3) % ALIGNED == 0;
    if (!aligned || s.x.size() == 0 || s.y.size() == 0) {
      return "copies 16 bytes of a row at a time, and those of " + s.x + " and " + s.y + " are no multiples of it";
    }
    return Math.max(s.x.size(), s.y.size()) <= Integer.MAX_VALUE ? null : "takes maps of up to 2^31 elements, and here are " + s.x;
  }

  private static boolean isWeightDense(Call call) {
    return call.op() instanceof Conv2dGradWeight || call.input(1).layout().isContiguous();
  }

  private void forward(Call call) {
    Shapes s = Shapes.of(call);
    try (Operands in = launcher.operands(call)) {
      long bias = s.conv.bias() ? in.contiguous(2) : 0L;
      if (s.isHalving()) {
        halve(call, in, s, bias);
      } else {
        convolve(call, in, s, false, bias);
      }
    }
  }

  private void gradInput(Call call) {
    Shapes s = Shapes.of(call);
    try (Operands in = launcher.operands(call)) {
      if (s.isHalving()) {
        doubled(call, in, s);
      } else {
        convolve(call, in, s, true, 0);
      }
    }
  }

  /** Small maps of large ones: each row of a window is a tap, each column a row of the product. */
  private void halve(Call call, Operands in, Shapes s, long bias) {
    int filters = (int) s.weight.dim(0);
    int depth = (int) s.weight.dim(1);
    int[] conv = s.packHalving(2, 2 * filters, depth, 2, 1);
    long packed = pack(
        call, in, Shape.of(filters / ALIGNED, ALIGNED, depth, 2, 2), 16L * depth, depth, 1, 2L * filters * depth, 8L * depth);
    launch(call, in, "convolveHalved", conv, false, packed, depth, 0, bias);
  }

  /** Large maps of small ones: each pixel of a window is a row of the product. */
  private void doubled(Call call, Operands in, Shapes s) {
    int depth = (int) s.weight.dim(0);
    int channels = (int) s.weight.dim(1);
    int[] conv = s.packHalving(1, 4 * channels, depth, 1, 1);
    long packed = pack(
        call, in, Shape.of(depth, channels / ALIGNED, ALIGNED, 2, 2), 1, 16L * depth, depth, 2L * channels * depth, 8L * depth);
    launch(call, in, "convolveDoubled", conv, true, packed, depth, 0, 0);
  }

  /** The weight, seen as of {@code shape}, with these distances between its elements. */
  private static long pack(Call call, Operands in, Shape shape, long... strides) {
    Tensor weight = call.input(1);
    Layout seen = weight.layout().reshape(shape).orElseThrow();
    long packed = in.scratch(shape.size() * Short.BYTES);
    in.copy(new Tensor(weight.storage(), seen, weight.dtype(), false), packed, Layout.of(shape, strides, 0));
    return packed;
  }

  private void convolve(Call call, Operands in, Shapes s, boolean turned, long bias) {
    int[] conv = s.pack(turned);
    long channels = conv[3];
    long depth = conv[4];
    long line = (depth + ALIGNED - 1) / ALIGNED * ALIGNED;
    long packed = in.scratch(s.taps() * channels * line * Short.BYTES);
    long width = s.weight.dim(3);
    long filter = turned ? 1 : line;
    long channel = turned ? line : 1;
    in.copy(call.input(1), packed,
        Layout.of(s.weight, new long[] {filter, channel, width * channels * line, channels * line}, 0));
    launch(call, in, "convolve", conv, s.isFlat(), packed, line, turned ? 1 : 0, bias);
  }

  /** Starts a kernel that multiplies the weight, whose lines lie {@code line} apart, with maps. */
  private void launch(
      Call call, Operands in, String name, int[] conv, boolean flat, long packed, long line, int turned, long bias) {
    long rows = conv[3];
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment maps = maps(arena);
      encode(maps, 0, new long[] {conv[4], rows, conv[5]}, new long[] {line, rows * line}, new int[] {BOX, 1}, packed);
      encodeColumns(maps, call, in, 0, conv, flat);
      encode(maps, 2, call.output(0), flat, in, -1);
      long tiles = (boxes(conv) + BOXES - 1) / BOXES * ((rows + ROWS - 1) / ROWS);
      launcher.launch(call, Launcher.Entry.of(TEXT, name, DType.BF16),
          new Grid((int) Math.min(tiles, multiprocessors), 1, 1, THREADS, SHARED), maps, conv, turned, bias, call.output(0));
    }
  }

  private void gradWeight(Call call) {
    Shapes s = Shapes.of(call);
    int[] conv = s.isHalving() ? s.packHalving(2, (int) s.weight.dim(0), (int) s.weight.dim(1), 4, 2) : s.pack(false);
    int columns = (s.taps() * ((conv[4] + BOX - 1) / BOX) + BOXES - 1) / BOXES;
    int rows = (conv[3] + ROWS - 1) / ROWS;
    long boxes = boxes(conv);
    long most = Math.clamp(multiprocessors / ((long) columns * rows), 1, Math.max(1, boxes / LEAST_PART));
    int each = (int) ((boxes + most - 1) / most);
    int parts = (int) ((boxes + each - 1) / each);
    int width = columns * BOXES * BOX;
    try (Operands in = launcher.operands(call); Arena arena = Arena.ofConfined()) {
      MemorySegment maps = maps(arena);
      if (s.isHalving()) {
        apart(call, maps, in);
      } else {
        encode(maps, 0, call.input(0), s.isFlat(), in, 0);
      }
      encodeColumns(maps, call, in, 1, conv, s.isFlat());
      long sums = in.scratch((long) parts * rows * ROWS * width * Float.BYTES);
      launcher.launch(call, Launcher.Entry.of(TEXT, "gradWeight", DType.BF16), new Grid(columns, rows, parts, THREADS, SHARED), maps,
          conv, each, sums);
      launcher.launch(call, Launcher.Entry.of(TEXT, "sumTaps", DType.BF16), Grid.each((long) conv[3] * width), conv, parts, rows * ROWS,
          width, sums, call.output(0));
    }
  }

  /** Writes the map of the gradients of small maps with a zero behind each, since windows begin at every other pixel. */
  private void apart(Call call, MemorySegment maps, Operands in) {
    Tensor g = call.input(0);
    long spread = in.scratch(2 * g.size() * Short.BYTES);
    int packs = Math.toIntExact(g.size() / ALIGNED);
    launcher.launch(call, Launcher.Entry.of(TEXT, "apart", DType.BF16), Grid.each(packs), packs, in.aligned(0), spread);
    long width = 2 * g.dim(3);
    encode(maps, 0, new long[] {width, g.dim(1), g.dim(2), g.dim(0)},
        new long[] {g.dim(2) * width, width, g.dim(1) * g.dim(2) * width}, new int[] {BOX, 1, 1}, spread);
  }

  /** Writes the map of the maps that are read: where they are, or copies for each column of a kernel, moved to where that reads them. */
  private void encodeColumns(MemorySegment maps, Call call, Operands in, int operand, int[] conv, boolean flat) {
    Tensor x = call.input(operand);
    int copies = conv[6];
    int width = conv[2];
    if (copies == 1 && conv[8] == 0) {
      encode(maps, 1, x, flat, in, operand);
      return;
    }
    int rows = (int) x.shape().product(0, 3);
    long moved = in.scratch((long) copies * rows * width * Short.BYTES);
    launcher.launch(call, Launcher.Entry.of(TEXT, "moved", DType.BF16), Grid.each((long) copies * rows * width / ALIGNED), conv, rows,
        (int) x.dim(3), in.contiguous(operand), moved);
    encode(maps, 1, new long[] {width, x.dim(1), x.dim(2), copies * x.dim(0)},
        new long[] {x.dim(2) * width, width, x.dim(1) * x.dim(2) * width}, new int[] {BOX, 1, 1}, moved);
  }

  private static long boxes(int[] conv) {
    return (long) conv[0] * conv[1] * ((conv[2] + BOX - 1) / BOX);
  }

  private static MemorySegment maps(Arena arena) {
    return arena.allocate(3L * TensorMap.BYTES, TensorMap.ALIGNMENT);
  }

  /** Map {@code i} of the text's structure {@code Maps}, of maps where they are, or of a dense copy of operand {@code operand}. */
  private void encode(MemorySegment maps, int i, Tensor t, boolean flat, Operands in, int operand) {
    Layout layout = t.layout();
    boolean fits = layout.stride(3) == 1 && (t.dim(2) == 1 || (flat ? layout.stride(2) == t.dim(3) : isAligned(layout.stride(2))))
        && isAligned(layout.stride(1)) && isAligned(layout.stride(0)) && isAligned(Launcher.address(t) / t.dtype().byteSize());
    Layout used = fits ? layout : Layout.contiguous(t.shape());
    long address = fits || operand < 0 ? Launcher.address(t) : in.aligned(operand);
    long height = flat ? 1 : t.dim(2);
    long[] dims = {t.dim(2) * t.dim(3) / height, t.dim(1), height, t.dim(0)};
    long[] strides = {used.stride(1), used.stride(2), used.stride(0)};
    for (int d = 0; d < strides.length; d++) {
      // Where there is only one, its distance from the next may be anything.
      strides[d] = dims[d + 1] == 1 ? BOX : strides[d];
    }
    encode(maps, i, dims, strides, new int[] {BOX, 1, 1}, address);
  }

  private static boolean isAligned(long elements) {
    return elements > 0 && elements % ALIGNED == 0;
  }

  private void encode(MemorySegment maps, int i, long[] dims, long[] strides, int[] box, long address) {
    driver.encode(maps.asSlice((long) i * TensorMap.BYTES, TensorMap.BYTES),
        new TensorMap(TensorMap.Element.BF16, dims, strides, box), address);
  }
}
