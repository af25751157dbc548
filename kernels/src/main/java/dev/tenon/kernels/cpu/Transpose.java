package dev.tenon.kernels.cpu;

import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorShuffle;
import jdk.incubator.vector.VectorSpecies;

/** Reads rows from memory as the columns of an array, in squares of 4 × 4 held in registers. */
final class Transpose {
  private static final VectorSpecies<Float> F32X4 = FloatVector.SPECIES_128;
  private static final VectorShuffle<Float> LOW = pairs(0, 4, 1, 5);
  private static final VectorShuffle<Float> HIGH = pairs(2, 6, 3, 7);
  private static final VectorShuffle<Float> FIRST = pairs(0, 1, 4, 5);
  private static final VectorShuffle<Float> SECOND = pairs(2, 3, 6, 7);

  private Transpose() {}

  /** A shuffle of two vectors; lanes from 4 on are the second's. */
  private static VectorShuffle<Float> pairs(int... lanes) {
    return VectorShuffle.fromOp(F32X4, i -> lanes[i] < 4 ? lanes[i] : lanes[i] - 8);
  }

  /** {@code to[at + c·ld + r]} is element {@code c} of the row that starts at element {@code rows[r]} of {@code data}. */
  static void run(MemorySegment data, long[] rows, int columns, float[] to, int at, int ld) {
    int r = 0;
    for (; r + 4 <= rows.length; r += 4) {
      int c = 0;
      for (; c + 4 <= columns; c += 4) {
        square(data, rows[r] + c, rows[r + 1] + c, rows[r + 2] + c, rows[r + 3] + c, to, at + c * ld + r, ld);
      }
      rest(data, rows, r, 4, c, columns, to, at, ld);
    }
    rest(data, rows, r, rows.length - r, 0, columns, to, at, ld);
  }

  private static void square(MemorySegment data, long s0, long s1, long s2, long s3, float[] to, int at, int ld) {
    FloatVector r0 = load(data, s0);
    FloatVector r1 = load(data, s1);
    FloatVector r2 = load(data, s2);
    FloatVector r3 = load(data, s3);
    FloatVector low01 = r0.rearrange(LOW, r1);
    FloatVector low23 = r2.rearrange(LOW, r3);
    FloatVector high01 = r0.rearrange(HIGH, r1);
    FloatVector high23 = r2.rearrange(HIGH, r3);
    low01.rearrange(FIRST, low23).intoArray(to, at);
    low01.rearrange(SECOND, low23).intoArray(to, at + ld);
    high01.rearrange(FIRST, high23).intoArray(to, at + 2 * ld);
    high01.rearrange(SECOND, high23).intoArray(to, at + 3 * ld);
  }

  private static FloatVector load(MemorySegment data, long start) {
    return FloatVector.fromMemorySegment(F32X4, data, start * 4, Simd.ORDER);
  }

  private static void rest(MemorySegment data, long[] rows, int r, int count, int from, int columns, float[] to, int at, int ld) {
    for (int i = r; i < r + count; i++) {
      for (int c = from; c < columns; c++) {
        to[at + c * ld + i] = data.get(Simd.FLOAT, (rows[i] + c) * 4);
      }
    }
  }
}
