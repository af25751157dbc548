package dev.tenon.engine.autograd;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.tenon.engine.DType;
import dev.tenon.engine.HostBackend;
import dev.tenon.engine.Scope;
import dev.tenon.engine.Shape;
import dev.tenon.engine.Storage;
import dev.tenon.engine.TenonException;
import dev.tenon.engine.Tensor;
import dev.tenon.engine.op.Unary;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Recording, the reverse walk, recomputation, and the life of the memory behind them. */
class TapeTest {
  private HostBackend backend;
  private Scope scope;

  @BeforeEach
  void open() {
    backend = HostBackend.reference();
    scope = Scope.open(backend);
  }

  @AfterEach
  void close() {
    scope.close();
    backend.close();
  }

  private static Tensor f64(Shape shape, double... values) {
    return Tensor.of(DType.F64, shape, values);
  }

  @Test
  void gradientsFlowThroughProductsBroadcastsAndViews() {
    Tensor x = f64(Shape.of(2, 2), 1, 2, 3, 4).withGrad();
    Tensor w = f64(Shape.of(2, 1), 5, 6).withGrad();
    Tensor b = f64(Shape.of(1), 7).withGrad();
    try (Tape tape = Tape.record()) {
      Tensor y = x.transpose(0, 1).matmul(w).add(b);
      Gradients g = tape.backward(y.mul(y).sum());
      assertThat(y.toDoubles()).containsExactly(1 * 5 + 3 * 6 + 7, 2 * 5 + 4 * 6 + 7);
      assertThat(g.of(b).toDoubles()).containsExactly(2 * (30 + 41));
      assertThat(g.of(w).toDoubles()).containsExactly(2 * (30 * 1 + 41 * 2), 2 * (30 * 3 + 41 * 4));
      assertThat(g.of(x).toDoubles()).containsExactly(2 * 30 * 5, 2 * 41 * 5, 2 * 30 * 6, 2 * 41 * 6);
    }
  }

  @Test
  void aTensorUsedTwiceGetsBothGradientsAndBatchesAccumulate() {
    Tensor x = f64(Shape.of(), 3).withGrad();
    Gradients total = new Gradients();
    for (int i = 0; i < 2; i++) {
      try (Tape tape = Tape.record()) {
        total.addAll(tape.backward(x.mul(x).add(x)));
      }
    }
    assertThat(total.of(x).item()).isEqualTo(2 * (2 * 3 + 1));
  }

  @Test
  void nothingIsFollowedWhilePausedOrThroughDetach() {
    Tensor x = f64(Shape.of(), 3).withGrad();
    try (Tape tape = Tape.record()) {
      Tensor constant;
      try (Tape _ = Tape.pause()) {
        constant = x.mul(x);
      }
      Tensor y = x.mul(constant).mul(x.detach());
      assertThat(constant.requiresGrad()).isFalse();
      assertThat(tape.backward(y).of(x).item()).isEqualTo(27);
    }
  }

  @Test
  void recomputationGivesTheGradientsOfThePlainRun() {
    Tensor x = f64(Shape.of(3), 0.1, -0.4, 0.9).withGrad();
    Tensor w = f64(Shape.of(3), 0.5, 0.25, -2).withGrad();
    Gradients plain;
    try (Tape tape = Tape.record()) {
      plain = tape.backward(x.mul(w).map(Unary.Fn.GELU).mul(x).sum());
    }
    try (Tape tape = Tape.record()) {
      Tensor y = Tape.recompute(in -> List.of(in.get(0).mul(w).map(Unary.Fn.GELU)), List.of(x)).getFirst();
      Gradients again = tape.backward(y.mul(x).sum());
      assertThat(again.of(x).toDoubles()).containsExactly(plain.of(x).toDoubles());
      assertThat(again.of(w).toDoubles()).containsExactly(plain.of(w).toDoubles());
    }
  }

  @Test
  void wrongShapesNameOpOperandAndBothShapes() {
    Tensor a = f64(Shape.of(2, 3), 1, 2, 3, 4, 5, 6);
    assertThatThrownBy(() -> a.matmul(a)).isInstanceOf(TenonException.class)
        .hasMessageContaining("matMul").hasMessageContaining("b must be [..., 3, n]").hasMessageContaining("[2, 3]");
  }

  @Test
  void useAfterFreeNamesThePlaceOfCreation() {
    Tensor lost;
    Tensor kept;
    try (Scope inner = Scope.open()) {
      lost = f64(Shape.of(1), 1);
      kept = inner.keep(f64(Shape.of(1), 2));
    }
    assertThat(kept.item()).isEqualTo(2);
    assertThatThrownBy(lost::item).isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("use after free").hasMessageContaining("TapeTest.f64");
  }

  @Test
  void memoryStaysFlatOverTwoThousandSteps() {
    Tensor w = f64(Shape.of(8, 8), new double[64]).withGrad();
    long afterFirst = 0;
    for (int step = 0; step < 2000; step++) {
      try (Scope _ = Scope.open(); Tape tape = Tape.record()) {
        tape.backward(Tensor.full(DType.F64, Shape.of(4, 8), step).matmul(w).sum());
      }
      if (step == 0) {
        afterFirst = backend.reservedBytes();
      }
    }
    assertThat(backend.reservedBytes()).isEqualTo(afterFirst);
  }

  @Test
  void releasedStorageGoesBackAtOnce() {
    Storage storage = f64(Shape.of(4), 1, 2, 3, 4).storage();
    Scope.release(storage);
    assertThatThrownBy(storage::segment).hasMessageContaining("released early");
  }
}
