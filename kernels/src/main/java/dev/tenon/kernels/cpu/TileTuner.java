package dev.tenon.kernels.cpu;

import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Random;
import java.util.stream.IntStream;

/** Finds the fastest {@link Tile}: has each compute a block of a matrix product, as {@link Gemm} does. */
final class TileTuner {
  /** A multiple of the rows of most tiles. */
  private static final int ROWS = 168;
  private static final int COLUMNS = 192;
  private static final int DEPTH = 768;
  /** Rounds in which the compiler is done with all of them, and those that count. */
  private static final int WARM = 60;
  private static final int ROUNDS = 200;
  /** By how much another tile has to be faster than the default one, so that noise changes nothing. */
  private static final double MARGIN = 0.97;

  private final float[] a = random(ROWS * DEPTH);
  private final float[] b = random(COLUMNS * DEPTH);
  private final float[] c = new float[ROWS * COLUMNS];
  private String report = "";

  private static float[] random(int size) {
    Random random = new Random(size);
    float[] values = new float[size];
    for (int i = 0; i < size; i++) {
      values[i] = random.nextFloat() - 0.5f;
    }
    return values;
  }

  /** Measures; the fastest of all candidates. */
  String tune() {
    List<String> names = Tile.candidates();
    List<Tile> tiles = names.stream().map(Tile::parse).toList();
    double[] nanos = new double[tiles.size()];
    Arrays.fill(nanos, Double.POSITIVE_INFINITY);
    // By turns, so that a slow moment of the machine meets all of them.
    for (int i = 0; i < (WARM + ROUNDS) * nanos.length; i++) {
      int tile = i % nanos.length;
      double now = nanos(tiles.get(tile));
      nanos[tile] = i < WARM * nanos.length ? nanos[tile] : Math.min(nanos[tile], now);
    }
    int fastest = IntStream.range(0, nanos.length).boxed().min((i, j) -> Double.compare(nanos[i], nanos[j])).orElseThrow();
    String chosen = names.get(nanos[fastest] < MARGIN * nanos[0] ? fastest : 0);
    List<String> rates =
        IntStream.range(0, nanos.length).mapToObj(i -> String.format(Locale.ROOT, "%s %.0f GFLOP/s", names.get(i), 2 / nanos[i])).toList();
    report = "tile of matrix products (rows x vectors): " + chosen + " of " + String.join(", ", rates);
    return chosen;
  }

  /** For people: what was chosen, and from what. */
  String report() {
    return report;
  }

  /** What a multiplication takes. */
  private double nanos(Tile tile) {
    int rows = ROWS / tile.rows() * tile.rows();
    int columns = COLUMNS / tile.columns() * tile.columns();
    long start = System.nanoTime();
    for (int y = 0; y < rows; y += tile.rows()) {
      for (int x = 0; x < columns; x += tile.columns()) {
        tile.run(tile.rows(), tile.columns(), a, y * DEPTH, b, x * DEPTH, DEPTH, Tile.ZEROS, 0, 0, c, y * columns + x, columns);
      }
    }
    return (System.nanoTime() - start) / ((double) rows * columns * DEPTH);
  }
}
