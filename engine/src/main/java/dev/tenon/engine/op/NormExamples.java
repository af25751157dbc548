package dev.tenon.engine.op;

import dev.tenon.engine.Shape;
import dev.tenon.engine.op.Ops.Example;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

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

  static Example adam(Generator g, boolean decoupled, boolean amsgrad) {
    return step(g, new AdamW(0.5, 0.9, 0.99, 1e-6, 0.01, decoupled, amsgrad));
  }

  static Example sumOfSquares(Generator g) {
    return new Example(new SumOfSquares(), Stream.generate(() -> Operand.real(g.shape(0, 3))).limit(g.between(1, 3)).toList());
  }

  /** One parameter or some, of any shapes; all that is remembered but the first mean is positive. */
  static Example step(Generator g, OptimizerStep op) {
    List<Operand> operands = new ArrayList<>(List.of(Operand.within(Shape.of(op.rates()), 0.1, 1)));
    for (int parameters = g.between(1, 3); parameters > 0; parameters--) {
      Shape shape = g.shape(0, 3);
      for (int i = 0; i < op.each(); i++) {
        operands.add(i < 3 ? Operand.real(shape) : Operand.within(shape, 0.5, 2));
      }
    }
    return new Example(op, operands);
  }
}
