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

/** Launches the products of the texts {@code hopper.cu} and {@code small90.cu}, for compute capability 9.0. */
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
  /** Its products have small tiles, so that few rows are work for many multiprocessors. */
  private static final String SMALL = "small90";
  private static final int SMALL_COLUMNS = 96;
  private static final int SMALL_STAGES = 10;
  /** Its shared memory has a ring, sums, each row of them that many floats longer than a tile's, and barriers. */
  private static final int SMALL_BYTES = SMALL_STAGES * (LINES + SMALL_COLUMNS) * TensorMap.ROW + LINES * (SMALL_COLUMNS + 8) * Float.BYTES
      + 2 * SMALL_STAGES * Long.BYTES;
  /** Elements that it stores at once. */
  private static final int QUAD = 4;
  private static final int MOST_IN_CLUSTER = 8;
  private static final int LARGE_CLUSTER = 4;
  private static final int MOST_SHARING = 4;
  /** Of a launch. */
  private static final long MAPS = 5;
  private static final int LEAST_SLICES = 8;
  private static final int MOST_PARTS = 16;
  /** In times of a slice of 256 columns: to begin and end a tile; to write and read sums of a part of a tile; to add them up at all. */
  private static final double TILE_COST = 3;
  private static final double PART_COST = 10;
  private static final double SUM_COST = 6;
  /** Of {@link #SMALL}, in the same times: to begin and end, and to take a slice. */
  private static final double SMALL_COST = 1;
  private static final double SMALL_SLICE = 0.37;

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

  /**
   * How the blocks of a cluster divide a product of {@link #SMALL}: tiles of rows, of the same columns, by parts of the depth of so many
   * slices.
   */
  record Division(int share, int parts, int each) {
    int blocks() {
      return share * parts;
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
    Optional<Division> division = small(f, cut);
    if (division.isPresent()) {
      small(call, f, division.get());
      return;
    }
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

  /**
   * How a product of {@link #SMALL} is divided: among as many blocks as there are multiprocessors, or nearly. Empty for one that is none,
   * as it is expected to take longer than in {@code cut}. Whether something follows does not matter, since bits would tell.
   */
  Optional<Division> small(Factors f, Cut cut) {
    if (f.dtype() != DType.BF16 || f.batch().size() > 1 || !f.a().along() || !f.b().along()) {
      return Optional.empty();
    }
    int slices = slices(f);
    int parts = 1;
    while (clusters(f, 1) * parts * 2 <= room(parts * 2) && parts * 2 <= Math.min(slices, MOST_IN_CLUSTER)) {
      parts *= 2;
    }
    int share = Math.min(MOST_SHARING, MOST_IN_CLUSTER / parts);
    while (share > 1 && (share >= 2 * rows(f) || clusters(f, share) * share * parts > room(share * parts))) {
      share /= 2;
    }
    int each = (slices + parts - 1) / parts;
    boolean small = clusters(f, share) * share * parts <= room(share * parts)
        && SMALL_COST + each * SMALL_SLICE < time(f, 1, cut);
    return small ? Optional.of(new Division(share, parts, each)) : Optional.empty();
  }

  /** Blocks that run at a time in clusters of so many: multiprocessors come in groups, which large clusters do not fill. */
  private int room(int cluster) {
    return cluster < LARGE_CLUSTER ? multiprocessors : multiprocessors * 10 / 11;
  }

  private static int rows(Factors f) {
    return (f.m() + LINES - 1) / LINES;
  }

  /** Of a product of {@link #SMALL}. */
  private static long clusters(Factors f, int share) {
    return AlignedProducts.tiles(f.m(), f.n(), LINES * share, SMALL_COLUMNS);
  }

  private void small(Call call, Factors f, Division d) {
    boolean quads = f.n() % QUAD == 0 && Launcher.address(call.output(0)) % (QUAD * f.dtype().byteSize()) == 0;
    try (Arena arena = Arena.ofConfined()) {
      launcher.launch(call, Launcher.Entry.of(SMALL, "small" + d.share() + "x" + d.parts(), f.dtype()),
          new Grid((int) clusters(f, d.share()) * d.blocks(), 1, 1, THREADS, SMALL_BYTES), maps(arena, f, 1, SMALL_COLUMNS / d.share()),
          task(f, 1, d.parts(), d.each(), quads), f.bias(), f.after().residual(), call.output(0));
    }
  }

  /** Whether rows of a result are fit for tensor copies. */
  private static boolean boxes(Factors f, Element stored, long address) {
    return f.n() * stored.bytes() % TensorMap.CHUNK == 0 && address % TensorMap.CHUNK == 0;
  }

  /** Starts a product; of a depth in parts, its sums go to {@code partial}. */
  private void launch(Call call, Factors f, Cut cut, long partial) {
    int batch = (int) f.batch().size();
    int rows = (f.m() + CLUSTER * ROWS - 1) / (CLUSTER * ROWS);
    long pieces = (long) rows * ((f.n() + cut.columns() - 1) / cut.columns()) * batch * cut.parts();
    Element stored = cut.parts() > 1 || f.dtype() == DType.F32 ? Element.F32 : Element.BF16;
    long address = cut.parts() > 1 ? partial : Launcher.address(call.output(0));
    boolean boxes = boxes(f, stored, address);
    String name = TEXT + cut.columns() + (f.a().along() ? "k" : "m") + (f.b().along() ? "k" : "n");
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment maps = maps(arena, f, batch, LINES);
      if (boxes) {
        encode(maps, 4, stored, new Side(address, true, f.n()), f.m(), f.n(), batch * cut.parts(), (long) f.m() * f.n(), LINES);
      }
      launcher.launch(call, Launcher.Entry.of(TEXT, name, f.dtype()),
          new Grid(CLUSTER * (int) Math.min(pieces, multiprocessors / CLUSTER), 1, 1, THREADS, cut.sharedBytes()), maps,
          task(f, batch, cut.parts(), cut.each(), boxes), cut.parts() == 1 ? f.bias() : 0L, f.after().residual(), call.output(0), partial);
    }
  }

  /** The text's structure {@code Task}. */
  private static int[] task(Factors f, int batch, int parts, int each, boolean boxes) {
    return new int[] {f.m(), f.n(), batch, parts, each, f.k(), f.second().k(), step(f.batch(), 0) == 0 ? 0 : 1,
        step(f.batch(), 1) == 0 ? 0 : 1, boxes ? 1 : 0, f.after().gelu() ? 1 : 0};
  }

  /** The text's structure {@code Maps}, that of the result still to be encoded; a box has so many lines of the second operand. */
  private MemorySegment maps(Arena arena, Factors f, int batch, int lines) {
    Element element = f.dtype() == DType.BF16 ? Element.BF16 : Element.TF32;
    Second second = f.second();
    MemorySegment maps = arena.allocate(MAPS * TensorMap.BYTES, TensorMap.ALIGNMENT);
    encode(maps, 0, element, f.a(), f.m(), f.k(), batch, step(f.batch(), 0), LINES);
    encode(maps, 1, element, f.b(), f.n(), f.k(), batch, step(f.batch(), 1), lines);
    if (second.k() > 0) {
      encode(maps, 2, element, new Side(second.a(), f.a().along(), second.lineA()), f.m(), second.k(), 1, 0, LINES);
      encode(maps, 3, element, new Side(second.b(), f.b().along(), second.lineB()), f.n(), second.k(), 1, 0, lines);
    }
    return maps;
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
  private void encode(
      MemorySegment maps, int i, Element element, Side side, int across, int along, int batch, long step, int lines) {
    int chunk = TensorMap.CHUNK / element.bytes();
    long[] dims = side.along() ? new long[] {along, across, step == 0 ? 1 : batch} : new long[] {across, along, step == 0 ? 1 : batch};
    // Where there is only one line or matrix, its distance from the next may be anything.
    long[] strides = {side.line() == 0 ? chunk : side.line(), step == 0 ? chunk : step};
    long address = side.at() instanceof Tensor t ? Launcher.address(t) : (Long) side.at();
    driver.encode(maps.asSlice((long) i * TensorMap.BYTES, TensorMap.BYTES), new TensorMap(element, dims, strides, new int[] {lines, 1}),
        address);
  }

  /** The cut that is expected to take the least time: work for all clusters, in few turns, with few sums to write and add up. */
  Cut cut(Factors f, int batch) {
    int slices = slices(f);
    Cut best = null;
    double least = Double.POSITIVE_INFINITY;
    for (int columns = 256; columns >= 128; columns -= 64) {
      for (int parts = 1; parts <= Math.clamp(slices / LEAST_SLICES, 1, MOST_PARTS); parts++) {
        int each = (slices + parts - 1) / parts;
        Cut cut = new Cut(columns, (slices + each - 1) / each, each);
        double time = time(f, batch, cut);
        if (time < least) {
          least = time;
          best = cut;
        }
      }
    }
    return best;
  }

  private double time(Factors f, int batch, Cut cut) {
    int clusters = multiprocessors / CLUSTER;
    double width = cut.columns() / 256.0;
    long pieces = AlignedProducts.tiles(f.m(), f.n(), CLUSTER * ROWS, cut.columns()) * batch * cut.parts();
    long turns = (pieces + clusters - 1) / clusters;
    return turns * (cut.each() * slice(cut.columns()) + TILE_COST * width)
        + (cut.parts() == 1 ? 0 : SUM_COST + (double) pieces / clusters * PART_COST * width);
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
