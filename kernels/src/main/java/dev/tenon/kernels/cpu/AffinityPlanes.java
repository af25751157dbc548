package dev.tenon.kernels.cpu;

import dev.tenon.engine.Tensor;

/**
 * Planes of one image with a border of zeros, one after the other: their rows are {@link #pitch} apart and so are those of every map
 * made of them, so that a 3×3 kernel is nine offsets.
 */
record AffinityPlanes(int height, int width) {
  int pixels() {
    return height * width;
  }

  int pitch() {
    return width + 2;
  }

  /** Where pixel 0 is: what comes before is border. */
  int lead() {
    return pitch() + 1;
  }

  /** Elements from pixel 0 on that are computed. */
  int length() {
    return ConvTiles.roundUp(height * pitch(), ConvTiles.LONG);
  }

  /** Elements of a plane. */
  int size() {
    return length() + 2 * lead() + ConvTiles.LONG;
  }

  int at(int pixel) {
    return pixel / width * pitch() + pixel % width;
  }

  /** The offsets of a 3×3 kernel around the element {@link #lead} further on, {@code sign} −1 for its mirror image. */
  int[] kernel(int sign) {
    int[] offsets = new int[9];
    for (int k = 0; k < 9; k++) {
      offsets[k] = lead() + sign * ((k / 3 - 1) * pitch() + k % 3 - 1);
    }
    return offsets;
  }

  /** The starts of {@code count} planes. */
  int[] starts(int count) {
    int[] starts = new int[count];
    for (int i = 0; i < count; i++) {
      starts[i] = i * size();
    }
    return starts;
  }

  /** Packs planes {@code first} … of a tensor. */
  float[] pack(Workers workers, Tensor tensor, long first, int count) {
    float[] planes = new float[count * size()];
    Strided from = Strided.of(tensor);
    workers.run(count, i -> {
      float[] plane = new float[pixels()];
      from.read((first + i) * pixels(), plane.length, plane);
      for (int y = 0; y < height; y++) {
        System.arraycopy(plane, y * width, planes, i * size() + lead() + y * pitch(), width);
      }
    });
    return planes;
  }

  /** Stores sums over several arrays of planes as planes {@code first} … of a tensor. */
  void store(Workers workers, float[][] parts, int count, Tensor tensor, long first) {
    Strided to = Strided.of(tensor);
    workers.run(count, i -> {
      float[] plane = new float[pixels()];
      for (float[] part : parts) {
        for (int y = 0; y < height; y++) {
          int at = i * size() + lead() + y * pitch();
          for (int x = 0; x < width; x++) {
            plane[y * width + x] += part[at + x];
          }
        }
      }
      to.write((first + i) * pixels(), plane.length, plane);
    });
  }
}
