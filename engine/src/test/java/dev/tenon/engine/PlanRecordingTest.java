package dev.tenon.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.tenon.engine.kernel.Call;
import dev.tenon.engine.kernel.Kernel;
import dev.tenon.engine.kernel.KernelRegistry;
import dev.tenon.engine.kernel.WeightFormat;
import dev.tenon.engine.op.Op;
import dev.tenon.engine.op.Spec;
import dev.tenon.engine.op.Unary;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/** Plans on a device that records launches. */
class PlanRecordingTest {
  private static final long SIZE = 3;

  /** Squares. */
  private static final class Square implements Kernel {
    @Override
    public String name() {
      return "square";
    }

    @Override
    public Class<? extends Op> op() {
      return Unary.class;
    }

    @Override
    public Offer accepts(Call call) {
      return ((Unary) call.op()).fn() == Unary.Fn.SQUARE ? Offer.accept(1) : Offer.refuse("only squares");
    }

    @Override
    public void launch(Call call) {
      for (long i = 0; i < SIZE; i++) {
        float x = call.input(0).storage().segment().getAtIndex(ValueLayout.JAVA_FLOAT, i);
        call.output(0).storage().segment().setAtIndex(ValueLayout.JAVA_FLOAT, i, x * x);
      }
    }
  }

  /** A device that counts what is asked of its recordings. */
  private static final class Recorder implements Backend, Recording {
    private final HostBackend host = HostBackend.reference();
    private final KernelRegistry kernels = new KernelRegistry(List.of(new Square()));
    private Runnable recorded;
    private int replays;
    private int closes;

    @Override
    public Optional<Recording> record(Runnable work) {
      work.run();
      recorded = work;
      return Optional.of(this);
    }

    @Override
    public void replay() {
      replays++;
      recorded.run();
    }

    @Override
    public void close() {
      closes++;
    }

    @Override
    public Device device() {
      return Device.CPU;
    }

    @Override
    public Storage allocate(long bytes) {
      return new Storage(this, host.allocate(bytes).segment(), () -> {});
    }

    @Override
    public void upload(MemorySegment source, Storage target, long offset) {
      host.upload(source, target, offset);
    }

    @Override
    public MemorySegment download(Storage source, long offset, long bytes) {
      return host.download(source, offset, bytes);
    }

    @Override
    public KernelRegistry kernels() {
      return kernels;
    }

    @Override
    public void synchronize() {}

    @Override
    public long reservedBytes() {
      return host.reservedBytes();
    }

    @Override
    public String describe() {
      return "recorder";
    }
  }

  private static Plan plan(Unary.Fn fn) {
    return Plan.of(in -> List.of(in.getFirst().map(fn)), List.of(new Spec(DType.F32, Shape.of(SIZE))), WeightFormat.F32);
  }

  private static float[] run(Backend device, Plan plan, float... values) {
    device.upload(MemorySegment.ofArray(values), plan.inputs().getFirst().storage(), 0);
    return plan.run().getFirst().toFloats();
  }

  @Test
  void theFirstRunIsRecordedAndLaterOnesAreReplays() {
    Recorder device = new Recorder();
    Plan plan;
    try (Scope _ = Scope.open(device)) {
      plan = plan(Unary.Fn.SQUARE);
      assertThat(run(device, plan, 1, 2, 3)).containsExactly(1, 4, 9);
      assertThat(device.replays).isZero();
      assertThat(run(device, plan, 4, 5, 6)).containsExactly(16, 25, 36);
      assertThat(run(device, plan, 7, 8, 9)).containsExactly(49, 64, 81);
      assertThat(device.replays).isEqualTo(2);
      assertThat(device.closes).isZero();
    }
    assertThat(device.closes).as("ended with its memory").isOne();
    assertThatThrownBy(plan::run).isInstanceOf(IllegalStateException.class).hasMessageContaining("use after free");
  }

  @Test
  void whatTheHostComputesIsNotRecorded() {
    Recorder device = new Recorder();
    try (Scope _ = Scope.open(device)) {
      Plan plan = plan(Unary.Fn.ABS);
      assertThat(run(device, plan, 1, -2, 3)).containsExactly(1, 2, 3);
      assertThat(run(device, plan, -4, 5, -6)).containsExactly(4, 5, 6);
      assertThat(device.recorded).isNull();
    }
  }
}
