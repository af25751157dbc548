package dev.tenon.kernels.cpu;

import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;

/**
 * Matrix products with at most {@link #WIDTH} rows or columns, such as those of low-rank updates. They use each element of the other
 * operand so few times that packing it would take longer than the product: it is read from memory as it lies.
 */
final class Skinny {
  static final int WIDTH = 8;
  /** Columns whose sums a row's elements go into at a time. */
  private static final int GROUP = 4;
  /** Elements of the long operand that a task reads. */
  private static final int GRAIN = 1 << 16;
  /** Depth whose elements of the long operand stay in the first cache while they are used. */
  private static final int DEPTH = 64;
  /** Tasks to a thread, so that all end at about the same time. */
  private static final int TASKS = 2;

  private Skinny() {}

  /** Writes row-major C [m, n] = A·B at element {@code offset}, if one operand is narrow and the other lies well for that. */
  static boolean run(Workers workers, int m, int n, Lanes a, Lanes b, MemorySegment out, long offset) {
    if (n <= WIDTH && a.step() == 1 && a.length() >= Simd.LANES) {
      dots(workers, a, m, b, n, (column, row) -> offset + (long) row * n + column, out);
    } else if (m <= WIDTH && b.step() == 1 && b.length() >= Simd.LANES) {
      dots(workers, b, n, a, m, (row, column) -> offset + (long) row * n + column, out);
    } else if (n <= WIDTH && m >= Simd.LANES && a.adjacent(0, m)) {
      sums(workers, b, n, a, m, (column, row) -> offset + (long) row * n + column, out);
    } else if (m <= WIDTH && n >= Simd.LANES && b.adjacent(0, n)) {
      sums(workers, a, m, b, n, (row, column) -> offset + (long) row * n + column, out);
    } else {
      return false;
    }
    return true;
  }

  /** {@code wide} lanes, each without a gap in memory, which are read once, times {@code narrow} that the first cache holds. */
  private static void dots(Workers workers, Lanes many, int wide, Lanes few, int narrow, Place place, MemorySegment out) {
    int k = many.length();
    float[] lanes = new float[GROUP * ((narrow + GROUP - 1) / GROUP) * k];
    for (int j = 0; j < narrow; j++) {
      few.read(j, lanes, j * k);
    }
    int each = Math.max(1, GRAIN / k);
    workers.run((wide + each - 1) / each, task -> {
      float[] four = new float[GROUP];
      for (int i = task * each; i < Math.min(wide, (task + 1) * each); i++) {
        for (int j = 0; j < narrow; j += GROUP) {
          dot(many.data(), many.starts()[i], lanes, j * k, k, four);
          for (int c = 0; c < Math.min(GROUP, narrow - j); c++) {
            out.set(Simd.FLOAT, place.of(j + c, i) * 4, four[c]);
          }
        }
      }
    });
  }

  /** The products of {@code k} elements of {@code row} with four arrays that follow each other in {@code columns}. */
  private static void dot(MemorySegment row, long start, float[] columns, int at, int k, float[] sums) {
    FloatVector s0 = FloatVector.zero(Simd.F32);
    FloatVector s1 = s0;
    FloatVector s2 = s0;
    FloatVector s3 = s0;
    int p = 0;
    for (; p <= k - Simd.LANES; p += Simd.LANES) {
      FloatVector x = FloatVector.fromMemorySegment(Simd.F32, row, (start + p) * 4, Simd.ORDER);
      s0 = x.fma(FloatVector.fromArray(Simd.F32, columns, at + p), s0);
      s1 = x.fma(FloatVector.fromArray(Simd.F32, columns, at + k + p), s1);
      s2 = x.fma(FloatVector.fromArray(Simd.F32, columns, at + 2 * k + p), s2);
      s3 = x.fma(FloatVector.fromArray(Simd.F32, columns, at + 3 * k + p), s3);
    }
    sums[0] = VectorMath.total(s0);
    sums[1] = VectorMath.total(s1);
    sums[2] = VectorMath.total(s2);
    sums[3] = VectorMath.total(s3);
    for (; p < k; p++) {
      float x = row.get(Simd.FLOAT, (start + p) * 4);
      for (int c = 0; c < GROUP; c++) {
        sums[c] = Math.fma(x, columns[at + c * k + p], sums[c]);
      }
    }
  }

  /** Where an element of the result goes, by its narrow and its long index. */
  private interface Place {
    long of(int narrow, int wide);
  }

  /** {@code narrow} lanes, packed, times {@code wide} lanes that are neighbors in memory, which is read once and in order. */
  private static void sums(Workers workers, Lanes few, int narrow, Lanes many, int wide, Place place, MemorySegment out) {
    int k = few.length();
    float[] packed = new float[WIDTH * k];
    few.pack(0, narrow, 0, k, WIDTH, packed, 0);
    int vectors = (wide + Simd.LANES - 1) / Simd.LANES;
    int each = (vectors + TASKS * workers.threads() - 1) / (TASKS * workers.threads());
    workers.run((vectors + each - 1) / each, task -> {
      int from = task * each;
      int end = Math.min(vectors, from + each);
      float[] c = new float[each * WIDTH * Simd.LANES];
      for (int p = 0; p < k; p += DEPTH) {
        for (int v = from; v < end; v++) {
          long start = many.starts()[0] + column(v, wide) + p * many.step();
          tile(packed, p * WIDTH, many.data(), start, many.step(), Math.min(DEPTH, k - p), c, (v - from) * WIDTH * Simd.LANES);
        }
      }
      for (int v = from; v < end; v++) {
        for (int i = 0; i < narrow * Simd.LANES; i++) {
          out.set(Simd.FLOAT, place.of(i / Simd.LANES, column(v, wide) + i % Simd.LANES) * 4, c[(v - from) * WIDTH * Simd.LANES + i]);
        }
      }
    });
  }

  /** The first column of a vector; the last two overlap. */
  private static int column(int vector, int wide) {
    return Math.min(vector * Simd.LANES, wide - Simd.LANES);
  }

  /** Adds the products of {@code k} elements of eight packed lanes with a vector of lanes {@code step} apart to the sums at {@code ci}. */
  private static void tile(float[] a, int ai, MemorySegment b, long start, long step, int k, float[] c, int ci) {
    int l = Simd.LANES;
    FloatVector c0 = FloatVector.fromArray(Simd.F32, c, ci);
    FloatVector c1 = FloatVector.fromArray(Simd.F32, c, ci + l);
    FloatVector c2 = FloatVector.fromArray(Simd.F32, c, ci + 2 * l);
    FloatVector c3 = FloatVector.fromArray(Simd.F32, c, ci + 3 * l);
    FloatVector c4 = FloatVector.fromArray(Simd.F32, c, ci + 4 * l);
    FloatVector c5 = FloatVector.fromArray(Simd.F32, c, ci + 5 * l);
    FloatVector c6 = FloatVector.fromArray(Simd.F32, c, ci + 6 * l);
    FloatVector c7 = FloatVector.fromArray(Simd.F32, c, ci + 7 * l);
    for (int p = 0; p < k; p++) {
      FloatVector x = FloatVector.fromMemorySegment(Simd.F32, b, (start + p * step) * 4, Simd.ORDER);
      c0 = x.fma(FloatVector.broadcast(Simd.F32, a[ai + p * WIDTH]), c0);
      c1 = x.fma(FloatVector.broadcast(Simd.F32, a[ai + p * WIDTH + 1]), c1);
      c2 = x.fma(FloatVector.broadcast(Simd.F32, a[ai + p * WIDTH + 2]), c2);
      c3 = x.fma(FloatVector.broadcast(Simd.F32, a[ai + p * WIDTH + 3]), c3);
      c4 = x.fma(FloatVector.broadcast(Simd.F32, a[ai + p * WIDTH + 4]), c4);
      c5 = x.fma(FloatVector.broadcast(Simd.F32, a[ai + p * WIDTH + 5]), c5);
      c6 = x.fma(FloatVector.broadcast(Simd.F32, a[ai + p * WIDTH + 6]), c6);
      c7 = x.fma(FloatVector.broadcast(Simd.F32, a[ai + p * WIDTH + 7]), c7);
    }
    c0.intoArray(c, ci);
    c1.intoArray(c, ci + l);
    c2.intoArray(c, ci + 2 * l);
    c3.intoArray(c, ci + 3 * l);
    c4.intoArray(c, ci + 4 * l);
    c5.intoArray(c, ci + 5 * l);
    c6.intoArray(c, ci + 6 * l);
    c7.intoArray(c, ci + 7 * l);
  }
}
