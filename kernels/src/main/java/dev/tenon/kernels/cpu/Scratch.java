package dev.tenon.kernels.cpu;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/** Arrays and memory that a thread uses again and again, by number; a task finds in them whatever the last one left. */
final class Scratch {
  /** The number of what a computation on rows needs beside its operands and results. */
  static final int ROOM = 15;
  private static final int NUMBERS = 16;
  private static final ThreadLocal<float[][]> ARRAYS = ThreadLocal.withInitial(() -> new float[NUMBERS][0]);

  private static final ThreadLocal<MemorySegment[]> MEMORY = ThreadLocal.withInitial(() -> new MemorySegment[NUMBERS]);

  private Scratch() {}

  /** This thread's array {@code number}, of at least {@code size} elements; a kernel calls each number its own until its task ends. */
  static float[] array(int number, int size) {
    float[][] arrays = ARRAYS.get();
    if (arrays[number].length < size) {
      arrays[number] = new float[Rows.padded(size)];
    }
    return arrays[number];
  }

  /** This thread's memory {@code number}, for at least {@code size} floats and a vector beyond them. */
  static MemorySegment memory(int number, int size) {
    MemorySegment[] memory = MEMORY.get();
    long bytes = (long) Float.BYTES * (Rows.padded(size) + Simd.LANES);
    if (memory[number] == null || memory[number].byteSize() < bytes) {
      memory[number] = Arena.ofAuto().allocate(bytes, 64);
    }
    return memory[number];
  }
}
