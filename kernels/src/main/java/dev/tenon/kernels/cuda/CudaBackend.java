package dev.tenon.kernels.cuda;

import dev.tenon.engine.Backend;
import dev.tenon.engine.Device;
import dev.tenon.engine.Precision;
import dev.tenon.engine.Recording;
import dev.tenon.engine.Storage;
import dev.tenon.engine.kernel.KernelRegistry;
import dev.tenon.kernels.gpu.DeviceMemory;
import dev.tenon.kernels.gpu.Faults;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Optional;
import java.util.function.Supplier;

/** An NVIDIA GPU. All its work runs in order on one stream, whichever thread asks for it. */
final class CudaBackend implements Backend {
  /** A system property: the most memory to take from a GPU. */
  private static final String MEMORY = "tenon.cuda.memory";

  /** A system property: whether plans are recorded into graphs, which they are unless it says false. */
  private static final String GRAPHS = "tenon.cuda.graphs";
  /** Where memory was asked for; the host has no time to look while it keeps a GPU busy. */
  private static final String ORIGIN = "a place in the program (start with -D" + CudaLauncher.SYNCHRONOUS + "=true to learn which)";
  /** Smaller copies are handed to the driver as they are. */
  private static final long STAGED_BYTES = 64 << 10;

  private final Driver.Info info;
  private final Driver driver;
  private final DeviceMemory memory;
  private final Staging staging;
  private final LateReads reads;
  private final KernelImages images;
  private final CudaLauncher launcher;
  private final Faults faults;
  private final KernelRegistry kernels;

  CudaBackend(int index, Precision precision) {
    driver = Driver.open(index);
    info = Driver.info(index);
    memory = new DeviceMemory(driver, DeviceMemory.Limit.of(MEMORY));
    staging = new Staging(driver, memory);
    reads = new LateReads(driver);
    images = KernelImages.inCache(info);
    launcher = new CudaLauncher(driver, memory, images);
    MemorySegment fault = driver.shared(Faults.BYTES);
    faults = new Faults(fault.address(), fault);
    kernels = new KernelRegistry(CudaKernels.all(driver, launcher, faults, info, precision));
  }

  @Override
  public Device device() {
    return new Device(Device.Kind.CUDA, info.index());
  }

  /** Whether it multiplies F32 in parts. */
  boolean splits() {
    return info.capability() == HopperProducts.CAPABILITY;
  }

  @Override
  @SuppressWarnings("restricted")
  public Storage allocate(long bytes) {
    DeviceMemory.Block block = memory.take(bytes);
    MemorySegment segment = MemorySegment.ofAddress(block.address()).reinterpret(bytes);
    Runnable release = () -> memory.give(block);
    return launcher.isSynchronous() ? new Storage(this, segment, release) : new Storage(this, segment, release, ORIGIN);
  }

  @Override
  public void upload(MemorySegment source, Storage target, long offset) {
    long bytes = source.byteSize();
    long address = target.segment().asSlice(offset, bytes).address();
    if (bytes > STAGED_BYTES) {
      staging.upload(source, address);
    } else if (bytes > 0) {
      driver.upload(source, address);
    }
  }

  @Override
  public MemorySegment download(Storage source, long offset, long bytes) {
    MemorySegment host = Arena.ofAuto().allocate(bytes, 8);
    if (bytes > 0) {
      driver.download(source.segment().asSlice(offset, bytes).address(), host);
      faults.check();
    }
    return host;
  }

  @Override
  public Supplier<MemorySegment> downloadLater(Storage source, long offset, long bytes) {
    Supplier<MemorySegment> later = reads.read(source.segment().asSlice(offset, bytes).address(), bytes);
    return () -> {
      MemorySegment host = later.get();
      faults.check();
      return host;
    };
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
  public synchronized Optional<Recording> record(Runnable work) {
    if ("false".equals(System.getProperty(GRAPHS)) || launcher.isSynchronous()) {
      work.run();
      return Optional.empty();
    }
    memory.apart();
    Optional<Driver.Graph> graph = Optional.empty();
    List<DeviceMemory.Block> blocks;
    try {
      work.run();
      graph = Optional.of(driver.record(work));
    } finally {
      blocks = memory.together();
      if (graph.isEmpty()) {
        blocks.forEach(memory::give);
      }
    }
    return graph.map(launches -> new CudaRecording(launches, memory, blocks));
  }

  /** A graph, and the memory its kernels work in. */
  private record CudaRecording(Driver.Graph graph, DeviceMemory memory, List<DeviceMemory.Block> blocks) implements Recording {
    @Override
    public void replay() {
      graph.launch();
    }

    @Override
    public void close() {
      graph.free();
      blocks.forEach(memory::give);
    }
  }

  @Override
  public void synchronize() {
    driver.synchronize();
    faults.check();
  }

  /** The device, and where the code of each kernel text used so far came from. */
  @Override
  public String describe() {
    return info + "; kernels: " + images.origins();
  }

  @Override
  public void close() {
    driver.synchronize();
    launcher.close();
    staging.close();
    memory.close();
    driver.close();
  }
}
