package dev.tenon.engine.op;

import dev.tenon.engine.Shape;
import dev.tenon.engine.op.Interpolation.Method;
import dev.tenon.engine.op.Ops.Example;
import java.util.List;

/** Calls of ops over images: convolution, pooling, interpolation, patches. */
final class SpatialExamples {
  private SpatialExamples() {}

  /** A convolution with operands of fitting shapes. */
  private record Convolution(Conv2d op, Shape x, Shape weight, Shape y) {
    static Convolution draw(Generator g, boolean bias) {
      Window2d window = window(g);
      int groups = g.between(1, 3);
      Conv2d op = new Conv2d(window.strideH(), window.strideW(), window.padH(), window.padW(), window.dilationH(),
          window.dilationW(), groups, bias);
      long depth = g.extent(1, 2);
      Shape x = image(g, window, groups * depth);
      Shape weight = Shape.of((long) groups * g.extent(1, 2), depth, window.kernelH(), window.kernelW());
      Shape y = Shape.of(x.dim(0), weight.dim(0), window.rows(x.dim(2)), window.columns(x.dim(3)));
      return new Convolution(op, x, weight, y);
    }
  }

  private static Window2d window(Generator g) {
    return new Window2d(g.between(1, 3), g.between(1, 3), g.between(1, 2), g.between(1, 2), g.below(2), g.below(2),
        g.between(1, 2), g.between(1, 2));
  }

  /** An image that holds the window, at times barely. */
  private static Shape image(Generator g, Window2d window, long channels) {
    int height = window.dilationH() * (window.kernelH() - 1) + 1 - 2 * window.padH();
    int width = window.dilationW() * (window.kernelW() - 1) + 1 - 2 * window.padW();
    return Shape.of(g.below(3), channels, Math.max(1, height + g.extent(0, 3)), Math.max(1, width + g.extent(0, 3)));
  }

  static Example conv2d(Generator g, boolean bias) {
    Convolution c = Convolution.draw(g, bias);
    Operand x = Operand.real(c.x);
    Operand weight = Operand.real(c.weight);
    return bias ? Ops.call(c.op, x, weight, Operand.real(c.weight.slice(0, 1))) : Ops.call(c.op, x, weight);
  }

  static Example conv2dGradInput(Generator g) {
    Convolution c = Convolution.draw(g, false);
    var op = new Conv2dGradInput(c.op, (int) c.x.dim(2), (int) c.x.dim(3));
    return Ops.call(op, Operand.real(c.y), Operand.real(c.weight));
  }

  static Example conv2dGradWeight(Generator g) {
    Convolution c = Convolution.draw(g, false);
    var op = new Conv2dGradWeight(c.op, (int) c.weight.dim(2), (int) c.weight.dim(3));
    return Ops.call(op, Operand.real(c.y), Operand.real(c.x));
  }

  static Example unfold(Generator g) {
    Window2d window = window(g);
    return Ops.call(new Unfold(window), Operand.real(image(g, window, g.dim())));
  }

  static Example fold(Generator g) {
    Window2d window = window(g);
    Shape image = image(g, window, g.dim());
    long positions = (long) window.rows(image.dim(2)) * window.columns(image.dim(3));
    Shape columns = Shape.of(image.dim(0), image.dim(1) * window.kernelH() * window.kernelW(), positions);
    return Ops.call(new Fold(window, (int) image.dim(2), (int) image.dim(3)), Operand.real(columns));
  }

  /** A window that an axis of three elements holds. */
  private static Pooling pooling(Generator g) {
    int kernel = g.between(1, 3);
    return g.below(4) == 0
        ? new AdaptiveBins(g.between(1, 4))
        : new PoolWindow(kernel, g.between(1, 3), g.below(kernel / 2 + 1), g.below(2) == 0, g.below(2) == 0);
  }

  private static Shape pooled(Generator g) {
    return Shape.of(g.dim(), g.dim(), g.extent(3, 7), g.extent(3, 7));
  }

  /** Of values so many that none ties with another in its window, where the slope would be undefined. */
  static Example maxPool2d(Generator g) {
    return Ops.call(new MaxPool2d(pooling(g), pooling(g)), Operand.within(pooled(g), -512, 512));
  }

  static Example averagePool2d(Generator g) {
    return Ops.call(new Resample2d(pooling(g), pooling(g)), Operand.real(pooled(g)));
  }

  static Example interpolate(Generator g, Method method) {
    Shape x = Shape.of(g.dim(), g.dim(), g.filled(), g.filled());
    return Ops.call(new Resample2d(interpolation(g, method), interpolation(g, method)), Operand.real(x));
  }

  private static Interpolation interpolation(Generator g, Method method) {
    return g.below(2) == 0 ? Interpolation.to(method, g.between(1, 9)) : Interpolation.by(method, 1 + g.below(8) / 5.0);
  }

  static Example resample2dGrad(Generator g) {
    Example forward = g.below(2) == 0 ? averagePool2d(g) : interpolate(g, Method.CUBIC);
    Resample2d op = (Resample2d) forward.op();
    Shape x = forward.operands().getFirst().shape();
    Shape y = x.with(2, op.rows().extent((int) x.dim(2))).with(3, op.columns().extent((int) x.dim(3)));
    return Ops.call(new Resample2dGrad(op, (int) x.dim(2), (int) x.dim(3)), Operand.real(y));
  }

  static Example affinity(Generator g) {
    Shape f = Shape.of(g.between(1, 2), g.between(1, 3), g.filled(), g.extent(1, 4), g.extent(1, 5));
    long pixels = f.product(3, 5);
    return Ops.call(new Affinity(), Operand.real(f), Operand.real(f.with(2, g.extent(1, 3))),
        Operand.real(Shape.of(pixels, f.dim(1), 3, 3)), Operand.real(Shape.of(pixels)));
  }

  static Example affinityGrad(Generator g) {
    List<Operand> operands = affinity(g).operands();
    return Ops.call(new AffinityGrad(), operands.get(1), operands.get(0), operands.get(1), operands.get(2), operands.get(3));
  }
}
