package dev.tenon.engine.op;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.tenon.engine.DType;
import dev.tenon.engine.HostBackend;
import dev.tenon.engine.Scope;
import dev.tenon.engine.Shape;
import dev.tenon.engine.Tensor;
import dev.tenon.engine.autograd.Gradients;
import dev.tenon.engine.autograd.Tape;
import dev.tenon.engine.random.Philox;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

/** Every op's gradient is the slope of its definition, for contiguous and strided operands. */
class GradientCheckTest {
  private static final int SHAPES = 5;
  /** Large enough that rounding (ε/step) and the fourth-order rest of the extrapolation (step⁴) are about equal. */
  private static final double STEP = 0x1p-10;
  /** Rounding errors of one result, in units of its magnitude: sums of at most this many terms. */
  private static final double ROUNDOFF = 512 * DType.F64.roundoff();

  @TestFactory
  Stream<DynamicTest> everyGradientIsTheSlopeOfItsOp() {
    return Ops.ALL.stream().map(entry -> DynamicTest.dynamicTest(entry.name(), () -> {
      for (int i = 0; i < SHAPES; i++) {
        Philox random = Philox.of(1).split(entry.name()).split(i);
        check(entry.example().apply(new Generator(random.split("shapes"))), random, i % 2 == 1);
      }
    }));
  }

  @Test
  void aWrongGradientIsFound() {
    Operand x = Operand.real(Shape.of(3));
    assertThatThrownBy(() -> check(new Ops.Example(new WrongCosine(), List.of(x)), Philox.of(7), false))
        .isInstanceOf(AssertionError.class).hasMessageContaining("operand 0");
  }

  /** A cosine whose gradient lacks a sign. */
  private record WrongCosine() implements Op {
    @Override
    public List<Spec> infer(List<Spec> inputs) {
      return inputs;
    }

    @Override
    public void reference(List<Ref> inputs, List<Ref> outputs) {
      for (int i = 0; i < inputs.getFirst().size(); i++) {
        outputs.getFirst().v()[i] = Math.cos(inputs.getFirst().v()[i]);
      }
    }

    @Override
    public List<Tensor> gradient(GradientCall call) {
      return List.of(call.gradOutput().mul(call.input(0).map(Unary.Fn.SIN)));
    }

    @Override
    public Cost cost(List<Spec> inputs, List<Spec> outputs) {
      return Cost.NONE;
    }
  }

  private static void check(Ops.Example example, Philox random, boolean strided) {
    try (HostBackend backend = HostBackend.reference(); Scope _ = Scope.open(backend)) {
      List<double[]> values = new ArrayList<>();
      List<Tensor> operands = new ArrayList<>();
      for (int i = 0; i < example.operands().size(); i++) {
        values.add(example.operands().get(i).draw(random.split("values").split(i)));
        operands.add(tensor(example.operands().get(i), values.get(i), strided));
      }
      if (example.op() instanceof NoGradient || hasNoRealResult(example)) {
        assertThat(example.op().applyAll(operands)).isNotEmpty();
        return;
      }
      compare(example, values, operands, random.split("seeds"));
    }
  }

  private static boolean hasNoRealResult(Ops.Example example) {
    List<Spec> operands = example.operands().stream().map(o -> new Spec(dtype(o), o.shape())).toList();
    return example.op().infer(operands).stream().noneMatch(s -> s.dtype().isFloating());
  }

  private static void compare(Ops.Example example, List<double[]> values, List<Tensor> operands, Philox random) {
    List<Tensor> leaves = operands.stream().map(t -> t.dtype().isFloating() ? t.withGrad() : t).toList();
    try (Tape tape = Tape.record()) {
      List<Tensor> results = example.op().applyAll(leaves);
      List<Tensor> outputs = example.op() instanceof ByProducts ? results.subList(0, 1) : results;
      List<Tensor> seeds = outputs.stream()
          .map(o -> Operand.real(o.shape()))
          .map(o -> tensor(o, o.draw(random), false))
          .toList();
      Tensor loss = Tensor.scalar(DType.F64, 0);
      for (int i = 0; i < seeds.size(); i++) {
        loss = loss.add(outputs.get(i).cast(DType.F64).mul(seeds.get(i)).sum());
      }
      Gradients gradients = tape.backward(loss);
      for (int i = 0; i < leaves.size(); i++) {
        boolean constant = example.op() instanceof CrossEntropy && i == 2;
        if (leaves.get(i).requiresGrad() && !constant) {
          assertSlope(example, values, i, seeds, gradients.of(leaves.get(i)));
        }
      }
    }
  }

  private static void assertSlope(
      Ops.Example example, List<double[]> values, int operand, List<Tensor> seeds, Tensor gradient) {
    List<double[]> weights = seeds.stream().map(Tensor::toDoubles).toList();
    double[] x = values.get(operand);
    assertThat(gradient.shape()).isEqualTo(example.operands().get(operand).shape());
    double[] actual = gradient.toDoubles();
    for (int i = 0; i < x.length; i++) {
      double wide = slope(example, values, x, i, STEP, weights);
      double narrow = slope(example, values, x, i, STEP / 2, weights);
      // Halving the step quarters the error, so the change bounds what is left of it three times over.
      double bound = Math.abs(wide - narrow) + ROUNDOFF * (magnitude(example, values, weights) / STEP + Math.abs(narrow));
      assertThat(Math.abs(actual[i] - narrow))
          .as("%s %s, operand %d, element %d: gradient %s, slope %s", example.op(), example.operands(), operand, i,
              actual[i], narrow)
          .isLessThanOrEqualTo(bound);
    }
  }

  private static double slope(
      Ops.Example example, List<double[]> values, double[] x, int i, double step, List<double[]> weights) {
    double kept = x[i];
    x[i] = kept + step;
    List<double[]> above = evaluate(example, values);
    x[i] = kept - step;
    List<double[]> below = evaluate(example, values);
    x[i] = kept;
    double difference = 0;
    for (int o = 0; o < weights.size(); o++) {
      for (int j = 0; j < above.get(o).length; j++) {
        difference += weights.get(o)[j] * (above.get(o)[j] - below.get(o)[j]);
      }
    }
    return difference / (2 * step);
  }

  private static double magnitude(Ops.Example example, List<double[]> values, List<double[]> weights) {
    List<double[]> outputs = evaluate(example, values);
    double sum = 0;
    for (int o = 0; o < weights.size(); o++) {
      for (int j = 0; j < outputs.get(o).length; j++) {
        sum += Math.abs(weights.get(o)[j] * outputs.get(o)[j]);
      }
    }
    return 1 + sum;
  }

  /** The op's definition on row-major values. */
  private static List<double[]> evaluate(Ops.Example example, List<double[]> values) {
    List<Ref> inputs = new ArrayList<>();
    for (int i = 0; i < values.size(); i++) {
      Operand operand = example.operands().get(i);
      inputs.add(new Ref(dtype(operand), operand.shape(), values.get(i)));
    }
    List<Spec> specs = inputs.stream().map(r -> new Spec(r.dtype(), r.shape())).toList();
    List<Ref> outputs = example.op().infer(specs).stream().map(s -> Ref.zeros(s.dtype(), s.shape())).toList();
    example.op().reference(inputs, outputs);
    return outputs.stream().map(Ref::v).toList();
  }

  private static DType dtype(Operand operand) {
    return switch (operand.kind()) {
      case REAL -> DType.F64;
      case INDEX -> DType.I64;
      case FLAG -> DType.BOOL;
    };
  }

  /** A tensor of these values; {@code strided}, a transposed view of every second element of a longer one. */
  private static Tensor tensor(Operand operand, double[] values, boolean strided) {
    Tensor plain = Tensor.of(dtype(operand), operand.shape(), values);
    if (!strided || plain.rank() == 0) {
      return plain;
    }
    int[] reversed = IntStream.range(0, plain.rank()).map(i -> plain.rank() - 1 - i).toArray();
    Tensor turned = plain.permute(reversed).contiguous();
    Tensor doubled = new Concat(-1).apply(
        turned.reshape(turned.shape().insert(turned.rank(), 1)), turned.reshape(turned.shape().insert(turned.rank(), 1)));
    return doubled.select(-1, 1).permute(reversed);
  }
}
