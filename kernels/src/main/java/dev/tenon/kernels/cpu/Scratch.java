package dev.tenon.kernels.cpu;

/** Arrays that a thread uses again and again, by number; a task finds in them whatever the last one left. */
final class Scratch {
  /** The number of what a computation on rows needs beside its operands and results. */
  static final int ROOM = 15;
  private static final int NUMBERS = 16;
  private static final ThreadLocal<float[][]> ARRAYS = ThreadLocal.withInitial(() -> new float[NUMBERS][0]);

  private Scratch() {}

  /** This thread's array {@code number}, of at least {@code size} elements; a kernel calls each number its own until its task ends. */
  static float[] array(int number, int size) {
    float[][] arrays = ARRAYS.get();
    if (arrays[number].length < size) {
      arrays[number] = new float[Rows.padded(size)];
    }
    return arrays[number];
  }
}
