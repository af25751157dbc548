package dev.tenon.kernels.cpu;

import java.util.ArrayList;
import java.util.List;

/**
 * One axis of a convolution or of its transpose, seen as sums of shifted copies of the input: through one tap, output
 * {@code i·spacing + to} reads input {@code (i + shift)·step + from}. Strides are in the phases {@code from} and {@code to}, so that
 * neighbors always read neighbors.
 *
 * @param in elements of the input
 * @param out elements of the output
 * @param step distance of the input elements that neighbors read
 * @param spacing distance of the outputs that are neighbors
 */
record ConvAxis(int in, int out, int step, int spacing, List<Tap> taps) {
  /** One element of the window, {@code index} counted from its first. */
  record Tap(int index, int from, int to, int shift) {}

  static ConvAxis forward(int in, int out, int kernel, int stride, int pad, int dilation) {
    List<Tap> taps = new ArrayList<>();
    for (int k = 0; k < kernel; k++) {
      int first = k * dilation - pad;
      taps.add(new Tap(k, Math.floorMod(first, stride), 0, Math.floorDiv(first, stride)));
    }
    return new ConvAxis(in, out, stride, 1, taps);
  }

  /** Back from the {@code in} elements that a convolution makes to the {@code out} elements that it reads. */
  static ConvAxis transposed(int in, int out, int kernel, int stride, int pad, int dilation) {
    List<Tap> taps = new ArrayList<>();
    for (int to = 0; to < stride; to++) {
      for (int k = 0; k < kernel; k++) {
        int first = to + pad - k * dilation;
        if (Math.floorMod(first, stride) == 0) {
          taps.add(new Tap(k, 0, to, Math.floorDiv(first, stride)));
        }
      }
    }
    return new ConvAxis(in, out, 1, stride, taps);
  }

  /** Outputs of one phase. */
  int count() {
    return (out + spacing - 1) / spacing;
  }

  /** Elements of the window. */
  int window() {
    return taps.size();
  }

  int leastShift() {
    return taps.stream().mapToInt(Tap::shift).min().orElse(0);
  }

  /** How many more inputs than outputs a phase has. */
  int reach() {
    return taps.stream().mapToInt(Tap::shift).max().orElse(0) - leastShift();
  }

  /** The input's phases that are read. */
  int[] sources() {
    return taps.stream().mapToInt(Tap::from).distinct().sorted().toArray();
  }

  List<Tap> tapsTo(int phase) {
    return taps.stream().filter(t -> t.to == phase).toList();
  }
}
