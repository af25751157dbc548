package dev.tenon.kernels.conformance;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeFalse;

import dev.tenon.engine.Backend;
import dev.tenon.engine.BackendProvider;
import dev.tenon.engine.Backends;
import dev.tenon.engine.DType;
import dev.tenon.engine.Device;
import dev.tenon.engine.Scope;
import dev.tenon.engine.Shape;
import dev.tenon.engine.TenonException;
import dev.tenon.engine.Tensor;
import dev.tenon.engine.kernel.Call;
import dev.tenon.engine.op.Gather;
import dev.tenon.engine.op.Ops;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

/** The first OpenCL device conforms to the definitions, where there is one. */
class OpenClConformanceTest {
  private static Backend backend;

  @BeforeAll
  static void open() {
    String devices = Backends.providers().stream().filter(provider -> provider.kind() == Device.Kind.OPENCL)
        .map(BackendProvider::discover).findFirst().orElseThrow();
    assumeFalse(devices.startsWith("none"), () -> "no OpenCL device to test on: " + devices);
    backend = Backends.open(Device.parse("opencl"));
  }

  @AfterAll
  static void close() {
    if (backend != null) {
      backend.close();
    }
  }

  @TestFactory
  Stream<DynamicTest> everyOpIsWithinItsBound() {
    return Ops.ALL.stream().map(entry -> DynamicTest.dynamicTest(entry.name(), () -> {
      Conformance.Verdict verdict = new Conformance(backend).check(entry);
      assertThat(verdict.holds()).as(verdict.where()).isTrue();
      assertThat(verdict.onReference()).as("calls that no kernel took").isZero();
    }));
  }

  @TestFactory
  Stream<DynamicTest> everyGradientIsThatOfTheDefinition() {
    return Ops.ALL.stream().map(entry -> DynamicTest.dynamicTest("gradient of " + entry.name(), () -> {
      backend.kernels().resetFallbacks();
      assertThat(GradientConformance.check(backend, entry)).isLessThanOrEqualTo(1);
      assertThat(backend.kernels().fallbacks()).as("calls that no kernel took").isZero();
    }));
  }

  /** A contiguous and a strided call. */
  @TestFactory
  Stream<DynamicTest> everyOpHasAKernelInHalfPrecision() {
    return Stream.of(DType.F16, DType.BF16).flatMap(real -> Ops.ALL.stream().map(entry ->
        DynamicTest.dynamicTest(entry.name() + " in " + real, () -> {
          Conformance.Verdict verdict = new Conformance(backend, real).check(entry, 2);
          assertThat(verdict.holds()).as(verdict.where()).isTrue();
          assertThat(verdict.onReference()).as("calls that no kernel took").isZero();
        })));
  }

  @TestFactory
  Stream<DynamicTest> shapesOfNetworksAreWithinTheirBounds() {
    return NetworkCalls.ALL.stream().map(network -> DynamicTest.dynamicTest(network.name(), () -> {
      try (Scope _ = Scope.open(backend)) {
        Call call = network.draw();
        Conformance.Verdict verdict = new Conformance(backend).check(call.op(), call.inputs());
        assertThat(verdict.holds()).as(verdict.where()).isTrue();
        assertThat(verdict.onReference()).as("calls that no kernel took").isZero();
      }
    }));
  }

  @Test
  void anIndexOutOfRangeIsReportedOnceAndByItsOp() {
    try (Scope _ = Scope.open(backend)) {
      Tensor x = Tensor.of(new float[] {1, 2, 3}, 3);
      Tensor picked = new Gather(0).apply(x, Tensor.of(DType.I64, Shape.of(2), new double[] {1, 7}));

      assertThatThrownBy(picked::toDoubles).isInstanceOf(TenonException.class).hasMessageContainingAll("gather", "index 7", "0 to 2");
      assertThat(x.toDoubles()).containsExactly(1, 2, 3);
    }
  }

  @Test
  void memoryThatIsGivenBackIsUsedAgain() {
    try (Scope _ = Scope.open(backend)) {
      Tensor x = Tensor.of(new float[] {1, 2, 3}, 3);
      for (int i = 0; i < 100; i++) {
        try (Scope _ = Scope.open(backend)) {
          Tensor y = x.add(x);
          assertThat(y.mul(y).toDoubles()).containsExactly(4, 16, 36);
        }
      }
    }
  }
}
