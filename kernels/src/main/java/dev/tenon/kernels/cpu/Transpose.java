package dev.tenon.kernels.cpu;

import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorShuffle;
import jdk.incubator.vector.VectorSpecies;

/** Reads rows as the columns of an array, in pieces of 16 × 16, 8 × 16 or 4 × 4 held in registers. */
final class Transpose {
  /** Rows that can be read at once, and have to be there. */
  static final int LEAST = 16;
  private static final VectorSpecies<Float> F32X4 = FloatVector.SPECIES_128;
  private static final VectorShuffle<Float> LOW = pairs(0, 4, 1, 5);
  private static final VectorShuffle<Float> HIGH = pairs(2, 6, 3, 7);
  private static final VectorShuffle<Float> FIRST = pairs(0, 1, 4, 5);
  private static final VectorShuffle<Float> SECOND = pairs(2, 3, 6, 7);
  private static final VectorSpecies<Float> F32X16 = FloatVector.SPECIES_512;
  /** The lower and the upper halves of two vectors, their lanes by turns. */
  private static final VectorShuffle<Float> LOWER = turns(0);
  private static final VectorShuffle<Float> UPPER = turns(8);

  private Transpose() {}

  /** A shuffle of two vectors; lanes from 4 on are the second's. */
  private static VectorShuffle<Float> pairs(int... lanes) {
    return VectorShuffle.fromOp(F32X4, i -> lanes[i] < 4 ? lanes[i] : lanes[i] - 8);
  }

  private static VectorShuffle<Float> turns(int from) {
    return VectorShuffle.fromOp(F32X16, i -> i % 2 == 0 ? from + i / 2 : from + i / 2 - 16);
  }

  /**
   * {@code to[at + c·ld + r]} is element {@code c} of the row that starts at element {@code rows[r]} of {@code data}, for {@code count}
   * rows. Where these are fewer than {@link #LEAST}, starts of others have to follow: they are read, too.
   */
  static void run(MemorySegment data, long[] rows, int count, int columns, float[] to, int at, int ld) {
    int r = 0;
    int from = 0;
    if (Simd.LANES == 16 && count == 8 && ld == 8) {
      for (; from + 16 <= columns; from += 16) {
        strip(data, rows, from, to, at + from * 8);
      }
      rest(data, rows, 0, 8, from, columns, to, at, 8);
      return;
    }
    for (; Simd.LANES == 16 && r + 16 <= count; r += 16) {
      int c = 0;
      for (; c + 16 <= columns; c += 16) {
        wide(data, rows, r, c, to, at + c * ld + r, ld);
      }
      rest(data, rows, r, 16, c, columns, to, at, ld);
    }
    // Fewer rows, without a gap between columns: what is written too much for a column, the next one overwrites.
    for (; Simd.LANES == 16 && count > 8 && count < 16 && ld == count && from + 17 <= columns; from += 16) {
      wide(data, rows, 0, from, to, at + from * ld, ld);
    }
    for (; r + 1 < count && count >= 4; r += 4) {
      int first = Math.min(r, count - 4);
      int c = from;
      for (; c + 4 <= columns; c += 4) {
        square(data, rows[first] + c, rows[first + 1] + c, rows[first + 2] + c, rows[first + 3] + c, to, at + c * ld + first, ld);
      }
      rest(data, rows, first, 4, c, columns, to, at, ld);
    }
    rest(data, rows, r, count - r, from, columns, to, at, ld);
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

  /**
   * Taking rows i and i + 8 by turns, four times, turns rows into columns. In one piece: vectors passed to a method of our own are made
   * objects, which triples its time.
   */
  private static void wide(MemorySegment data, long[] rows, int r, int c, float[] to, int at, int ld) {
    FloatVector r0 = FloatVector.fromMemorySegment(F32X16, data, (rows[r] + c) * 4, Simd.ORDER);
    FloatVector r1 = FloatVector.fromMemorySegment(F32X16, data, (rows[r + 1] + c) * 4, Simd.ORDER);
    FloatVector r2 = FloatVector.fromMemorySegment(F32X16, data, (rows[r + 2] + c) * 4, Simd.ORDER);
    FloatVector r3 = FloatVector.fromMemorySegment(F32X16, data, (rows[r + 3] + c) * 4, Simd.ORDER);
    FloatVector r4 = FloatVector.fromMemorySegment(F32X16, data, (rows[r + 4] + c) * 4, Simd.ORDER);
    FloatVector r5 = FloatVector.fromMemorySegment(F32X16, data, (rows[r + 5] + c) * 4, Simd.ORDER);
    FloatVector r6 = FloatVector.fromMemorySegment(F32X16, data, (rows[r + 6] + c) * 4, Simd.ORDER);
    FloatVector r7 = FloatVector.fromMemorySegment(F32X16, data, (rows[r + 7] + c) * 4, Simd.ORDER);
    FloatVector r8 = FloatVector.fromMemorySegment(F32X16, data, (rows[r + 8] + c) * 4, Simd.ORDER);
    FloatVector r9 = FloatVector.fromMemorySegment(F32X16, data, (rows[r + 9] + c) * 4, Simd.ORDER);
    FloatVector r10 = FloatVector.fromMemorySegment(F32X16, data, (rows[r + 10] + c) * 4, Simd.ORDER);
    FloatVector r11 = FloatVector.fromMemorySegment(F32X16, data, (rows[r + 11] + c) * 4, Simd.ORDER);
    FloatVector r12 = FloatVector.fromMemorySegment(F32X16, data, (rows[r + 12] + c) * 4, Simd.ORDER);
    FloatVector r13 = FloatVector.fromMemorySegment(F32X16, data, (rows[r + 13] + c) * 4, Simd.ORDER);
    FloatVector r14 = FloatVector.fromMemorySegment(F32X16, data, (rows[r + 14] + c) * 4, Simd.ORDER);
    FloatVector r15 = FloatVector.fromMemorySegment(F32X16, data, (rows[r + 15] + c) * 4, Simd.ORDER);
    FloatVector s0 = r0.rearrange(LOWER, r8), s1 = r0.rearrange(UPPER, r8);
    FloatVector s2 = r1.rearrange(LOWER, r9), s3 = r1.rearrange(UPPER, r9);
    FloatVector s4 = r2.rearrange(LOWER, r10), s5 = r2.rearrange(UPPER, r10);
    FloatVector s6 = r3.rearrange(LOWER, r11), s7 = r3.rearrange(UPPER, r11);
    FloatVector s8 = r4.rearrange(LOWER, r12), s9 = r4.rearrange(UPPER, r12);
    FloatVector s10 = r5.rearrange(LOWER, r13), s11 = r5.rearrange(UPPER, r13);
    FloatVector s12 = r6.rearrange(LOWER, r14), s13 = r6.rearrange(UPPER, r14);
    FloatVector s14 = r7.rearrange(LOWER, r15), s15 = r7.rearrange(UPPER, r15);
    FloatVector t0 = s0.rearrange(LOWER, s8), t1 = s0.rearrange(UPPER, s8);
    FloatVector t2 = s1.rearrange(LOWER, s9), t3 = s1.rearrange(UPPER, s9);
    FloatVector t4 = s2.rearrange(LOWER, s10), t5 = s2.rearrange(UPPER, s10);
    FloatVector t6 = s3.rearrange(LOWER, s11), t7 = s3.rearrange(UPPER, s11);
    FloatVector t8 = s4.rearrange(LOWER, s12), t9 = s4.rearrange(UPPER, s12);
    FloatVector t10 = s5.rearrange(LOWER, s13), t11 = s5.rearrange(UPPER, s13);
    FloatVector t12 = s6.rearrange(LOWER, s14), t13 = s6.rearrange(UPPER, s14);
    FloatVector t14 = s7.rearrange(LOWER, s15), t15 = s7.rearrange(UPPER, s15);
    FloatVector u0 = t0.rearrange(LOWER, t8), u1 = t0.rearrange(UPPER, t8);
    FloatVector u2 = t1.rearrange(LOWER, t9), u3 = t1.rearrange(UPPER, t9);
    FloatVector u4 = t2.rearrange(LOWER, t10), u5 = t2.rearrange(UPPER, t10);
    FloatVector u6 = t3.rearrange(LOWER, t11), u7 = t3.rearrange(UPPER, t11);
    FloatVector u8 = t4.rearrange(LOWER, t12), u9 = t4.rearrange(UPPER, t12);
    FloatVector u10 = t5.rearrange(LOWER, t13), u11 = t5.rearrange(UPPER, t13);
    FloatVector u12 = t6.rearrange(LOWER, t14), u13 = t6.rearrange(UPPER, t14);
    FloatVector u14 = t7.rearrange(LOWER, t15), u15 = t7.rearrange(UPPER, t15);
    u0.rearrange(LOWER, u8).intoArray(to, at);
    u0.rearrange(UPPER, u8).intoArray(to, at + ld);
    u1.rearrange(LOWER, u9).intoArray(to, at + 2 * ld);
    u1.rearrange(UPPER, u9).intoArray(to, at + 3 * ld);
    u2.rearrange(LOWER, u10).intoArray(to, at + 4 * ld);
    u2.rearrange(UPPER, u10).intoArray(to, at + 5 * ld);
    u3.rearrange(LOWER, u11).intoArray(to, at + 6 * ld);
    u3.rearrange(UPPER, u11).intoArray(to, at + 7 * ld);
    u4.rearrange(LOWER, u12).intoArray(to, at + 8 * ld);
    u4.rearrange(UPPER, u12).intoArray(to, at + 9 * ld);
    u5.rearrange(LOWER, u13).intoArray(to, at + 10 * ld);
    u5.rearrange(UPPER, u13).intoArray(to, at + 11 * ld);
    u6.rearrange(LOWER, u14).intoArray(to, at + 12 * ld);
    u6.rearrange(UPPER, u14).intoArray(to, at + 13 * ld);
    u7.rearrange(LOWER, u15).intoArray(to, at + 14 * ld);
    u7.rearrange(UPPER, u15).intoArray(to, at + 15 * ld);
  }

  /** The same for rows {@code ld} apart in an array: {@code to[first + c·step + r]} is element {@code c} of row {@code r}. */
  static void run(float[] data, int at, int ld, int rows, int columns, float[] to, int first, int step) {
    int width = Simd.LANES == 16 && rows == 8 && step == 8 ? 16 : 4;
    int whole = columns / width * width;
    int r = 0;
    for (int c = 0; width == 16 && c < whole; c += width) {
      strip(data, at + c, ld, to, first + c * 8);
    }
    for (; width == 4 && r + 4 <= rows; r += 4) {
      int row = at + r * ld;
      for (int c = 0; c < whole; c += 4) {
        FloatVector r0 = FloatVector.fromArray(F32X4, data, row + c);
        FloatVector r1 = FloatVector.fromArray(F32X4, data, row + ld + c);
        FloatVector r2 = FloatVector.fromArray(F32X4, data, row + 2 * ld + c);
        FloatVector r3 = FloatVector.fromArray(F32X4, data, row + 3 * ld + c);
        FloatVector low01 = r0.rearrange(LOW, r1);
        FloatVector low23 = r2.rearrange(LOW, r3);
        FloatVector high01 = r0.rearrange(HIGH, r1);
        FloatVector high23 = r2.rearrange(HIGH, r3);
        int target = first + c * step + r;
        low01.rearrange(FIRST, low23).intoArray(to, target);
        low01.rearrange(SECOND, low23).intoArray(to, target + step);
        high01.rearrange(FIRST, high23).intoArray(to, target + 2 * step);
        high01.rearrange(SECOND, high23).intoArray(to, target + 3 * step);
      }
    }
    for (int i = 0; i < rows; i++) {
      for (int c = i < r || width == 16 ? whole : 0; c < columns; c++) {
        to[first + c * step + i] = data[at + i * ld + c];
      }
    }
  }

  /** 16 columns of 8 rows, one after the other: taking rows i and i + 4 by turns, three times. */
  private static void strip(MemorySegment data, long[] rows, int c, float[] to, int at) {
    FloatVector r0 = FloatVector.fromMemorySegment(F32X16, data, (rows[0] + c) * 4, Simd.ORDER);
    FloatVector r1 = FloatVector.fromMemorySegment(F32X16, data, (rows[1] + c) * 4, Simd.ORDER);
    FloatVector r2 = FloatVector.fromMemorySegment(F32X16, data, (rows[2] + c) * 4, Simd.ORDER);
    FloatVector r3 = FloatVector.fromMemorySegment(F32X16, data, (rows[3] + c) * 4, Simd.ORDER);
    FloatVector r4 = FloatVector.fromMemorySegment(F32X16, data, (rows[4] + c) * 4, Simd.ORDER);
    FloatVector r5 = FloatVector.fromMemorySegment(F32X16, data, (rows[5] + c) * 4, Simd.ORDER);
    FloatVector r6 = FloatVector.fromMemorySegment(F32X16, data, (rows[6] + c) * 4, Simd.ORDER);
    FloatVector r7 = FloatVector.fromMemorySegment(F32X16, data, (rows[7] + c) * 4, Simd.ORDER);
    FloatVector s0 = r0.rearrange(LOWER, r4), s1 = r0.rearrange(UPPER, r4);
    FloatVector s2 = r1.rearrange(LOWER, r5), s3 = r1.rearrange(UPPER, r5);
    FloatVector s4 = r2.rearrange(LOWER, r6), s5 = r2.rearrange(UPPER, r6);
    FloatVector s6 = r3.rearrange(LOWER, r7), s7 = r3.rearrange(UPPER, r7);
    FloatVector t0 = s0.rearrange(LOWER, s4), t1 = s0.rearrange(UPPER, s4);
    FloatVector t2 = s1.rearrange(LOWER, s5), t3 = s1.rearrange(UPPER, s5);
    FloatVector t4 = s2.rearrange(LOWER, s6), t5 = s2.rearrange(UPPER, s6);
    FloatVector t6 = s3.rearrange(LOWER, s7), t7 = s3.rearrange(UPPER, s7);
    t0.rearrange(LOWER, t4).intoArray(to, at);
    t0.rearrange(UPPER, t4).intoArray(to, at + 16);
    t1.rearrange(LOWER, t5).intoArray(to, at + 32);
    t1.rearrange(UPPER, t5).intoArray(to, at + 48);
    t2.rearrange(LOWER, t6).intoArray(to, at + 64);
    t2.rearrange(UPPER, t6).intoArray(to, at + 80);
    t3.rearrange(LOWER, t7).intoArray(to, at + 96);
    t3.rearrange(UPPER, t7).intoArray(to, at + 112);
  }

  private static void strip(float[] data, int from, int ld, float[] to, int at) {
    FloatVector r0 = FloatVector.fromArray(F32X16, data, from);
    FloatVector r1 = FloatVector.fromArray(F32X16, data, from + ld);
    FloatVector r2 = FloatVector.fromArray(F32X16, data, from + 2 * ld);
    FloatVector r3 = FloatVector.fromArray(F32X16, data, from + 3 * ld);
    FloatVector r4 = FloatVector.fromArray(F32X16, data, from + 4 * ld);
    FloatVector r5 = FloatVector.fromArray(F32X16, data, from + 5 * ld);
    FloatVector r6 = FloatVector.fromArray(F32X16, data, from + 6 * ld);
    FloatVector r7 = FloatVector.fromArray(F32X16, data, from + 7 * ld);
    FloatVector s0 = r0.rearrange(LOWER, r4), s1 = r0.rearrange(UPPER, r4);
    FloatVector s2 = r1.rearrange(LOWER, r5), s3 = r1.rearrange(UPPER, r5);
    FloatVector s4 = r2.rearrange(LOWER, r6), s5 = r2.rearrange(UPPER, r6);
    FloatVector s6 = r3.rearrange(LOWER, r7), s7 = r3.rearrange(UPPER, r7);
    FloatVector t0 = s0.rearrange(LOWER, s4), t1 = s0.rearrange(UPPER, s4);
    FloatVector t2 = s1.rearrange(LOWER, s5), t3 = s1.rearrange(UPPER, s5);
    FloatVector t4 = s2.rearrange(LOWER, s6), t5 = s2.rearrange(UPPER, s6);
    FloatVector t6 = s3.rearrange(LOWER, s7), t7 = s3.rearrange(UPPER, s7);
    t0.rearrange(LOWER, t4).intoArray(to, at);
    t0.rearrange(UPPER, t4).intoArray(to, at + 16);
    t1.rearrange(LOWER, t5).intoArray(to, at + 32);
    t1.rearrange(UPPER, t5).intoArray(to, at + 48);
    t2.rearrange(LOWER, t6).intoArray(to, at + 64);
    t2.rearrange(UPPER, t6).intoArray(to, at + 80);
    t3.rearrange(LOWER, t7).intoArray(to, at + 96);
    t3.rearrange(UPPER, t7).intoArray(to, at + 112);
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
