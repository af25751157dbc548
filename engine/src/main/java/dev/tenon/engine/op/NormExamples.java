package dev.tenon.engine.op;

import dev.tenon.engine.Shape;
import dev.tenon.engine.op.Ops.Example;

/** Calls of normalizations, losses and optimizer steps. */
final class NormExamples {
  private NormExamples() {}

  static Example layerNorm(Generator g, boolean affine) {
    Shape x = g.shape(2, 3);
    Shape normalized = x.slice(1, x.rank());
    LayerNorm op = new LayerNorm(x.rank() - 1, affine, 1e-3);
    return affine
        ? Ops.call(op, Operand.real(x), Operand.real(normalized), Operand.real(normalized))
        : Ops.call(op, Operand.real(x));
  }

  static Example layerNormGrad(Generator g, boolean affine) {
    Shape x = g.shape(2, 3);
    Operand mean = Operand.real(x.slice(0, 1));
    Operand rstd = Operand.within(x.slice(0, 1), 0.5, 2);
    LayerNormGrad op = new LayerNormGrad(x.rank() - 1, affine);
    return affine
        ? Ops.call(op, Operand.real(x), Operand.real(x), mean, rstd, Operand.real(x.slice(1, x.rank())))
        : Ops.call(op, Operand.real(x), Operand.real(x), mean, rstd);
  }

  /** An image, a sequence or rows of at least one element a channel. */
  private static Shape withChannels(Generator g) {
    Shape x = g.shape(2, 4);
    for (int d = 0; d < x.rank(); d++) {
      x = x.with(d, d == 1 ? g.dim() : g.filled());
    }
    return x;
  }

  static Example batchNorm(Generator g) {
    Shape x = withChannels(g);
    Operand channels = Operand.real(x.slice(1, 2));
    return Ops.call(new BatchNorm(1e-3), Operand.real(x), channels, channels);
  }

  static Example batchNormGrad(Generator g) {
    Shape x = withChannels(g);
    Operand channels = Operand.real(x.slice(1, 2));
    Operand variance = Operand.within(x.slice(1, 2), 0.5, 2);
    return Ops.call(new BatchNormGrad(1e-3), Operand.real(x), Operand.real(x), channels, variance, channels);
  }

  static Example crossEntropy(Generator g, boolean weighted) {
    Shape x = g.shape(2, 3).with(1, g.filled());
    Operand target = Operand.index(x.without(1), x.dim(1));
    return weighted
        ? Ops.call(new CrossEntropy(0.1, 0, true), Operand.real(x), target, Operand.within(x.slice(1, 2), 0.5, 2))
        : Ops.call(new CrossEntropy(0, -100, false), Operand.real(x), target);
  }

  static Example crossEntropyGrad(Generator g, boolean weighted) {
    Example forward = crossEntropy(g, weighted);
    Operand gradOutput = Operand.real(forward.operands().get(1).shape());
    return forward.with(new CrossEntropyGrad((CrossEntropy) forward.op()), gradOutput);
  }

  static Example sgd(Generator g) {
    Operand p = Operand.real(g.shape(1, 3));
    return Ops.call(new Sgd(0.5, 0.9, true, 0.01), p, p, rates(2), p);
  }

  static Example sgdWithoutMomentum(Generator g) {
    Operand p = Operand.real(g.shape(1, 3));
    return Ops.call(new Sgd(0.5, 0, false, 0.01), p, p, rates(2));
  }

  static Example adam(Generator g, boolean decoupled, boolean maximum) {
    Shape shape = g.shape(1, 3);
    Operand p = Operand.real(shape);
    Operand square = Operand.within(shape, 0.5, 2);
    AdamW op = new AdamW(0.5, 0.9, 0.99, 1e-6, 0.01, decoupled);
    return maximum ? Ops.call(op, p, p, rates(3), p, square, square) : Ops.call(op, p, p, rates(3), p, square);
  }

  private static Operand rates(int count) {
    return Operand.within(Shape.of(count), 0.1, 1);
  }
}
