package dev.tenon.jmh;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.tenon.engine.HostBackend;
import dev.tenon.engine.TenonException;
import dev.tenon.engine.Tensor;
import dev.tenon.engine.kernel.Call;
import dev.tenon.engine.kernel.Elements;
import dev.tenon.engine.kernel.Kernel;
import dev.tenon.engine.op.Op;
import dev.tenon.engine.op.Ops;
import dev.tenon.engine.op.Ref;
import dev.tenon.engine.op.Unary;
import dev.tenon.training.bench.MismatchException;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Every op of the catalogue can be timed, and nothing is timed that is wrong. */
class CatalogueTest {
  /** GELU, off by {@code error} in the last element. */
  private record Gelu(double error) implements Kernel {
    @Override
    public String name() {
      return "gelu off by " + error;
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
      Tensor y = call.output(0);
      Ref values = Ref.zeros(y.dtype(), y.shape());
      call.op().reference(List.of(Elements.unpack(call.input(0))), List.of(values));
      values.v()[values.size() - 1] += error;
      Elements.pack(values, y);
    }
  }

  private static Stream<Ops.Entry> ops() {
    return Ops.ALL.stream();
  }

  @ParameterizedTest
  @MethodSource("ops")
  void everyOpHasABenchmarkOfSomeSize(Ops.Entry entry) {
    assertThat(Catalogue.matching(List.of(entry.name()))).filteredOn(w -> w.name().equals("op " + entry.name())).singleElement()
        .isInstanceOfSatisfying(OpCall.class, call -> assertThat(call.op()).isInstanceOf(entry.type()));
    assertThat(OpCalls.largest(entry).operands().stream().mapToLong(o -> o.shape().size()).max().orElseThrow()).isGreaterThan(2000);
  }

  @Test
  void anExactNameIsMeantAlone() {
    assertThat(Catalogue.matching(List.of("softmax"))).extracting(Workload::name).containsExactly("softmax", "op softmax");
    assertThat(Catalogue.matching(List.of("OP Linear"))).extracting(Workload::name).containsExactly("op linear");
    assertThat(Catalogue.matching(List.of("vit-tiny"))).extracting(Workload::name)
        .containsExactly("vit-tiny-batch1", "vit-tiny-batch8", "emtal-step-vit-tiny-batch16");
    assertThatThrownBy(() -> Catalogue.matching(List.of("gelu", "nothing"))).isInstanceOf(TenonException.class)
        .hasMessageContaining("nothing");
  }

  @Test
  void aRightKernelIsTimed() {
    try (Job job = Tenon.open(Catalogue.named("op unary GELU"), backend(0))) {
      job.run();
    }
  }

  @ParameterizedTest
  @ValueSource(doubles = {1e-3, 1e-5, Double.NaN})
  void aWrongKernelIsNot(double error) {
    assertThatThrownBy(() -> Tenon.open(Catalogue.named("op unary GELU"), backend(error)))
        .isInstanceOf(MismatchException.class).hasMessageContaining("GELU").hasMessageContaining(", element");
  }

  @Test
  void whatHasNoKernelIsNotTimed() {
    assertThatThrownBy(() -> Tenon.open(Catalogue.named("op unary GELU"), HostBackend.reference()))
        .isInstanceOf(IllegalStateException.class).hasMessageContaining("for want of a kernel");
  }

  private static HostBackend backend(double error) {
    return new HostBackend(List.of(new Gelu(error)), "one kernel", () -> {});
  }
}
