package dev.tenon.engine.op;

import dev.tenon.engine.Shape;
import dev.tenon.engine.op.Ops.Example;
import java.util.List;
import java.util.stream.IntStream;

/** Calls of ops that move, pick and join elements. */
final class LayoutExamples {
  private LayoutExamples() {}

  static Example where(Generator g) {
    Shape shape = g.shape(1, 3);
    return Ops.call(new Where(), Operand.flags(shape), Operand.real(shape), Operand.real(g.broadcasting(shape)));
  }

  static Example assign(Generator g) {
    Operand x = Operand.real(g.shape(1, 3));
    return Ops.call(new Assign(), x, x);
  }

  static Example concat(Generator g) {
    Shape shape = g.shape(1, 3);
    int axis = g.axis(shape);
    return Ops.call(
        new Concat(axis), Operand.real(shape), Operand.real(shape.with(axis, g.dim())), Operand.real(shape));
  }

  static Example unbind(Generator g) {
    Shape shape = g.shape(1, 3);
    int axis = g.axis(shape);
    return Ops.call(new Unbind(axis), Operand.real(shape.with(axis, g.filled())));
  }

  static Example slice(Generator g) {
    Shape shape = g.shape(1, 3);
    return Ops.call(new Slice(0, 0, shape.dim(0), 2), Operand.real(shape));
  }

  static Example sliceGrad(Generator g) {
    Shape shape = g.shape(1, 3);
    long extent = 2 * shape.dim(0) + 1;
    return Ops.call(new SliceGrad(0, 1, extent, 2, extent), Operand.real(shape));
  }

  static Example reshape(Generator g) {
    Shape shape = g.shape(1, 3);
    return Ops.call(new Reshape(shape.insert(1, 1)), Operand.real(shape));
  }

  static Example permute(Generator g) {
    Shape shape = g.shape(1, 3);
    int[] rotated = IntStream.range(0, shape.rank()).map(i -> (i + 1) % shape.rank()).toArray();
    return Ops.call(Permute.of(rotated), Operand.real(shape));
  }

  static Example expand(Generator g) {
    Shape shape = g.shape(1, 3);
    return Ops.call(new Expand(shape), Operand.real(g.broadcasting(shape)));
  }

  static Example prodGrad(Generator g) {
    Shape shape = g.shape(1, 3);
    int axis = g.axis(shape);
    return Ops.call(new ProdGrad(axis), Operand.real(shape), Operand.real(shape.without(axis)));
  }

  static Example pad(Generator g) {
    return Ops.call(new Pad(List.of(1L, 0L), List.of(2L, 3L), 0.5), Operand.real(g.shape(2, 2)));
  }

  private static Windows windows(Generator g, boolean movesFirst) {
    int height = g.between(1, 4);
    int width = g.between(1, 4);
    int rows = g.extent(1, 9);
    int columns = g.extent(1, 9);
    return new Windows(
        rows, columns, height, width, g.below(Math.min(height, rows)), g.below(Math.min(width, columns)), movesFirst);
  }

  static Example windowSplit(Generator g, boolean movesFirst) {
    Windows w = windows(g, movesFirst);
    return Ops.call(new WindowSplit(w), Operand.real(Shape.of(g.dim(), w.rows(), w.columns(), g.dim())));
  }

  static Example windowJoin(Generator g, boolean movesFirst) {
    Windows w = windows(g, movesFirst);
    return Ops.call(new WindowJoin(w), Operand.real(Shape.of(g.dim() * w.count(), w.tokens(), g.dim())));
  }

  static Example gather(Generator g) {
    Shape shape = g.shape(1, 3);
    int axis = g.axis(shape);
    long extent = g.filled();
    return Ops.call(
        new Gather(axis), Operand.real(shape.with(axis, extent)), Operand.index(shape.with(axis, g.dim()), extent));
  }

  /** A call of {@code op} with operands x, index and src, the latter two as long along {@code axis} as they like. */
  static Example scatter(Generator g, Along op) {
    Shape shape = g.shape(1, 3);
    int axis = g.axis(shape);
    long extent = g.filled();
    Shape index = shape.with(axis, g.dim());
    return Ops.call(
        op.op(axis), Operand.real(shape.with(axis, extent)), Operand.index(index, extent), Operand.real(index));
  }

  /** An op along a dimension. */
  interface Along {
    Op op(int axis);
  }

  static Example indexSelect(Generator g) {
    Shape shape = g.shape(1, 3);
    int axis = g.axis(shape);
    long extent = g.filled();
    return Ops.call(
        new IndexSelect(axis), Operand.real(shape.with(axis, extent)), Operand.index(g.shape(1, 2), extent));
  }

  static Example indexAdd(Generator g) {
    Shape shape = g.shape(1, 3).with(0, g.filled());
    long picks = g.dim();
    return Ops.call(new IndexAdd(0), Operand.real(shape), Operand.index(Shape.of(picks), shape.dim(0)),
        Operand.real(shape.with(0, picks)));
  }
}
