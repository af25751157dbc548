package dev.tenon.engine.op;

import dev.tenon.engine.Tensor;

/**
 * Elements together with where they were found; gradients flow to where they came from.
 *
 * @param values the elements
 * @param indices their positions (I64) along the axis, in the shape of the values
 */
public record Selection(Tensor values, Tensor indices) {
  /** All elements in order, equal ones as they stood. */
  public static Selection sort(Tensor x, int axis, boolean descending) {
    return at(x, axis, new ArgSort(axis, descending).apply(x));
  }

  /** The {@code k} largest elements, the largest first. */
  public static Selection topK(Tensor x, int k, int axis) {
    return at(x, axis, new ArgSort(axis, true).apply(x).slice(axis, 0, k));
  }

  /** The first largest element; the axis disappears. */
  public static Selection max(Tensor x, int axis) {
    return squeezed(at(x, axis, new ArgMax(axis, true).apply(x)), axis);
  }

  /** The first smallest element; the axis disappears. */
  public static Selection min(Tensor x, int axis) {
    return squeezed(at(x, axis, new ArgMax(axis, true).apply(x.detach().neg())), axis);
  }

  private static Selection at(Tensor x, int axis, Tensor indices) {
    return new Selection(new Gather(axis).apply(x, indices), indices);
  }

  private static Selection squeezed(Selection kept, int axis) {
    return new Selection(kept.values.select(axis, 0), kept.indices.select(axis, 0));
  }
}
