package dev.tenon.engine.op;

import dev.tenon.engine.DType;
import dev.tenon.engine.Shape;
import dev.tenon.engine.Tensor;
import java.util.List;

/**
 * The largest element under each window: x [B, C, H, W] gives y [B, C, H', W'] and, as a by-product, where each was found (I64,
 * counted row-major within its plane). Of equal elements the first is taken, and a NaN is larger than any number.
 */
public record MaxPool2d(Pooling rows, Pooling columns) implements ByProducts {
  @Override
  public List<Spec> infer(List<Spec> inputs) {
    Spec x = Check.count(this, inputs, 1).getFirst();
    Spec y = x.with(Resample2d.resampled(this, rows, columns, x));
    return List.of(y, new Spec(DType.I64, y.shape()));
  }

  @Override
  public void reference(List<Ref> inputs, List<Ref> outputs) {
    double[] x = inputs.getFirst().v();
    Taps tall = rows.taps(inputs.getFirst().dim(2));
    Taps wide = columns.taps(inputs.getFirst().dim(3));
    int plane = tall.out() * wide.out();
    for (int i = 0; i < outputs.getFirst().size(); i++) {
      int row = i % plane / wide.out();
      int column = i % wide.out();
      int from = i / plane * tall.in() * wide.in();
      int best = tall.first()[row] * wide.in() + wide.first()[column];
      for (int r = 0; r < tall.weights()[row].length; r++) {
        for (int c = 0; c < wide.weights()[column].length; c++) {
          int rival = (tall.first()[row] + r) * wide.in() + wide.first()[column] + c;
          best = ArgMax.beats(x[from + rival], x[from + best]) ? rival : best;
        }
      }
      outputs.get(0).v()[i] = x[from + best];
      outputs.get(1).v()[i] = best;
    }
  }

  @Override
  public List<Tensor> gradient(GradientCall call) {
    Shape shape = call.input(0).shape();
    Shape planes = shape.slice(0, 2);
    Tensor zeros = Tensor.zeros(call.input(0).dtype(), planes.concat(Shape.of(shape.product(2, 4))));
    Shape flat = planes.concat(Shape.of(call.output(0).shape().product(2, 4)));
    Tensor g = call.gradOutput().reshape(flat);
    return List.of(new ScatterAdd(2).apply(zeros, call.output(1).reshape(flat), g).reshape(shape));
  }

  @Override
  public Cost cost(List<Spec> inputs, List<Spec> outputs) {
    return Cost.of(inputs.getFirst().shape().size(), inputs, outputs);
  }
}
