package dev.tenon.kernels.conformance;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.tenon.engine.Backend;
import dev.tenon.engine.Backends;
import dev.tenon.engine.DType;
import dev.tenon.engine.Device;
import dev.tenon.engine.HostBackend;
import dev.tenon.engine.Scope;
import dev.tenon.engine.Shape;
import dev.tenon.engine.Tensor;
import dev.tenon.engine.kernel.Call;
import dev.tenon.engine.kernel.Kernel;
import dev.tenon.engine.op.Op;
import dev.tenon.engine.op.Ops;
import dev.tenon.engine.op.Unary;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.stream.Stream;
import jdk.incubator.vector.FloatVector;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

/** The CPU backend conforms to the definitions, whatever the vector width. */
class ConformanceTest {
  private static Backend backend;

  @BeforeAll
  static void open() {
    int bits = Integer.getInteger("tenon.vector.bits", 0);
    int widest = FloatVector.SPECIES_PREFERRED.vectorBitSize();
    assumeTrue(bits <= widest, () -> "this machine's vectors are of " + widest + " bits, too short for a run with " + bits);
    backend = Backends.open(Device.CPU, 2);
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
    }));
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
  void aKernelThatIsAFewUnitsOffIsFound() {
    Ops.Entry exp = Ops.ALL.stream().filter(e -> e.name().equals("unary EXP")).findFirst().orElseThrow();
    try (Backend off = new HostBackend(List.of(new RoughExp()), "a rough exponential", () -> {})) {
      assertThat(new Conformance(off).check(exp).holds()).isFalse();
    }
  }

  /** An exponential that is 2⁻¹⁹ too large: 16 units in the last place. */
  private record RoughExp() implements Kernel {
    @Override
    public String name() {
      return "rough-exp";
    }

    @Override
    public Class<? extends Op> op() {
      return Unary.class;
    }

    @Override
    public Offer accepts(Call call) {
      return Offer.accept(1);
    }

    @Override
    public void launch(Call call) {
      double[] x = call.input(0).toDoubles();
      for (int i = 0; i < x.length; i++) {
        call.output(0).storage().segment().setAtIndex(ValueLayout.JAVA_FLOAT, i, (float) (Math.exp(x[i]) * (1 + 0x1p-19)));
      }
    }
  }

  @Test
  void valuesFarOutAreRightToo() {
    double[] x = {-200, -104, -100, -88, -30, -15, -9, -6, -5e-8, -0.0, 0, 1e-30, 5e-8, 6, 9, 15, 30, 88, 89.5, 200};
    try (Scope _ = Scope.open(backend)) {
      Tensor far = Tensor.of(DType.F32, Shape.of(x.length), x);
      for (Unary.Fn fn : List.of(Unary.Fn.EXP, Unary.Fn.SIGMOID, Unary.Fn.TANH, Unary.Fn.GELU, Unary.Fn.SILU)) {
        double[] y = far.map(fn).toDoubles();
        for (int i = 0; i < x.length; i++) {
          float expected = (float) fn.value((float) x[i], 0, 0);
          double bound = Math.max(8 * DType.F32.roundoff() * Math.abs(expected), Float.MIN_NORMAL);
          assertThat(y[i] == expected || Math.abs(y[i] - expected) <= bound)
              .as("%s of %s is %s and should be %s", fn, x[i], y[i], expected).isTrue();
        }
      }
    }
  }
}
