package dev.tenon.kernels.cpu;

import java.util.Arrays;

/**
 * The maps of a few reference pixels at a time, of all the pairs of pixels the only ones in memory: their products with every pixel's
 * features, a map a task, and the map these are mixed to.
 */
final class AffinityBlock {
  /** Reference pixels of a block. */
  static final int ROWS = 2 * ConvTiles.ROWS;

  private final AffinityPlanes planes;
  private final int tasks;
  private final float[] weight;
  private final int[] kernel;
  private final int size;
  /** Row {@code t·ROWS + r} is task t's map of pixel r. */
  final float[] products;
  final float[] mixed;

  AffinityBlock(AffinityPlanes planes, int tasks, float[] weight) {
    this.planes = planes;
    this.tasks = tasks;
    this.weight = weight;
    this.size = planes.size();
    this.kernel = planes.kernel(1);
    this.products = new float[tasks * ROWS * size];
    this.mixed = new float[ROWS * size];
  }

  /** The elements of {@code count} planes at pixels {@code q} …: a row for each pixel of a block, zero beyond the image. */
  static float[] columns(AffinityPlanes planes, float[] from, int first, int count, int q) {
    float[] columns = new float[ROWS * count];
    for (int r = 0; r < Math.min(ROWS, planes.pixels() - q); r++) {
      int at = planes.lead() + planes.at(q + r);
      for (int c = 0; c < count; c++) {
        columns[r * count + c] = from[(first + c) * planes.size() + at];
      }
    }
    return columns;
  }

  /** A matrix with a row for each pixel of a block as one with a row for each column, and some rows to spare. */
  static float[] turned(float[] rows, int columns) {
    float[] turned = new float[ConvTiles.roundUp(columns, ConvTiles.ROWS) * ROWS];
    for (int c = 0; c < columns; c++) {
      for (int r = 0; r < ROWS; r++) {
        turned[c * ROWS + r] = rows[r * columns + c];
      }
    }
    return turned;
  }

  /**
   * Adds to the rows of {@code to}, {@code at} into each, the sums of {@code depth} planes of {@code from} weighted by a matrix with as
   * many columns.
   */
  void addPlanes(float[] matrix, int rows, float[] from, int[] starts, int depth, float[] to, int first) {
    for (int i = 0; i < planes.length(); i += ConvTiles.WIDE) {
      for (int r = 0; r < rows; r += ConvTiles.ROWS) {
        ConvTiles.four(matrix, r * depth, depth, from, planes.lead() + i, starts, 0, depth, to,
            (first + r) * size + planes.lead() + i, size);
      }
    }
  }

  /** Fills in the maps of reference pixels {@code q} …; {@code features} has a matrix of {@link #columns} for each task. */
  void compute(int q, float[][] features, float[] f, int[] starts, int channels, float[] bias) {
    Arrays.fill(products, 0);
    Arrays.fill(mixed, 0);
    for (int t = 0; t < tasks; t++) {
      int first = t * channels;
      int[] own = Arrays.copyOfRange(starts, first, first + channels);
      addPlanes(features[t], ROWS, f, own, channels, products, t * ROWS);
    }
    for (int r = 0; r < Math.min(ROWS, planes.pixels() - q); r++) {
      int row = r * size + planes.lead();
      Arrays.fill(mixed, row, row + planes.length(), bias[q + r]);
      for (int t = 0; t < tasks; t++) {
        for (int i = 0; i < planes.length(); i += ConvTiles.LONG) {
          ConvTiles.one(weight, ((q + r) * tasks + t) * 9, products, (t * ROWS + r) * size + i, kernel, 0, 9, mixed, row + i);
        }
      }
    }
  }

  /**
   * The scalar products of each of the block's rows in {@code maps}, from row {@code first} on, with each of {@code count} planes:
   * a row for each plane.
   */
  float[] dots(float[] maps, int first, float[] from, int[] starts, int count) {
    int taps = ConvTiles.roundUp(count, ConvTiles.SUM_TAPS);
    int[] offsets = new int[taps];
    Arrays.setAll(offsets, c -> starts[Math.min(c, count - 1)] + planes.lead());
    float[] sums = new float[ROWS * taps * Simd.LANES];
    for (int r = 0; r < ROWS; r += ConvTiles.ROWS) {
      for (int c = 0; c < count; c += ConvTiles.SUM_TAPS) {
        ConvTiles.fourSums(maps, (first + r) * size + planes.lead(), size, from, offsets, c, planes.length(), sums,
            (r * taps + c) * Simd.LANES, taps * Simd.LANES);
      }
    }
    ConvTiles.addLanes(sums, sums.length);
    float[] dots = new float[count * ROWS];
    for (int c = 0; c < count; c++) {
      for (int r = 0; r < ROWS; r++) {
        dots[c * ROWS + r] = sums[(r * taps + c) * Simd.LANES];
      }
    }
    return dots;
  }
}
