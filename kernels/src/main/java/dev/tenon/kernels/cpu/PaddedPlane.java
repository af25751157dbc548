package dev.tenon.kernels.cpu;

import dev.tenon.engine.DType;
import java.util.Arrays;
import jdk.incubator.vector.FloatVector;

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
    boolean whole = width >= Simd.LANES;
    if (whole && source.isDense() && source.dtype() == DType.F32) {
      for (int y = 0; y < height; y++) {
        copyRow(source, source.offset() + from + (long) y * width, start + y * pitch);
      }
      return;
    }
    float[] tile = Scratch.array(0, height * width);
    source.read(from, height * width, tile);
    for (int y = 0; y < height; y++) {
      System.arraycopy(tile, y * width, values, start + y * pitch, width);
    }
  }

  /** Copies a row by vectors, of which the last two overlap. */
  private void copyRow(Strided source, long from, int to) {
    for (int i = 0; i < width; i += Simd.LANES) {
      int at = Math.min(i, width - Simd.LANES);
      FloatVector.fromMemorySegment(Simd.F32, source.data(), (from + at) * 4, Simd.ORDER).intoArray(values, to + at);
    }
  }
}
