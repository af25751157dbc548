package dev.tenon.training.bench;

import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.tenon.engine.DType;
import dev.tenon.engine.HostBackend;
import dev.tenon.engine.Scope;
import dev.tenon.engine.Shape;
import dev.tenon.engine.Tensor;
import dev.tenon.engine.op.Op;
import dev.tenon.engine.op.Softmax;
import java.util.List;
import org.junit.jupiter.api.Test;

/** What is wrong is found, wherever it is compared. */
class CheckTest {
  private static final Op SOFTMAX = new Softmax(-1);
  private static final Check.Part ROWS = new Check.Part(SOFTMAX, List.of(0), List.of(0), 2);

  private static void check(int wrong, double by) {
    try (HostBackend backend = HostBackend.reference(); Scope _ = Scope.open(backend)) {
      Tensor x = new Draws(DType.F32).uniform(9, 5);
      double[] values = SOFTMAX.apply(x).toDoubles();
      values[wrong] += by;
      Check.parts(ROWS, List.of(x), List.of(Tensor.of(DType.F32, Shape.of(9, 5), values)),
          Check.Bounds.ofLargest(Arithmetic.FP32.bound(1, 5)));
    }
  }

  @Test
  void rightResultsPass() {
    assertThatCode(() -> check(0, 0)).doesNotThrowAnyException();
  }

  @Test
  void aWrongElementOfTheFirstTheMiddleOrTheLastPartIsNamed() {
    assertThatThrownBy(() -> check(3, 1e-4)).isInstanceOf(MismatchException.class).hasMessageContaining("element 3");
    assertThatThrownBy(() -> check(24, 1e-4)).isInstanceOf(MismatchException.class).hasMessageContaining("element 4");
    assertThatThrownBy(() -> check(44, -1e-4)).isInstanceOf(MismatchException.class).hasMessageContaining("element 9");
    assertThatThrownBy(() -> check(44, Double.NaN)).isInstanceOf(MismatchException.class);
  }

  @Test
  void numbersAreComparedTogetherByTheirNorms() {
    double[] right = {3, -4, 0, 0};
    assertThatCode(() -> Check.nearTogether("x", new double[] {3, -4, 0, 0.4}, right, 0.1)).doesNotThrowAnyException();
    assertThatThrownBy(() -> Check.nearTogether("x", new double[] {3, -4, 0, 0.6}, right, 0.1))
        .isInstanceOf(MismatchException.class).hasMessageContaining("x: off by 0.12");
    assertThatThrownBy(() -> Check.nearTogether("x", new double[] {3, Double.NaN, 0, 0}, right, 0.1)).isInstanceOf(MismatchException.class);
  }
}
