package dev.tenon.engine.op;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.tenon.engine.DType;
import dev.tenon.engine.HostBackend;
import dev.tenon.engine.Scope;
import dev.tenon.engine.Shape;
import dev.tenon.engine.TenonException;
import dev.tenon.engine.Tensor;
import java.util.List;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;

/** What recorded cases do not show of pooling: ties, values that are no numbers, windows at the border. */
class PoolingTest {
  private static double[] maximum(PoolWindow window, double... line) {
    try (HostBackend backend = HostBackend.reference(); Scope _ = Scope.open(backend)) {
      Tensor x = Tensor.of(DType.F64, Shape.of(1, 1, 1, line.length), line);
      Tensor where = new MaxPool2d(PoolWindow.of(1, 1), window).applyAll(List.of(x)).get(1);
      return where.toDoubles();
    }
  }

  @Test
  void theFirstOfEqualElementsIsTheMaximum() {
    assertThat(maximum(PoolWindow.of(3, 1), 1, 4, 4, 4, 2)).containsExactly(1, 1, 2);
  }

  @Test
  void theFirstNaNIsTheMaximum() {
    assertThat(maximum(PoolWindow.of(2, 2), Double.NaN, Double.POSITIVE_INFINITY, 3, Double.NaN)).containsExactly(0, 3);
  }

  @Test
  void paddingIsNeverTheMaximum() {
    assertThat(maximum(new PoolWindow(2, 2, 1, false, false), -5, -7, -6)).containsExactly(0, 2);
  }

  /** However windows hang over, the weights of what each holds sum to 1, and none starts before the one it follows. */
  @Property(tries = 500)
  void everyWindowHoldsAnElement(
      @ForAll @IntRange(min = 1, max = 20) int in,
      @ForAll @IntRange(min = 1, max = 7) int kernel,
      @ForAll @IntRange(min = 1, max = 8) int stride,
      @ForAll @IntRange(min = 0, max = 3) int pad,
      @ForAll boolean ceil) {
    PoolWindow window = new PoolWindow(kernel, stride, Math.min(pad, kernel / 2), ceil, false);
    Taps taps = window.taps(in);
    int previous = 0;
    for (int i = 0; i < taps.out(); i++) {
      double sum = 0;
      for (double weight : taps.weights()[i]) {
        sum += weight;
      }
      assertThat(Math.abs(sum - 1)).isLessThanOrEqualTo(taps.weights()[i].length * DType.F64.roundoff());
      assertThat(taps.first()[i]).isBetween(previous, in - taps.weights()[i].length);
      previous = taps.first()[i];
    }
  }

  @Test
  void aWindowLargerThanTheImageIsRefused() {
    Spec x = new Spec(DType.F32, Shape.of(2, 3, 4, 9));
    assertThatThrownBy(() -> new MaxPool2d(PoolWindow.of(5, 1), PoolWindow.of(5, 1)).infer(List.of(x)))
        .isInstanceOf(TenonException.class)
        .hasMessage("maxPool2d: x must be of at least 5 elements along dimension 2, but is [2, 3, 4, 9] F32");
  }
}
