package dev.tenon.engine.kernel;

import dev.tenon.engine.Layout;
import dev.tenon.engine.Shape;

/**
 * A layout as runs of evenly spaced elements, so that loops over elements are plain ones: a single run where all lie row-major
 * without gaps, else one for each row along the last dimension. Element indices count from the layout's lowest element.
 *
 * @param length elements in each run
 * @param stride distance between neighbours of a run
 */
record Rows(Layout layout, int length, long stride) {
  /** Is told, for each run, the row-major position of its first element and that element's index. */
  interface Visitor {
    void visit(int first, long index);
  }

  static Rows of(Layout layout) {
    int size = Math.toIntExact(layout.shape().size());
    return layout.isContiguous()
        ? new Rows(layout, size, 1)
        : new Rows(layout, (int) layout.shape().dim(-1), layout.stride(-1));
  }

  /** Visits the runs in row-major order. */
  void forEach(Visitor visitor) {
    Shape shape = layout.shape();
    int size = (int) shape.size();
    long[] position = new long[shape.rank()];
    long index = layout.offset() - layout.start();
    for (int first = 0; first < size; first += length) {
      visitor.visit(first, index);
      for (int d = shape.rank() - 2; d >= 0; d--) {
        index += layout.stride(d);
        if (++position[d] < shape.dim(d)) {
          break;
        }
        index -= position[d] * layout.stride(d);
        position[d] = 0;
      }
    }
  }
}
