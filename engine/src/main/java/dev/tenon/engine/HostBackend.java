package dev.tenon.engine;

import dev.tenon.engine.kernel.Kernel;
import dev.tenon.engine.kernel.KernelRegistry;
import java.lang.foreign.MemorySegment;
import java.util.List;

/** The CPU: tensors in native memory, kernels as given, the reference for everything else. */
public final class HostBackend implements Backend {
  private final HostMemory memory = new HostMemory();
  private final KernelRegistry kernels;
  private final String description;
  private final Runnable onClose;

  /**
   * @param description what the kernels make use of, for people
   * @param onClose ends what the kernels run on, such as threads
   */
  public HostBackend(List<Kernel> kernels, String description, Runnable onClose) {
    this.kernels = new KernelRegistry(kernels);
    this.description = description;
    this.onClose = onClose;
  }

  /** The CPU with the reference computations only. */
  public static HostBackend reference() {
    return new HostBackend(List.of(), "reference computations only", () -> {});
  }

  @Override
  public Device device() {
    return Device.CPU;
  }

  @Override
  public Storage allocate(long bytes) {
    HostMemory.Block block = memory.take(bytes);
    return new Storage(this, block.segment().asSlice(0, bytes), () -> memory.give(block));
  }

  /** Memory that something else owns, such as a mapped file; freeing the storage leaves it alone. */
  public Storage wrap(MemorySegment segment) {
    return new Storage(this, segment, () -> {});
  }

  @Override
  public void upload(MemorySegment source, Storage target, long offset) {
    MemorySegment.copy(source, 0, target.segment(), offset, source.byteSize());
  }

  @Override
  public MemorySegment download(Storage source, long offset, long bytes) {
    return source.segment().asSlice(offset, bytes);
  }

  @Override
  public KernelRegistry kernels() {
    return kernels;
  }

  @Override
  public long reservedBytes() {
    return memory.reservedBytes();
  }

  @Override
  public void synchronize() {}

  @Override
  public String describe() {
    return "cpu: " + description;
  }

  @Override
  public void close() {
    onClose.run();
    memory.close();
  }
}
