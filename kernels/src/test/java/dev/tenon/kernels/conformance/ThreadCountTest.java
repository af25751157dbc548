package dev.tenon.kernels.conformance;

import static org.assertj.core.api.Assertions.assertThat;

import dev.tenon.engine.Backend;
import dev.tenon.engine.Backends;
import dev.tenon.engine.Device;
import dev.tenon.engine.Scope;
import dev.tenon.engine.Tensor;
import dev.tenon.engine.kernel.Call;
import dev.tenon.engine.kernel.Kernel;
import dev.tenon.engine.op.Ops;
import java.util.List;
import java.util.Set;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

/** The CPU gives the same bits with 1, 2 and 3 threads, before and after its loops have been compiled. */
class ThreadCountTest {
  private static List<Backend> backends;

  @BeforeAll
  static void open() {
    backends = IntStream.rangeClosed(1, 3).mapToObj(threads -> Backends.open(Device.CPU, threads)).toList();
  }

  @AfterAll
  static void close() {
    backends.forEach(Backend::close);
  }

  @TestFactory
  Stream<DynamicTest> everyOp() {
    // The reference, which runs everything else, knows no threads.
    Set<Class<?>> kernels = backends.getFirst().kernels().all().stream().map(Kernel::op).collect(Collectors.toSet());
    return Ops.ALL.stream().filter(entry -> kernels.contains(entry.type())).map(entry -> DynamicTest.dynamicTest(entry.name(), () -> {
      for (int i = Conformance.DRAWS; i < 2 * Conformance.DRAWS; i++) {
        int draw = i;
        assertSameBits(() -> Conformance.draw(entry, draw));
      }
    }));
  }

  @TestFactory
  Stream<DynamicTest> shapesOfNetworks() {
    return NetworkCalls.ALL.stream().map(network -> DynamicTest.dynamicTest(network.name(), () -> assertSameBits(network::draw)));
  }

  private static void assertSameBits(Supplier<Call> draw) {
    List<double[]> expected = null;
    for (Backend backend : backends) {
      try (Scope _ = Scope.open(backend)) {
        Call call = draw.get();
        List<double[]> actual = call.op().applyAll(call.inputs()).stream().map(Tensor::toDoubles).toList();
        for (int o = 0; expected != null && o < actual.size(); o++) {
          assertThat(actual.get(o)).as("%s, result %d", call.describe(), o).containsExactly(expected.get(o));
        }
        expected = expected == null ? actual : expected;
      }
    }
  }
}
