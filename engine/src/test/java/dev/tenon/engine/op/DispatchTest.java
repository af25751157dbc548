package dev.tenon.engine.op;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.tenon.engine.Backend;
import dev.tenon.engine.DType;
import dev.tenon.engine.Device;
import dev.tenon.engine.HostBackend;
import dev.tenon.engine.Scope;
import dev.tenon.engine.Shape;
import dev.tenon.engine.Storage;
import dev.tenon.engine.TenonException;
import dev.tenon.engine.Tensor;
import dev.tenon.engine.autograd.Tape;
import dev.tenon.engine.kernel.KernelRegistry;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.List;
import jdk.jfr.Recording;
import jdk.jfr.consumer.RecordedEvent;
import jdk.jfr.consumer.RecordingFile;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The one path of every call: what it leaves in the flight recorder, what the tape follows, where results live. */
class DispatchTest {
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

  @Test
  void theFlightRecorderSeesEachCall(@TempDir Path folder) throws IOException {
    Tensor a = Tensor.zeros(DType.F32, Shape.of(2, 3));
    Tensor b = Tensor.zeros(DType.F32, Shape.of(3, 5));
    Path file = folder.resolve("ops.jfr");
    try (Recording recording = new Recording()) {
      recording.enable("dev.tenon.Op");
      recording.start();
      a.matmul(b).transpose(0, 1).sum();
      recording.stop();
      recording.dump(file);
    }
    List<RecordedEvent> events = RecordingFile.readAllEvents(file);
    assertThat(events).extracting(e -> e.getString("op")).containsExactly("matMul", "sum");
    RecordedEvent matMul = events.getFirst();
    assertThat(matMul.getString("kernel")).isEqualTo("reference");
    assertThat(matMul.getString("shapes")).isEqualTo("[[2, 3] F32, [3, 5] F32]");
    assertThat(matMul.getLong("flops")).isEqualTo(2 * 2 * 3 * 5);
    assertThat(matMul.getLong("bytes")).isEqualTo(4 * (2 * 3 + 3 * 5 + 2 * 5));
    assertThat(matMul.getDuration()).isPositive();
  }

  @Test
  void viewsNeverCopy() {
    Tensor x = Tensor.of(DType.F32, Shape.of(2, 3, 4), new double[24]);
    long owned = scope.bytes();
    for (Tensor view : List.of(x.permute(2, 0, 1), x.slice(1, 1, 3), x.select(0, 1), x.reshape(6, 4), x.reshape(2, -1),
        x.expand(5, 2, 3, 4), x.transpose(0, 1).slice(0, 0, 2), x.detach(), x.withGrad(),
        new Unbind(0).applyAll(List.of(x)).getLast())) {
      assertThat(view.storage()).isSameAs(x.storage());
    }
    assertThat(scope.bytes()).isEqualTo(owned);
    assertThat(x.transpose(0, 2).reshape(24).storage()).as("strides cannot say it").isNotSameAs(x.storage());
    assertThatThrownBy(() -> new Reshape(Shape.of(24)).apply(x.transpose(0, 2)))
        .isInstanceOf(TenonException.class).hasMessageContaining("without a copy");
  }

  @Test
  void whatIsNotDifferentiableIsNotFollowed() {
    Tensor x = Tensor.of(new float[] {1, 2}, 2).withGrad();
    try (Tape _ = Tape.record()) {
      assertThat(x.mul(2).requiresGrad()).isTrue();
      assertThat(new Compare(Compare.Relation.GT).apply(x, x).requiresGrad()).isFalse();
      assertThat(new ArgMax(0, true).apply(x).requiresGrad()).isFalse();
      assertThat(x.cast(DType.I64).requiresGrad()).isFalse();
    }
    assertThat(x.mul(2).requiresGrad()).as("no tape is open").isFalse();
  }

  @Test
  void operandsOfTwoDevicesAreRefused() {
    Tensor here = Tensor.scalar(DType.F32, 1);
    try (HostBackend other = HostBackend.reference(); Scope _ = Scope.open(other)) {
      Tensor there = Tensor.scalar(DType.F32, 2);
      assertThatThrownBy(() -> here.add(there)).isInstanceOf(TenonException.class)
          .hasMessageContaining("add").hasMessageContaining("move them to one device");
      assertThat(here.to(other).add(there).item()).isEqualTo(3);
    }
  }

  /** A device whose memory is full after {@code left} allocations. */
  private static final class Full implements Backend {
    private final HostBackend host;
    private int left;

    Full(HostBackend host, int left) {
      this.host = host;
      this.left = left;
    }

    @Override
    public Device device() {
      return Device.CPU;
    }

    @Override
    public Storage allocate(long bytes) {
      if (left-- == 0) {
        throw new TenonException("out of memory: " + bytes + " bytes wanted");
      }
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
      return host.kernels();
    }

    @Override
    public void synchronize() {}

    @Override
    public long reservedBytes() {
      return host.reservedBytes();
    }

    @Override
    public String describe() {
      return "full";
    }

    @Override
    public void close() {}
  }

  @Test
  void memoryThatRunsOutNamesTheOpAndTheResult() {
    try (Backend full = new Full(backend, 1); Scope _ = Scope.open(full)) {
      Tensor x = Tensor.zeros(DType.F32, Shape.of(2, 3));
      assertThatThrownBy(() -> new Softmax(-1).apply(x)).isInstanceOf(TenonException.class)
          .hasMessageContainingAll("[2, 3] F32", "Softmax", "cpu", "24 bytes wanted");
    }
  }
}
