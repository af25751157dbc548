package dev.tenon.engine;

import java.util.ArrayList;
import java.util.List;
import java.util.function.UnaryOperator;

/**
 * What views mean, in the most naive way: for each element of a shape, row-major, which cell of memory it is. Layouts are held to
 * it.
 */
record Cells(List<Long> shape, List<Long> cells) {
  static Cells of(Layout layout) {
    List<Long> shape = extents(layout.shape());
    List<Long> cells = new ArrayList<>();
    for (List<Long> index : indices(shape)) {
      long cell = layout.offset();
      for (int d = 0; d < index.size(); d++) {
        cell += index.get(d) * layout.stride(d);
      }
      cells.add(cell);
    }
    return new Cells(shape, cells);
  }

  static List<Long> extents(Shape shape) {
    List<Long> extents = new ArrayList<>();
    for (long extent : shape.toArray()) {
      extents.add(extent);
    }
    return extents;
  }

  /** All positions in a shape, the last dimension running fastest. */
  static List<List<Long>> indices(List<Long> shape) {
    List<List<Long>> indices = List.of(List.of());
    for (long extent : shape) {
      List<List<Long>> longer = new ArrayList<>();
      for (List<Long> index : indices) {
        for (long i = 0; i < extent; i++) {
          List<Long> next = new ArrayList<>(index);
          next.add(i);
          longer.add(next);
        }
      }
      indices = longer;
    }
    return indices;
  }

  /** The cells in a new shape, whose element at an index is this one's at {@code source} of that index. */
  Cells seen(List<Long> newShape, UnaryOperator<List<Long>> source) {
    List<List<Long>> own = indices(shape);
    return new Cells(newShape, indices(newShape).stream().map(i -> cells.get(own.indexOf(source.apply(i)))).toList());
  }

  Cells permuted(List<Integer> order) {
    return seen(order.stream().map(shape::get).toList(), index -> {
      List<Long> from = new ArrayList<>(index);
      for (int d = 0; d < order.size(); d++) {
        from.set(order.get(d), index.get(d));
      }
      return from;
    });
  }

  Cells sliced(int axis, long from, long to, long step) {
    List<Long> picked = new ArrayList<>();
    for (long i = from; i < to; i += step) {
      picked.add(i);
    }
    List<Long> smaller = new ArrayList<>(shape);
    smaller.set(axis, (long) picked.size());
    return seen(smaller, index -> {
      List<Long> at = new ArrayList<>(index);
      at.set(axis, picked.get(index.get(axis).intValue()));
      return at;
    });
  }

  Cells expanded(List<Long> target) {
    int lead = target.size() - shape.size();
    return seen(target, index -> {
      List<Long> at = new ArrayList<>();
      for (int d = 0; d < shape.size(); d++) {
        at.add(shape.get(d) == 1 ? 0 : index.get(lead + d));
      }
      return at;
    });
  }

  Cells reshaped(List<Long> target) {
    return new Cells(target, cells);
  }

  /** Whether fixed strides lead from the first cell to every other. */
  boolean isStrided() {
    List<List<Long>> indices = indices(shape);
    if (cells.isEmpty()) {
      return true;
    }
    long[] strides = new long[shape.size()];
    for (int d = 0; d < strides.length; d++) {
      List<Long> one = new ArrayList<>(indices.getFirst());
      one.set(d, 1L);
      strides[d] = shape.get(d) > 1 ? cells.get(indices.indexOf(one)) - cells.getFirst() : 0;
    }
    for (int i = 0; i < cells.size(); i++) {
      long cell = cells.getFirst();
      for (int d = 0; d < strides.length; d++) {
        cell += indices.get(i).get(d) * strides[d];
      }
      if (cell != cells.get(i)) {
        return false;
      }
    }
    return true;
  }

  boolean isConsecutive() {
    for (int i = 0; i < cells.size(); i++) {
      if (cells.get(i) != cells.getFirst() + i) {
        return false;
      }
    }
    return true;
  }
}
