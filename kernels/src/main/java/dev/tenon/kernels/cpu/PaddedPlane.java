package dev.tenon.kernels.cpu;

import dev.tenon.engine.DType;
import java.util.Arrays;

/** A plane of an image between zeros, which one after the other is read into: windows and vectors then may reach over its borders. */
final class PaddedPlane {
  private final int height;
  private final int width;
  private final int pitch;
  private final int start;
  private final float[] values;

  /**
   * Planes of [height, width] from {@code [pad, pad]} of {@code rows} rows on, which are {@code pitch} apart, in this thread's
   * {@link Scratch} array {@code number}.
   */
  PaddedPlane(int number, int height, int width, int pad, int rows, int pitch) {
    this.height = height;
    this.width = width;
    this.pitch = pitch;
    this.start = pad * pitch + pad;
    int size = rows * pitch + Simd.LANES;
    this.values = Scratch.array(number, size);
    Arrays.fill(values, 0, size, 0);
  }

  float[] values() {
    return values;
  }

  int pitch() {
    return pitch;
  }

  /** Reads plane number {@code plane}. */
  void read(Strided source, long plane) {
    long from = plane * height * width;
    if (width >= Simd.LANES && source.isDense() && source.dtype() == DType.F32) {
      for (int y = 0; y < height; y++) {
        source.readRow(from + (long) y * width, values, start + y * pitch, width);
      }
      return;
    }
    float[] tile = Scratch.array(0, height * width);
    source.read(from, height * width, tile);
    for (int y = 0; y < height; y++) {
      System.arraycopy(tile, y * width, values, start + y * pitch, width);
    }
  }
}
