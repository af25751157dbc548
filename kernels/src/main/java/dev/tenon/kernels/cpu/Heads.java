package dev.tenon.kernels.cpu;

import dev.tenon.engine.Layout;
import dev.tenon.engine.Tensor;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorSpecies;

/** The matrix products of attention: small ones, whose operands are packed a head at a time, from memory or from scores. */
final class Heads {
  /** Two vectors wide, which divides the channels of most heads. */
  private static final Tile TILE = Simd.LANES == 16 ? Tile.of(8, 2) : Tile.of(4, 2);
  static final int WIDTH = TILE.columns();
  static final int ROWS = TILE.rows();
  /** A strip's elements of one depth. */
  private static final VectorSpecies<Float> STRIP = ROWS == 8 ? FloatVector.SPECIES_256 : FloatVector.SPECIES_128;
  /** Queries of one head that are worked on at once, at most. */
  private static final int BLOCK = 64;
  /** Scores of a block, which should stay in the second cache. */
  private static final int SCORES = 1 << 15;
  /** Tasks that heads are shared out to, at most. */
  private static final int TASKS = 32;

  private Heads() {}

  /** Heads a task works on, one after the other, in the same arrays. */
  static int group(int heads) {
    return (heads + TASKS - 1) / TASKS;
  }

  static int roundUp(int n, int unit) {
    return (n + unit - 1) / unit * unit;
  }

  /** Queries to work on at once when each has {@code keys} scores: a multiple of {@link #ROWS}. */
  static int block(int queries, int keys) {
    int most = Math.max(ROWS, Math.min(BLOCK, SCORES / Math.max(1, keys)) / ROWS * ROWS);
    return Math.min(most, roundUp(queries, ROWS));
  }

  /** A tensor [B, N, H, d] as [B, H, N, d]: each head's rows follow each other. */
  static Strided of(Tensor tensor) {
    return Strided.of(tensor, tensor.layout().permute(0, 2, 1, 3));
  }

  /** The N rows of one head of [B, N, H, d]. */
  static Lanes rows(Tensor tensor, int head) {
    return rows(tensor, head, 0, (int) tensor.dim(1));
  }

  /** {@code count} of the N rows of one head of [B, N, H, d]. */
  static Lanes rows(Tensor tensor, int head, int first, int count) {
    Layout layout = tensor.layout();
    long[] starts = Lanes.spaced(start(tensor, head) + first * layout.stride(1), count, layout.stride(1));
    return new Lanes(tensor.storage().segment(), starts, count, layout.stride(3), (int) tensor.dim(3));
  }

  /** The d columns of one head of [B, N, H, d]. */
  static Lanes columns(Tensor tensor, int head) {
    Layout layout = tensor.layout();
    int d = (int) tensor.dim(3);
    return new Lanes(
        tensor.storage().segment(), Lanes.spaced(start(tensor, head), d, layout.stride(3)), d, layout.stride(1), (int) tensor.dim(1));
  }

  private static long start(Tensor tensor, int head) {
    Layout layout = tensor.layout();
    int heads = (int) tensor.dim(2);
    return layout.offset() + head / heads * layout.stride(0) + head % heads * layout.stride(2);
  }

  /**
   * C = A·B: A [m, k] is packed in strips, B [k, n] in panels, C is row-major with rows {@code ldc} apart and touched up to a multiple of
   * {@link #ROWS} rows and one of {@link #WIDTH} columns.
   */
  static void product(float[] a, float[] b, int m, int n, int k, float[] c, int ldc) {
    for (int x = 0; x < n; x += WIDTH) {
      for (int y = 0; y < m; y += ROWS) {
        TILE.run(m - y, n - x, a, y * k, b, x * k, k, Tile.ZEROS, 0, 0, c, y * ldc + x, ldc);
      }
    }
  }

  /** C += A·B, likewise. */
  static void addProduct(float[] a, float[] b, int m, int n, int k, float[] c, int ldc) {
    for (int x = 0; x < n; x += WIDTH) {
      for (int y = 0; y < m; y += ROWS) {
        TILE.run(m - y, n - x, a, y * k, b, x * k, k, c, y * ldc + x, ldc, c, y * ldc + x, ldc);
      }
    }
  }

  /** Packs the rows of row-major [m, n] in strips; {@code x} has a multiple of {@link #ROWS} rows. */
  static void strips(float[] x, int ld, int m, int n, float[] packed) {
    for (int y = 0; y < m; y += ROWS) {
      Transpose.run(x, y * ld, ld, ROWS, n, packed, y * n, ROWS);
    }
  }

  /** Packs the columns of row-major [m, n] in strips; {@code x} is {@link #ROWS} longer than that. */
  static void columnStrips(float[] x, int ld, int m, int n, float[] packed) {
    for (int c = 0; c < n; c += ROWS) {
      for (int p = 0; p < m; p++) {
        FloatVector.fromArray(STRIP, x, p * ld + c).intoArray(packed, c * m + p * ROWS);
      }
    }
  }

  /** Writes the {@link #WIDTH}-padded rows of [m, d] to rows {@code first} … of one head of {@code to} [B, N, H, d]. */
  static void write(float[] c, int m, int d, Tensor to, int head, int first) {
    Lanes rows = rows(to, head, first, m);
    int ldc = roundUp(d, WIDTH);
    for (int i = 0; i < m; i++) {
      rows.write(i, c, i * ldc);
    }
  }
}
