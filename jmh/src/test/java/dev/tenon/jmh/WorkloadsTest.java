package dev.tenon.jmh;

import static org.assertj.core.api.Assertions.assertThat;

import dev.tenon.engine.Backend;
import dev.tenon.engine.Backends;
import dev.tenon.engine.Device;
import dev.tenon.engine.Scope;
import dev.tenon.engine.op.Spec;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

/** Workloads that are one call of an op. */
class WorkloadsTest {
  @TestFactory
  Stream<DynamicTest> eachOperandAndResultHasItsPartInTheComparison() {
    return Workloads.all().stream().filter(OpCall.class::isInstance).map(OpCall.class::cast)
        .map(call -> DynamicTest.dynamicTest(call.name(), () -> {
          try (Backend backend = Backends.open(Device.CPU, 2); Scope _ = Scope.open(backend)) {
            List<Spec> operands = call.operands().stream().map(t -> new Spec(t.dtype(), t.shape())).toList();
            assertThat(call.part().inputs()).hasSameSizeAs(operands);
            assertThat(call.part().outputs()).hasSameSizeAs(call.op().infer(operands));
          }
        }));
  }
}
