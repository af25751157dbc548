package dev.tenon.engine.kernel;

import static org.assertj.core.api.Assertions.assertThat;

import dev.tenon.engine.HostBackend;
import dev.tenon.engine.Scope;
import dev.tenon.engine.Tensor;
import dev.tenon.engine.op.Binary;
import dev.tenon.engine.op.MatMul;
import dev.tenon.engine.op.Op;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** The cheapest kernel that accepts runs; who was asked and why it refused can be read; what only the reference ran is counted. */
class KernelRegistryTest {
  /** A kernel of {@link MatMul} that only says that it ran. */
  private record Saying(String name, Offer offer, List<String> ran) implements Kernel {
    @Override
    public Class<? extends Op> op() {
      return MatMul.class;
    }

    @Override
    public Offer accepts(Call call) {
      return offer;
    }

    @Override
    public void launch(Call call) {
      ran.add(name);
    }
  }

  private static Tensor square() {
    return Tensor.of(new float[] {1, 2, 3, 4}, 2, 2);
  }

  @Test
  void theCheapestOfferWinsAndTheFirstOfEqualOnes() {
    List<String> ran = new ArrayList<>();
    List<Kernel> kernels = List.of(
        new Saying("dear", Kernel.Offer.accept(3), ran),
        new Saying("none", Kernel.Offer.refuse("it is Tuesday"), ran),
        new Saying("cheap", Kernel.Offer.accept(2), ran),
        new Saying("as cheap", Kernel.Offer.accept(2), ran));
    try (HostBackend backend = new HostBackend(kernels, "test", () -> {}); Scope _ = Scope.open(backend)) {
      square().matmul(square());
      assertThat(ran).containsExactly("cheap");
      assertThat(backend.kernels().fallbacks()).isZero();
      assertThat(backend.kernels().all()).isEqualTo(kernels);
      Call call = new Call(new MatMul(), List.of(square(), square()), List.of(square()));
      assertThat(backend.kernels().explain(call).lines().map(String::strip)).containsExactly(
          "MatMul[][[2, 2] F32, [2, 2] F32]", "dear accepts at cost 3.0", "none refuses: it is Tuesday",
          "cheap accepts at cost 2.0", "as cheap accepts at cost 2.0", "reference accepts everything");
    }
  }

  /** A kernel that fails when it is asked, and would not be cheaper than {@code leastCost}. */
  private record Unasked(double leastCost) implements Kernel {
    @Override
    public String name() {
      return "unasked";
    }

    @Override
    public Class<? extends Op> op() {
      return MatMul.class;
    }

    @Override
    public Offer accepts(Call call) {
      throw new AssertionError("asked, though it cannot win");
    }

    @Override
    public void launch(Call call) {
      throw new AssertionError("launched");
    }
  }

  @Test
  void aKernelThatCannotWinIsNotAsked() {
    List<String> ran = new ArrayList<>();
    List<Kernel> kernels = List.of(new Unasked(2), new Saying("cheap", Kernel.Offer.accept(2), ran));
    try (HostBackend backend = new HostBackend(kernels, "test", () -> {}); Scope _ = Scope.open(backend)) {
      square().matmul(square());
      assertThat(ran).containsExactly("cheap");
    }
  }

  @Test
  void callsThatOnlyTheReferenceCouldRunAreCounted() {
    List<Kernel> kernels = List.of(new Saying("none", Kernel.Offer.refuse("never"), new ArrayList<>()));
    try (HostBackend backend = new HostBackend(kernels, "test", () -> {}); Scope _ = Scope.open(backend)) {
      assertThat(square().matmul(square()).toDoubles()).containsExactly(7, 10, 15, 22);
      new Binary(Binary.Fn.ADD).apply(square(), square());
      assertThat(backend.kernels().fallbacks()).isEqualTo(2);
      square().transpose(0, 1);
      assertThat(backend.kernels().fallbacks()).as("a view needs no kernel").isEqualTo(2);
      backend.kernels().resetFallbacks();
      assertThat(backend.kernels().fallbacks()).isZero();
    }
  }
}
