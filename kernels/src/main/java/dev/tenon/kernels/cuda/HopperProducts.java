package dev.tenon.kernels.cuda;

import dev.tenon.engine.DType;
import dev.tenon.engine.Tensor;
import dev.tenon.engine.kernel.Call;
import dev.tenon.kernels.cuda.TensorMap.Element;
import dev.tenon.kernels.gpu.Grid;
import dev.tenon.kernels.gpu.Launcher;
import dev.tenon.kernels.gpu.Operands;
import dev.tenon.kernels.gpu.Walk;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Optional;

/** Launches the products of the text {@code hopper.cu}, for compute capability 9.0. */
record HopperProducts(Driver driver, Launcher launcher, int multiprocessors) implements AlignedProducts {
  /** Of the GPUs that have the text's instructions, times 10. */
  static final int CAPABILITY = 90;

  private static final String TEXT = "hopper";
  private static final int THREADS = 384;
  /** What the text calls by these names. */
  private static final int CLUSTER = 2;
  private static final int ROWS = 128;
  private static final int LINES = 64;
  private static final int CHUNK = LINES * TensorMap.ROW;
  private static final int LEADERS = 2;
  private static final int TURNED = 32;
  /** Products that repay turning their operands have as many rows and columns. */
  private static final int LEAST_TURNED = 256;
  /** Columns of a tile for products that have fewer. */
  private static final int NARROW = 128;
  /** Of a launch. */
  private static final long MAPS = 5;
  private static final int LEAST_SLICES = 8;
  private static final int MOST_PARTS = 16;
  /** In times of a slice of 256 columns: to begin and end a tile; to write and read sums of a part of a tile; to add them up at all. */
  private static final double TILE_COST = 3;
  private static final double PART_COST = 10;
  private static final double SUM_COST = 6;

  /** How a product is cut: into tiles of so many columns, and its depth into parts of so many slices. */
  record Cut(int columns, int parts, int each) {
    int stages() {
      return columns == 128 ? 6 : 4;
    }

    int sharedBytes() {
      int slice = (ROWS + columns) / LINES * CHUNK;
      return stages() * slice + 2 * LEADERS * CHUNK + LEADERS * columns * Float.BYTES + 2 * stages() * Long.BYTES;
    }
  }

  @Override
  public boolean continues() {
    return true;
  }

  @Override
  public String refusal(Factors f) {
    if (f.k() == 0) {
      return "needs a depth to multiply along";
    }
    Walk batch = f.batch();
    boolean turns = f.dtype() == DType.F32 && !(f.a().along() && f.b().along());
    if (turns && (batch.size() > 1 || Math.min(f.m(), f.n()) < LEAST_TURNED)) {
      return "multiplies F32 whose lines run along the depth, or turns operands of large single products, and here are "
          + batch.size() + " of " + f.m() + " × " + f.n();
    }
    if (batch.dims().length > 1) {
      return "takes batches whose matrices are equally far apart";
    }
    boolean apart = apart(f.a(), f.m(), f.k()) && apart(f.b(), f.n(), f.k());
    for (long[] strides : batch.strides()) {
      apart &= strides.length == 0 || strides[0] >= 0;
    }
    return apart ? null : "takes matrices whose lines lie apart, one after the other";
  }

  /** Whether lines do not overlap, or there is only one. */
  private static boolean apart(Side side, int across, int k) {
    return side.along() ? across == 1 || side.line() >= k : k == 1 || side.line() >= across;
  }

  @Override
  public void multiply(Call call, Operands in, Factors factors) {
    Factors f = factors.dtype() == DType.F32 ? turned(call, in, factors) : factors;
    int batch = (int) f.batch().size();
    Cut cut = cut(f, batch);
    long partial = cut.parts() == 1 ? 0 : in.scratch((long) cut.parts() * batch * f.m() * f.n() * Float.BYTES);
    launch(call, f, cut, partial);
    TensorKernels.sumParts(launcher, call, f, cut.parts(), partial);
  }

  @Override
  public Optional<Sums> narrow(Call call, Operands in, Factors f) {
    int slices = slices(f);
    if (slices < 2 || f.m() < LEAST_TURNED) {
      return Optional.empty();
    }
    Cut cut = narrow(f.m(), slices);
    long partial = in.scratch((long) cut.parts() * f.m() * f.n() * Float.BYTES);
    launch(call, f, cut, partial);
    return Optional.of(new Sums(partial, cut.parts()));
  }

  /** Parts of the depth that give every cluster as much to do as any other, for one tile of columns. */
  Cut narrow(int m, int slices) {
    int clusters = multiprocessors / CLUSTER;
    int tiles = (m + CLUSTER * ROWS - 1) / (CLUSTER * ROWS);
    Cut best = null;
    double least = Double.POSITIVE_INFINITY;
    for (int parts = 2; parts <= Math.min(slices, MOST_PARTS); parts++) {
      int each = (slices + parts - 1) / parts;
      int used = (slices + each - 1) / each;
      double time = (double) ((tiles * used + clusters - 1) / clusters) * (each * slice(NARROW) + TILE_COST);
      if (used > 1 && time < least) {
        least = time;
        best = new Cut(NARROW, used, each);
      }
    }
    return best;
  }

  /** Starts a product; of a depth in parts, its sums go to {@code partial}. */
  private void launch(Call call, Factors f, Cut cut, long partial) {
    int batch = (int) f.batch().size();
    int rows = (f.m() + CLUSTER * ROWS - 1) / (CLUSTER * ROWS);
    long pieces = (long) rows * ((f.n() + cut.columns() - 1) / cut.columns()) * batch * cut.parts();
    Element element = f.dtype() == DType.BF16 ? Element.BF16 : Element.TF32;
    Element stored = cut.parts() > 1 || f.dtype() == DType.F32 ? Element.F32 : Element.BF16;
    long address = cut.parts() > 1 ? partial : Launcher.address(call.output(0));
    boolean boxes = f.n() * stored.bytes() % TensorMap.CHUNK == 0 && address % TensorMap.CHUNK == 0;
    long stepA = step(f.batch(), 0);
    long stepB = step(f.batch(), 1);
    Second second = f.second();
    int[] task = {f.m(), f.n(), batch, cut.parts(), cut.each(), f.k(), second.k(), stepA == 0 ? 0 : 1, stepB == 0 ? 0 : 1, boxes ? 1 : 0,
        f.after().gelu() ? 1 : 0};
    String name = TEXT + cut.columns() + (f.a().along() ? "k" : "m") + (f.b().along() ? "k" : "n");
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment maps = arena.allocate(MAPS * TensorMap.BYTES, TensorMap.ALIGNMENT);
      encode(maps, 0, element, f.a(), f.m(), f.k(), batch, stepA);
      encode(maps, 1, element, f.b(), f.n(), f.k(), batch, stepB);
      Side a2 = new Side(second.a(), f.a().along(), second.lineA());
      Side b2 = new Side(second.b(), f.b().along(), second.lineB());
      if (second.k() > 0) {
        encode(maps, 2, element, a2, f.m(), second.k(), 1, 0);
        encode(maps, 3, element, b2, f.n(), second.k(), 1, 0);
      }
      if (boxes) {
        encode(maps, 4, stored, new Side(address, true, f.n()), f.m(), f.n(), batch * cut.parts(), (long) f.m() * f.n());
      }
      launcher.launch(call, Launcher.Entry.of(TEXT, name, f.dtype()),
          new Grid(CLUSTER * (int) Math.min(pieces, multiprocessors / CLUSTER), 1, 1, THREADS, cut.sharedBytes()), maps, task,
          cut.parts() == 1 ? f.bias() : 0L, f.after().residual(), call.output(0), partial);
    }
  }

  /** The same products of operands whose lines run along the depth, which is how the instructions take tf32. */
  private Factors turned(Call call, Operands in, Factors f) {
    Second second = f.second();
    Side a = turned(call, in, f.a(), f.k(), f.m());
    Side b = turned(call, in, f.b(), f.k(), f.n());
    if (second.k() > 0) {
      Side up = turned(call, in, new Side(second.b(), f.b().along(), second.lineB()), second.k(), f.n());
      second = new Second(second.k(), second.lineA(), up.line(), second.a(), up.at());
    }
    return new Factors(f.dtype(), f.batch(), f.m(), f.n(), f.k(), a, b, second, f.bias(), f.after());
  }

  private Side turned(Call call, Operands in, Side side, int k, int across) {
    if (side.along()) {
      return side;
    }
    int line = AlignedProducts.roundUp(k, TensorMap.CHUNK / Float.BYTES);
    long at = in.scratch((long) across * line * Float.BYTES);
    Grid grid = new Grid((across + TURNED - 1) / TURNED, (k + TURNED - 1) / TURNED, 1, TURNED * TURNED / 4);
    launcher.launch(call, Launcher.Entry.of(TEXT, "turn", DType.F32), grid, k, across, side.line(), line, side.at(), at);
    return new Side(at, true, line);
  }

  private static long step(Walk batch, int operand) {
    return batch.dims().length == 0 ? 0 : batch.strides()[operand][0];
  }

  /** Map {@code i} of the text's structure {@code Maps}: of lines of {@code along} elements, or of {@code across} elements. */
  private void encode(MemorySegment maps, int i, Element element, Side side, int across, int along, int batch, long step) {
    int chunk = TensorMap.CHUNK / element.bytes();
    long[] dims = side.along() ? new long[] {along, across, step == 0 ? 1 : batch} : new long[] {across, along, step == 0 ? 1 : batch};
    // Where there is only one line or matrix, its distance from the next may be anything.
    long[] strides = {side.line() == 0 ? chunk : side.line(), step == 0 ? chunk : step};
    long address = side.at() instanceof Tensor t ? Launcher.address(t) : (Long) side.at();
    driver.encode(maps.asSlice((long) i * TensorMap.BYTES, TensorMap.BYTES), new TensorMap(element, dims, strides, new int[] {LINES, 1}),
        address);
  }

  /** The cut that is expected to take the least time: work for all clusters, in few turns, with few sums to write and add up. */
  Cut cut(Factors f, int batch) {
    int slices = slices(f);
    int clusters = multiprocessors / CLUSTER;
    Cut best = null;
    double least = Double.POSITIVE_INFINITY;
    for (int columns = 256; columns >= 128; columns -= 64) {
      long tiles = AlignedProducts.tiles(f.m(), f.n(), CLUSTER * ROWS, columns) * batch;
      for (int parts = 1; parts <= Math.clamp(slices / LEAST_SLICES, 1, MOST_PARTS); parts++) {
        int each = (slices + parts - 1) / parts;
        int used = (slices + each - 1) / each;
        long turns = (tiles * used + clusters - 1) / clusters;
        double width = columns / 256.0;
        double time = turns * (each * slice(columns) + TILE_COST * width)
            + (used == 1 ? 0 : SUM_COST + (double) tiles * used / clusters * PART_COST * width);
        if (time < least) {
          least = time;
          best = new Cut(columns, used, each);
        }
      }
    }
    return best;
  }

  private int slices(Factors f) {
    int depth = TensorMap.ROW / f.dtype().byteSize();
    return (f.k() + depth - 1) / depth + (f.second().k() + depth - 1) / depth;
  }

  /** What a slice takes, beside one of 256 columns. */
  private static double slice(int columns) {
    return columns == 256 ? 1 : columns == 192 ? 0.8 : 0.6;
  }
}
