package dev.tenon.kernels.opencl;

import dev.tenon.engine.Backend;
import dev.tenon.engine.Device;
import dev.tenon.engine.Storage;
import dev.tenon.engine.io.CacheFolder;
import dev.tenon.engine.kernel.KernelRegistry;
import dev.tenon.kernels.gpu.DeviceMemory;
import dev.tenon.kernels.gpu.Faults;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/** An OpenCL device. All its work runs in order on one queue, whichever thread asks for it. */
final class OpenClBackend implements Backend {
  /** A system property: give each tensor a new buffer of its own size, for tools that watch accesses. */
  private static final String WATCHED = "tenon.opencl.watched";

  private final ClDevice info;
  private final ClQueue queue;
  private final DeviceMemory memory;
  private final ClPrograms programs;
  private final ClProfile profile;
  private final ClLauncher launcher;
  private final MemorySegment fault = Arena.ofAuto().allocate(Faults.BYTES, Long.BYTES);
  private final Faults faults;
  private final KernelRegistry kernels;

  OpenClBackend(ClDevice info, ClTuning tuning) {
    this.info = info;
    profile = Boolean.getBoolean(ClProfile.PROPERTY) ? new ClProfile() : null;
    boolean watched = Boolean.getBoolean(WATCHED);
    queue = new ClQueue(info, profile != null, watched);
    memory = new DeviceMemory(queue, DeviceMemory.Limit.of("tenon.opencl.memory"), !watched);
    programs = new ClPrograms(info, queue.context(), CacheFolder.of(System.getenv()).path().resolve("kernels"));
    launcher = new ClLauncher(queue, memory, programs, info.hasDoubles(), info.hasTeams(), profile);
    faults = new Faults(memory.take(Faults.BYTES).address(), fault);
    queue.upload(fault, faults.address());
    kernels = new KernelRegistry(OpenClKernels.all(launcher, faults, info, tuning));
  }

  @Override
  public Device device() {
    return new Device(Device.Kind.OPENCL, info.index());
  }

  @Override
  @SuppressWarnings("restricted")
  public Storage allocate(long bytes) {
    DeviceMemory.Block block = memory.take(bytes);
    return new Storage(this, MemorySegment.ofAddress(block.address()).reinterpret(bytes), () -> memory.give(block));
  }

  @Override
  public void upload(MemorySegment source, Storage target, long offset) {
    long bytes = source.byteSize();
    long address = target.segment().asSlice(offset, bytes).address();
    if (source.isNative() || bytes == 0) {
      queue.upload(source, address);
      return;
    }
    try (Arena arena = Arena.ofConfined()) {
      queue.upload(arena.allocate(bytes, 8).copyFrom(source), address);
    }
  }

  @Override
  public MemorySegment download(Storage source, long offset, long bytes) {
    MemorySegment host = Arena.ofAuto().allocate(bytes, 8);
    if (bytes > 0) {
      queue.download(source.segment().asSlice(offset, bytes).address(), host);
      check();
    }
    return host;
  }

  /** Fails if a kernel has met an index out of range, which it left in the device's memory. */
  private void check() {
    if (faults.areExpected()) {
      queue.download(faults.address(), fault);
      try {
        faults.check();
      } finally {
        queue.upload(fault, faults.address());
      }
    }
  }

  @Override
  public long reservedBytes() {
    return memory.reservedBytes();
  }

  @Override
  public KernelRegistry kernels() {
    return kernels;
  }

  @Override
  public void synchronize() {
    queue.synchronize();
    check();
  }

  /** The device, and where the code of the kernels used so far came from. */
  @Override
  public String describe() {
    return info + "; kernels: " + programs;
  }

  @Override
  public void close() {
    queue.synchronize();
    if (profile != null) {
      System.getLogger(ClProfile.class.getName())
          .log(System.Logger.Level.INFO, () -> "time of kernels on " + info.name() + "\n" + profile.table());
    }
    launcher.close();
    memory.close();
    queue.close();
  }
}
