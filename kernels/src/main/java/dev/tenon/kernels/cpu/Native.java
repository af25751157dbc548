package dev.tenon.kernels.cpu;

import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;

/**
 * Dense F32 elements in native memory, by address. A segment checks its bounds and its life at every access, and the compiler cannot
 * move that out of a loop that writes: it cost a fourth of the time. Here {@link #address} checks the bounds of all a loop will touch.
 */
final class Native {
  private static final MemorySegment ALL = all();

  private Native() {}

  @SuppressWarnings("restricted")
  private static MemorySegment all() {
    return MemorySegment.NULL.reinterpret(Long.MAX_VALUE);
  }

  /** The address of {@code n} floats of {@code segment} from element {@code from} on, which must lie in it. */
  static long address(MemorySegment segment, long from, long n) {
    return segment.asSlice(from * Float.BYTES, n * Float.BYTES).address();
  }

  /** A vector of the elements from {@code i} on. */
  static FloatVector load(long address, int i) {
    return FloatVector.fromMemorySegment(Simd.F32, ALL, address + (long) i * Float.BYTES, Simd.ORDER);
  }

  /** Writes a vector to the elements from {@code i} on. */
  static void store(FloatVector vector, long address, int i) {
    vector.intoMemorySegment(ALL, address + (long) i * Float.BYTES, Simd.ORDER);
  }

  /** Writes element {@code i}. */
  static void set(long address, int i, float value) {
    ALL.set(Simd.FLOAT, address + (long) i * Float.BYTES, value);
  }

  /** Element {@code i}. */
  static float get(long address, int i) {
    return ALL.get(Simd.FLOAT, address + (long) i * Float.BYTES);
  }

  /**
   * Where the last vector of a row of {@code n} elements starts: it overlaps the one before, so that nothing beyond the row is touched.
   * A row shorter than a vector has one that reaches beyond it.
   */
  static int last(int n) {
    return Math.max(0, n - Simd.LANES);
  }
}
