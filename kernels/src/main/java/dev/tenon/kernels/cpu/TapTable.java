package dev.tenon.kernels.cpu;

import dev.tenon.engine.op.Taps;
import java.util.Arrays;

/**
 * Where the elements of each window along a row are, the first of all windows before the second.
 *
 * @param in elements of the row
 * @param out windows
 * @param pitch {@code out} rounded up to whole vectors
 * @param window elements of the largest window
 * @param sources where each window finds an element; {@code in} where it has none
 * @param weights what it is multiplied by
 */
record TapTable(int in, int out, int pitch, int window, int[] sources, float[] weights) {
  static TapTable of(Taps taps) {
    int pitch = ConvTiles.roundUp(taps.out(), Simd.LANES);
    int window = Math.max(1, Arrays.stream(taps.weights()).mapToInt(w -> w.length).max().orElse(0));
    int[] sources = new int[window * pitch];
    float[] weights = new float[window * pitch];
    Arrays.fill(sources, taps.in());
    for (int i = 0; i < taps.out(); i++) {
      for (int k = 0; k < taps.weights()[i].length; k++) {
        sources[k * pitch + i] = taps.first()[i] + k;
        weights[k * pitch + i] = (float) taps.weights()[i][k];
      }
    }
    return new TapTable(taps.in(), taps.out(), pitch, window, sources, weights);
  }

  /** Element {@code k} of each window; the row has an element more, for what there is none of. */
  void pick(float[] row, int k, float[] to, int at) {
    int from = k * pitch;
    for (int i = 0; i < pitch; i++) {
      to[at + i] = row[sources[from + i]];
    }
  }

  /** The weighted sum of each window; the row has an element more, which is zero. */
  void sum(float[] row, float[] to, int at) {
    for (int i = 0; i < pitch; i++) {
      to[at + i] = weights[i] * row[sources[i]];
    }
    for (int k = pitch; k < window * pitch; k += pitch) {
      for (int i = 0; i < pitch; i++) {
        to[at + i] += weights[k + i] * row[sources[k + i]];
      }
    }
  }
}
