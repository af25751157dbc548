package dev.tenon.engine.autograd;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.tenon.engine.DType;
import dev.tenon.engine.HostBackend;
import dev.tenon.engine.Scope;
import dev.tenon.engine.Shape;
import dev.tenon.engine.TenonException;
import dev.tenon.engine.Tensor;
import dev.tenon.engine.op.Dropout;
import dev.tenon.engine.op.SoftmaxGrad;
import dev.tenon.engine.op.Unary;
import dev.tenon.engine.random.Philox;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.function.Function;
import java.util.stream.LongStream;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Recording, the reverse walk, and recomputation. */
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
  void nestedTapesKeepTheirOwnRecords() {
    Tensor x = f64(Shape.of(), 3).withGrad();
    try (Tape outer = Tape.record()) {
      Tensor before = x.mul(x);
      Gradients inner;
      try (Tape tape = Tape.record()) {
        inner = tape.backward(x.mul(5));
        assertThatThrownBy(outer::close).isInstanceOf(IllegalStateException.class).hasMessageContaining("reverse order");
      }
      assertThat(Tape.current()).isSameAs(outer);
      Tensor after = before.mul(x);
      assertThat(inner.of(x).item()).isEqualTo(5);
      assertThat(outer.backward(after).of(x).item()).isEqualTo(27);
    }
    assertThat(Tape.current()).isNull();
  }

  @Test
  void aTapeHoldsOnlyItsOwnThreadsCalls() {
    Tensor x = f64(Shape.of(), 3).withGrad();
    try (Tape tape = Tape.record()) {
      Tensor y = x.mul(x);
      assertThat(CompletableFuture.supplyAsync(Tape::current).join()).isNull();
      assertThatThrownBy(() -> CompletableFuture.runAsync(tape::close).join()).hasMessageContaining("own thread");
      assertThat(tape.backward(y).of(x).item()).isEqualTo(6);
    }
  }

  @Test
  void anOpWithoutAGradientNamesItself() {
    Tensor x = f64(Shape.of(2), 1, 2).withGrad();
    try (Tape tape = Tape.record()) {
      Tensor y = new SoftmaxGrad(0).apply(x, x).sum();
      assertThatThrownBy(() -> tape.backward(y)).isInstanceOf(TenonException.class)
          .hasMessageStartingWith("softmaxGrad has no gradient");
    }
  }

  @Test
  void aGradientOfTheWrongShapeIsRefused() {
    Tensor x = f64(Shape.of(2), 1, 2);
    Gradients gradients = new Gradients();
    assertThatThrownBy(() -> gradients.add(x, f64(Shape.of(1), 1))).isInstanceOf(TenonException.class)
        .hasMessageContaining("[2] F64").hasMessageContaining("[1] F64");
    assertThatThrownBy(() -> gradients.add(x, Tensor.zeros(DType.F32, Shape.of(2)))).hasMessageContaining("F32");
    try (Tape tape = Tape.record()) {
      assertThatThrownBy(() -> tape.backward(x.withGrad().mul(2))).hasMessageContaining("one element");
    }
  }

  @Test
  void whatTheLossDoesNotDependOnHasNoGradient() {
    Tensor x = f64(Shape.of(), 3).withGrad();
    Tensor unused = f64(Shape.of(), 4).withGrad();
    try (Tape tape = Tape.record()) {
      unused.mul(2);
      Gradients gradients = tape.backward(x.mul(2));
      assertThat(gradients.of(x).item()).isEqualTo(2);
      assertThat(gradients.of(unused)).isNull();
    }
  }

  @Test
  void recomputationHoldsTheMemoryOfOneBlockAtATime() {
    long plain = peak(false);
    long recomputed = peak(true);
    // Of 12 blocks' four results each, one result a block and the inside of one block are left, and as much again for gradients.
    assertThat(recomputed).isLessThan(plain / 2);
  }

  private static long peak(boolean recomputed) {
    try (HostBackend own = HostBackend.reference(); Scope _ = Scope.open(own); Tape tape = Tape.record()) {
      Tensor x = Tensor.zeros(DType.F32, Shape.of(1000)).withGrad();
      Tensor y = x;
      for (int i = 0; i < 12; i++) {
        Function<List<Tensor>, List<Tensor>> block =
            in -> List.of(in.getFirst().map(Unary.Fn.SIN).map(Unary.Fn.COS).map(Unary.Fn.TANH).map(Unary.Fn.SIN));
        y = (recomputed ? Tape.recompute(block, List.of(y)) : block.apply(List.of(y))).getFirst();
      }
      tape.backward(y.sum());
      return own.reservedBytes();
    }
  }

  @Property(tries = 60)
  void recomputedBlocksGiveTheSameBits(@ForAll long seed, @ForAll @IntRange(min = 1, max = 4) int depth) {
    try (HostBackend own = HostBackend.reference(); Scope _ = Scope.open(own)) {
      Philox random = Philox.of(seed);
      List<Tensor> leaves = new ArrayList<>();
      for (int i = 0; i <= depth; i++) {
        Philox values = random.split(i);
        leaves.add(Tensor.of(DType.F32, Shape.of(3, 3), LongStream.range(0, 9).mapToDouble(values::normal).toArray()).withGrad());
      }
      List<float[]> plain = gradients(leaves, false);
      List<float[]> again = gradients(leaves, true);
      for (int i = 0; i < leaves.size(); i++) {
        assertThat(again.get(i)).isEqualTo(plain.get(i));
      }
    }
  }

  /** A chain of layers, each of which uses the first leaf too and drops out by a fixed key; recomputed layer by layer or not. */
  private static List<float[]> gradients(List<Tensor> leaves, boolean recomputed) {
    try (Scope _ = Scope.open(); Tape tape = Tape.record()) {
      Tensor x = leaves.getFirst();
      for (int i = 1; i < leaves.size(); i++) {
        Tensor w = leaves.get(i);
        Dropout dropout = new Dropout(0.2, 7, i);
        Function<List<Tensor>, List<Tensor>> layer = in -> {
          Tensor y = dropout.apply(in.getFirst().matmul(w).map(Unary.Fn.GELU)).add(leaves.getFirst());
          return List.of(y, y.mul(in.getFirst()), y);
        };
        List<Tensor> y = recomputed ? Tape.recompute(layer, List.of(x)) : layer.apply(List.of(x));
        x = y.get(0).add(y.get(1)).add(y.get(2));
      }
      Gradients gradients = tape.backward(x.sum());
      return leaves.stream().map(leaf -> gradients.of(leaf).toFloats()).toList();
    }
  }
}
