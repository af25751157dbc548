package dev.tenon.kernels.cpu;

import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;

/**
 * A part of a matrix product that is held in registers while it is summed: {@code rows} times some vectors of columns. Both operands are
 * packed along the depth, A in strips of as many rows, B in panels of as many columns, interleaved element by element, so that every
 * address is one register and a constant. Each element is summed along the depth in order, so that tiles differ in speed alone.
 *
 * @param loops the inner loops of strips that are full, at most half full, at most a quarter full; each of one vector, of two, …
 */
record Tile(int rows, Loop[][] loops) {
  /** A row of zeros, where sums may begin; its rows are 0 apart. */
  static final float[] ZEROS = new float[64];
  /** Vectors of 512 bits come with 32 registers, and so do ARM's. */
  static final int REGISTERS = Simd.WIDEST == 16 || "aarch64".equals(System.getProperty("os.arch")) ? 32 : 16;

  /** The inner loop of tiles of one size. */
  interface Loop {
    /**
     * The tile of C at {@code ci} becomes that of {@code from} at {@code fi} plus A·B: A is a strip of depth {@code k} from {@code ai}, B a
     * panel from {@code bi}, {@code ldb} wide, rows of C are {@code ldf} and {@code ldc} apart.
     */
    void run(float[] a, int ai, float[] b, int bi, int ldb, int k, float[] from, int fi, int ldf, float[] c, int ci, int ldc);
  }

  /** The same with a strip's elements where they are: for depth p at {@code ai + offsets[oi + p]}. */
  interface Taps {
    void run(
        float[] a, int ai, float[] b, int bi, int ldb, int k, float[] from, int fi, int ldf, float[] c, int ci, int ldc, int[] offsets,
        int oi);
  }

  static Tile of(int rows, int vectors) {
    Loop[][] loops = IntStream.of(1, 2, 4).mapToObj(part -> loops(rows, (rows + part - 1) / part, vectors)).toArray(Loop[][]::new);
    return new Tile(rows, loops);
  }

  private static Loop[] loops(int height, int rows, int vectors) {
    return IntStream.rangeClosed(1, vectors).mapToObj(v -> {
      boolean loose = rows * v + rows + v <= REGISTERS;
      return TileCode.loop(height, rows, v, vectors * Simd.LANES, loose);
    }).toArray(Loop[]::new);
  }

  /** {@link #toString} of those that suit this processor, the one that suits most of its kind first. */
  static List<String> candidates() {
    return REGISTERS == 32 ? List.of("14x2", "6x4", "8x3", "8x2") : List.of("4x2", "5x2", "3x3", "6x2");
  }

  /** The one that is written so. */
  static Tile parse(String text) {
    int[] sides = Arrays.stream(text.split("x")).mapToInt(Integer::parseInt).toArray();
    return of(sides[0], sides[1]);
  }

  int columns() {
    return loops[0].length * Simd.LANES;
  }

  /** Runs the smallest loop that holds so many rows and columns, or the largest. */
  void run(
      int rows, int columns, float[] a, int ai, float[] b, int bi, int k, float[] from, int fi, int ldf, float[] c, int ci, int ldc) {
    int vectors = Math.min(loops[0].length, (columns + Simd.LANES - 1) / Simd.LANES);
    int part = rows > (this.rows + 1) / 2 ? 0 : rows > (this.rows + 3) / 4 ? 1 : 2;
    loops[part][vectors - 1].run(a, ai, b, bi, columns(), k, from, fi, ldf, c, ci, ldc);
  }

  @Override
  public String toString() {
    return rows + "x" + loops[0].length;
  }
}
