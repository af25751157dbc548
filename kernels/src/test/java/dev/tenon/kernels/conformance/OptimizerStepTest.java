package dev.tenon.kernels.conformance;

import static org.assertj.core.api.Assertions.assertThat;

import dev.tenon.engine.Backend;
import dev.tenon.engine.BackendProvider;
import dev.tenon.engine.Backends;
import dev.tenon.engine.DType;
import dev.tenon.engine.Device;
import dev.tenon.engine.Plan;
import dev.tenon.engine.Scope;
import dev.tenon.engine.Shape;
import dev.tenon.engine.Tensor;
import dev.tenon.engine.kernel.WeightFormat;
import dev.tenon.engine.op.AdamW;
import dev.tenon.engine.op.Average;
import dev.tenon.engine.op.OptimizerStep;
import dev.tenon.engine.op.Sgd;
import dev.tenon.engine.op.Spec;
import dev.tenon.engine.random.Philox;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

/** Parameters stepped together come to the bits they come to one at a time, on every device that is there, recorded or not. */
class OptimizerStepTest {
  private static final List<OptimizerStep> STEPS = List.of(
      new AdamW(0.5, 0.9, 0.99, 1e-8, 0.05, true, false), new AdamW(1, 0.9, 0.99, 1e-8, 0.05, false, true), new Sgd(1, 0.9, true, 0.01),
      new Sgd(1, 0, false, 0), new Average());
  private static final int REPEATS = 3;

  @TestFactory
  Stream<DynamicTest> togetherAsOneByOne() {
    return Backends.providers().stream().filter(OptimizerStepTest::isThere).flatMap(p -> Stream.of(DType.F32, DType.BF16, DType.F64)
        .flatMap(type -> STEPS.stream().map(step -> DynamicTest.dynamicTest(p.kind() + " " + type + " " + step, () -> {
          try (Backend backend = Backends.open(new Device(p.kind(), 0)); Scope _ = Scope.open(backend)) {
            check(step, type);
          }
        }))));
  }

  private static boolean isThere(BackendProvider provider) {
    return !provider.discover().startsWith("none");
  }

  private static void check(OptimizerStep step, DType type) {
    Tensor rates = Tensor.of(type, Shape.of(step.rates()), Arrays.copyOf(new double[] {0.1, 0.2, 0.3, 0.4}, step.rates()));
    List<List<Tensor>> parameters = parameters(step, type);
    List<List<Tensor>> copies = parameters.stream().map(own -> own.stream().map(Tensor::copy).toList()).toList();
    List<List<Tensor>> planned = parameters.stream().map(own -> own.stream().map(Tensor::copy).toList()).toList();
    Plan plan = Plan.of(in -> List.of(step.applyAll(together(in.getFirst(), planned)).getFirst().detach()),
        List.of(new Spec(type, rates.shape())), WeightFormat.F32);
    plan.inputs().getFirst().storage().backend().upload(rates.bytes(), plan.inputs().getFirst().storage(), 0);
    for (int i = 0; i < REPEATS; i++) {
      copies.forEach(own -> step.applyAll(together(rates, List.of(own))));
      step.applyAll(together(rates, parameters));
      plan.run();
    }
    for (int i = 0; i < parameters.size(); i++) {
      for (int j = 0; j < step.each(); j++) {
        double[] one = copies.get(i).get(j).toDoubles();
        assertThat(parameters.get(i).get(j).toDoubles()).as("operand %d of parameter %d", j, i).isEqualTo(one);
        assertThat(planned.get(i).get(j).toDoubles()).as("operand %d of parameter %d, recorded", j, i).isEqualTo(one);
      }
    }
  }

  private static List<Tensor> together(Tensor rates, List<List<Tensor>> parameters) {
    List<Tensor> operands = new ArrayList<>(List.of(rates));
    parameters.forEach(operands::addAll);
    return operands;
  }

  /** Of no element, a single one, sizes around what a block of threads takes, and more of them than one launch does. */
  private static List<List<Tensor>> parameters(OptimizerStep step, DType type) {
    List<Shape> shapes = new ArrayList<>(List.of(Shape.of(), Shape.of(0), Shape.of(1), Shape.of(1023), Shape.of(1024), Shape.of(1025),
        Shape.of(3, 0, 2), Shape.of(37, 1103)));
    for (int i = 0; i < 250; i++) {
      shapes.add(Shape.of(1 + i * 7 % 60));
    }
    Philox random = Philox.of(5);
    List<List<Tensor>> parameters = new ArrayList<>();
    for (Shape shape : shapes) {
      List<Tensor> own = new ArrayList<>();
      for (int j = 0; j < step.each(); j++) {
        own.add(draw(random.split(parameters.size() + "." + j), type, shape, j));
      }
      parameters.add(own);
    }
    return parameters;
  }

  private static Tensor draw(Philox random, DType type, Shape shape, int operand) {
    double[] values = new double[(int) shape.size()];
    for (int i = 0; i < values.length; i++) {
      double value = 2 * random.uniformDouble(i) - 1;
      values[i] = operand < 3 ? value : value * value;
    }
    return Tensor.of(type, shape, values);
  }
}
