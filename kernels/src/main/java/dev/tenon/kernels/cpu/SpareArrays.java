package dev.tenon.kernels.cpu;

import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedDeque;

/** Arrays for packed operands that no one uses, by size, with whatever was in them. Whoever takes one gives it back. */
final class SpareArrays {
  private static final int LEAST = 1 << 10;

  private final Map<Integer, ConcurrentLinkedDeque<float[]>> spare = new ConcurrentHashMap<>();

  /** An array of at least {@code size} elements, and at most a quarter more. */
  float[] take(int size) {
    int step = Integer.highestOneBit(Math.max(LEAST, size - 1)) >> 2;
    int length = (Math.max(LEAST, size) + step - 1) / step * step;
    float[] array = of(length).poll();
    return array == null ? new float[length] : array;
  }

  void give(float[] array) {
    of(array.length).push(array);
  }

  private ConcurrentLinkedDeque<float[]> of(int length) {
    return spare.computeIfAbsent(length, _ -> new ConcurrentLinkedDeque<>());
  }
}
