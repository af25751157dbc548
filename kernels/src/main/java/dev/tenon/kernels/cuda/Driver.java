package dev.tenon.kernels.cuda;

import static jcuda.driver.CUdevice_attribute.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR;
import static jcuda.driver.CUdevice_attribute.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR;
import static jcuda.driver.CUdevice_attribute.CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN;
import static jcuda.driver.CUdevice_attribute.CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT;
import static jcuda.driver.CUfunction_attribute.CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES;

import dev.tenon.engine.TenonException;
import dev.tenon.kernels.gpu.DeviceMemory;
import dev.tenon.kernels.gpu.Grid;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Optional;
import java.util.function.IntSupplier;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import jcuda.Pointer;
import jcuda.driver.CUcontext;
import jcuda.driver.CUdevice;
import jcuda.driver.CUdeviceptr;
import jcuda.driver.CUevent;
import jcuda.driver.CUevent_flags;
import jcuda.driver.CUfunction;
import jcuda.driver.CUgraph;
import jcuda.driver.CUgraphExec;
import jcuda.driver.CUmodule;
import jcuda.driver.CUresult;
import jcuda.driver.CUstream;
import jcuda.driver.CUstreamCaptureMode;
import jcuda.driver.JCudaDriver;

/**
 * One NVIDIA GPU through its driver: the primary context, one stream, memory, loaded code. Everything that can go wrong in there
 * becomes a sentence here.
 */
final class Driver implements DeviceMemory.Source, AutoCloseable {
  /** The oldest driver whose GPUs run every kernel text: CUDA 12.0. */
  private static final int LEAST_VERSION = 12_000;
  private static final int LEAST_CAPABILITY = 80;
  /** Where Linux tells which driver it has loaded, and how that looks. */
  private static final Path MODULE = Path.of("/proc/driver/nvidia/version");
  private static final Pattern RELEASE = Pattern.compile("\\b\\d{3,}\\.\\d+(\\.\\d+)?\\b");

  private final NativeCalls calls;
  private final CUdevice device;
  private final Context context = new Context();
  private final Stream stream = new Stream();
  /** Runs nothing: what its thread launches is recorded. */
  private final Stream recording = new Stream();
  /** Copies to where they wait until it is their turn. */
  private final Stream copying = new Stream();
  private volatile Thread recorder;

  /** A context whose address can be read. */
  private static final class Context extends CUcontext {
    long address() {
      return getNativePointer();
    }
  }

  /** A stream whose address can be read. */
  private static final class Stream extends CUstream {
    long address() {
      return getNativePointer();
    }
  }

  /** Device memory whose address can be read. */
  private static final class Memory extends CUdeviceptr {
    long address() {
      return getNativePointer();
    }
  }

  /** Pinned host memory whose address can be read. */
  private static final class HostMemory extends Pointer {
    long address() {
      return getNativePointer();
    }
  }

  /** Launches that were recorded. */
  final class Graph {
    private final CUgraphExec launches = new CUgraphExec();

    private Graph(CUgraph graph) {
      check(JCudaDriver.cuGraphInstantiate(launches, graph, 0), "what was recorded cannot be made ready to run");
    }

    void launch() {
      enter();
      check(JCudaDriver.cuGraphLaunch(launches, stream), "what was recorded cannot be run");
    }

    void free() {
      await(); // what it runs may be under way still
      check(JCudaDriver.cuGraphExecDestroy(launches), "what was recorded cannot be given up");
    }
  }

  /** A kernel, ready to be launched. */
  static final class Function extends CUfunction {
    private int sharedBytes = 48 << 10;

    private long address() {
      return getNativePointer();
    }
  }

  /**
   * What there is to know about a GPU before it is used.
   *
   * @param sharedBytes the most shared memory a block can have
   */
  record Info(int index, String name, int capability, long memoryBytes, int multiprocessors, int sharedBytes, int driverVersion) {
    /** The target a compiler must build for, such as {@code sm_90a}. */
    String target() {
      return "sm_" + capability + (capability == 90 ? "a" : "");
    }

    /** The driver's own number after a space, where the system tells it. */
    private static String release() {
      try {
        Matcher number = RELEASE.matcher(Files.readString(MODULE));
        return number.find() ? " " + number.group() : "";
      } catch (IOException e) {
        System.getLogger(Driver.class.getName()).log(System.Logger.Level.DEBUG, () -> "no " + MODULE, e);
        return "";
      }
    }

    @Override
    public String toString() {
      return String.format(Locale.ROOT, "cuda:%d %s, sm_%d, %d multiprocessors, %.1f GiB, driver%s for CUDA %d.%d",
          index, name, capability, multiprocessors, memoryBytes / (double) (1L << 30), release(), driverVersion / 1000,
          driverVersion % 1000 / 10);
    }
  }

  private Driver(NativeCalls calls, CUdevice device) {
    this.calls = calls;
    this.device = device;
    check(JCudaDriver.cuDevicePrimaryCtxRetain(context, device), "no context could be made on the GPU");
    check(calls.setCurrent(context.address()), "the GPU's context could not be entered");
    check(JCudaDriver.cuStreamCreate(stream, 1), "no stream could be made on the GPU");
    check(JCudaDriver.cuStreamCreate(recording, 1), "no stream could be made on the GPU");
    check(JCudaDriver.cuStreamCreate(copying, 1), "no stream could be made on the GPU");
  }

  /**
   * What can be told of a machine before a GPU is opened, each only when the one before allows.
   *
   * @param installed whether a driver is
   * @param platform operating system and processor
   * @param start starts the driver; its status
   * @param version of CUDA that the driver is for
   */
  record Presence(boolean installed, String platform, IntSupplier start, IntSupplier version) {
    static Presence here() {
      return new Presence(NativeCalls.find().isPresent(), System.getProperty("os.name") + " " + System.getProperty("os.arch"),
          () -> JCudaDriver.cuInit(0), Driver::version);
    }

    Optional<String> missing() {
      if (!installed) {
        return Optional.of("no NVIDIA driver is installed (" + NativeCalls.LIBRARY + " is not found)");
      }
      if (!platform.equals("Linux amd64")) {
        return Optional.of("the CUDA binding that ships with Tenon is for Linux on x86-64, not for " + platform);
      }
      int status = start.getAsInt();
      if (status == CUresult.CUDA_ERROR_NO_DEVICE) {
        return Optional.of("an NVIDIA driver is installed, but it finds no GPU");
      }
      if (status != CUresult.CUDA_SUCCESS) {
        return Optional.of("the NVIDIA driver does not start: " + CUresult.stringFor(status));
      }
      int found = version.getAsInt();
      return found < LEAST_VERSION
          ? Optional.of("the NVIDIA driver is too old: it is for CUDA " + found / 1000 + "." + found % 1000 / 10
              + ", and 12.0 or newer is needed")
          : Optional.empty();
    }
  }

  /** Why no GPU can be used on this machine, or empty when one can. Loads nothing native unless a driver is installed. */
  static Optional<String> missing() {
    return Presence.here().missing();
  }

  /** GPUs present. Only after {@link #missing} answered nothing. */
  static int count() {
    int[] count = new int[1];
    check(JCudaDriver.cuDeviceGetCount(count), "the GPUs could not be counted");
    return count[0];
  }

  private static int version() {
    int[] version = new int[1];
    check(JCudaDriver.cuDriverGetVersion(version), "the driver does not tell its version");
    return version[0];
  }

  /** What GPU {@code index} is. Only after {@link #missing} answered nothing. */
  static Info info(int index) {
    CUdevice device = device(index);
    byte[] name = new byte[256];
    long[] memory = new long[1];
    check(JCudaDriver.cuDeviceGetName(name, name.length, device), "GPU " + index + " does not tell its name");
    check(JCudaDriver.cuDeviceTotalMem(memory, device), "GPU " + index + " does not tell its memory");
    int end = 0;
    while (name[end] != 0) {
      end++;
    }
    int capability = 10 * attribute(device, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR)
        + attribute(device, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR);
    return new Info(index, new String(name, 0, end, StandardCharsets.UTF_8), capability, memory[0],
        attribute(device, CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT),
        attribute(device, CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN), version());
  }

  private static CUdevice device(int index) {
    CUdevice device = new CUdevice();
    check(JCudaDriver.cuDeviceGet(device, index), "GPU " + index + " could not be opened");
    return device;
  }

  private static int attribute(CUdevice device, int attribute) {
    int[] value = new int[1];
    check(JCudaDriver.cuDeviceGetAttribute(value, attribute, device), "the GPU does not tell attribute " + attribute);
    return value[0];
  }

  /**
   * Opens GPU {@code index}.
   *
   * @throws TenonException saying in one sentence what is missing
   */
  static Driver open(int index) {
    missing().ifPresent(reason -> {
      throw new TenonException("device cuda:" + index + " cannot be used: " + reason + "; use --device cpu");
    });
    if (index >= count()) {
      throw new TenonException("device cuda:" + index + " does not exist: there are " + count() + " GPUs, counted from 0");
    }
    Info info = info(index);
    if (info.capability() < LEAST_CAPABILITY) {
      throw new TenonException("device cuda:" + index + " (" + info.name() + ") is of compute capability "
          + info.capability() / 10.0 + ", but the kernels need 8.0 or newer; use --device cpu");
    }
    return new Driver(NativeCalls.find().orElseThrow(), device(index));
  }

  /** Makes the GPU the calling thread's; every entry from a backend does this first, as any thread may be the next. */
  private void enter() {
    check(calls.setCurrent(context.address()), "the GPU's context could not be entered");
  }

  @Override
  public long allocate(long bytes) {
    enter();
    Memory memory = new Memory();
    int status = JCudaDriver.cuMemAlloc(memory, bytes);
    if (status == CUresult.CUDA_ERROR_OUT_OF_MEMORY) {
      return 0;
    }
    check(status, "no memory could be taken on the GPU");
    return memory.address();
  }

  @Override
  public void free(long address) {
    enter();
    check(JCudaDriver.cuMemFree(at(address)), "memory could not be freed");
  }

  /** Host memory that kernels reach at the same address; it ends with the context. */
  @SuppressWarnings("restricted")
  MemorySegment shared(long bytes) {
    enter();
    HostMemory memory = new HostMemory();
    check(JCudaDriver.cuMemHostAlloc(memory, bytes, JCudaDriver.CU_MEMHOSTALLOC_DEVICEMAP),
        "no host memory could be shared with the GPU");
    return MemorySegment.ofAddress(memory.address()).reinterpret(bytes);
  }

  @Override
  public long[] memory() {
    enter();
    long[] free = new long[1];
    long[] total = new long[1];
    check(JCudaDriver.cuMemGetInfo(free, total), "the GPU does not tell its memory");
    return new long[] {free[0], total[0]};
  }

  /** Copies host memory that is not pinned, native or of the heap, to the GPU; returns when the source may be changed. */
  void upload(MemorySegment source, long target) {
    enter();
    requireRunning();
    check(calls.upload(target, source, source.byteSize(), stream.address()), "a copy to the GPU failed");
  }

  /**
   * Has pinned memory copied to the GPU: right away to where it waits there, and from there, after everything launched before, to where it
   * shall be.
   *
   * @param arrived tells when it waits
   * @param left tells when it is where it shall be
   */
  void uploadAsync(MemorySegment pinned, long waiting, long target, CUevent arrived, CUevent left) {
    enter();
    requireRunning();
    String failure = "a copy to the GPU failed";
    check(calls.upload(waiting, pinned, pinned.byteSize(), copying.address()), failure);
    check(JCudaDriver.cuEventRecord(arrived, copying), failure);
    check(JCudaDriver.cuStreamWaitEvent(stream, arrived, 0), failure);
    check(JCudaDriver.cuMemcpyDtoDAsync(at(target), at(waiting), pinned.byteSize(), stream), failure);
    check(JCudaDriver.cuEventRecord(left, stream), failure);
  }

  private static CUdeviceptr at(long address) {
    return new CUdeviceptr().withByteOffset(address);
  }

  /** Has memory of the GPU copied to pinned memory, after everything launched before; {@code arrived} tells when it was. */
  void downloadAsync(long source, MemorySegment pinned, CUevent arrived) {
    enter();
    requireRunning();
    check(calls.download(pinned, source, pinned.byteSize(), stream.address()), "a copy from the GPU failed");
    check(JCudaDriver.cuEventRecord(arrived, stream), "a copy from the GPU failed");
  }

  CUevent event() {
    enter();
    CUevent event = new CUevent();
    check(JCudaDriver.cuEventCreate(event, CUevent_flags.CU_EVENT_DISABLE_TIMING), "no event could be made on the GPU");
    return event;
  }

  /** Waits for what an event was recorded behind; not at all where it never was. */
  void await(CUevent event) {
    enter();
    check(JCudaDriver.cuEventSynchronize(event),
        "a kernel launched before failed (start with -D" + CudaLauncher.SYNCHRONOUS + "=true to learn which)");
  }

  /** Copies from the GPU to native host memory, after everything launched before. */
  void download(long source, MemorySegment target) {
    enter();
    requireRunning();
    check(calls.download(target, source, target.byteSize(), stream.address()), "a copy from the GPU failed");
    synchronize();
  }

  /** Waits for everything launched so far; the status that this came to. */
  int await() {
    enter();
    requireRunning();
    return JCudaDriver.cuStreamSynchronize(stream);
  }

  @Override
  public void synchronize() {
    check(await(),
        "a kernel launched before failed (start with -D" + CudaLauncher.SYNCHRONOUS + "=true to learn which)");
  }

  CUmodule load(byte[] image, String what) {
    enter();
    CUmodule module = new CUmodule();
    check(JCudaDriver.cuModuleLoadData(module, image), "the driver refuses " + what);
    return module;
  }

  Function function(CUmodule module, String name) {
    enter();
    Function function = new Function();
    check(JCudaDriver.cuModuleGetFunction(function, module, name), "there is no kernel " + name);
    return function;
  }

  /** The status of launching {@code function}; raises its shared memory limit where needed. */
  int launch(Function function, Grid grid, MemorySegment parameters) {
    enter();
    if (grid.sharedBytes() > function.sharedBytes) {
      int status = JCudaDriver.cuFuncSetAttribute(
          function, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, grid.sharedBytes());
      if (status != CUresult.CUDA_SUCCESS) {
        return status;
      }
      function.sharedBytes = grid.sharedBytes();
    }
    return calls.launch(function.address(), grid, (isRecording() ? recording : stream).address(), parameters);
  }

  /** Writes {@code tensor}, which begins at {@code address}, to the {@link TensorMap#BYTES} bytes of {@code map}. */
  void encode(MemorySegment map, TensorMap tensor, long address) {
    check(calls.encode(map, tensor, address), "the driver refuses a " + tensor);
  }

  /** What {@code work} launches, recorded instead of run; for one thread at a time. */
  Graph record(Runnable work) {
    enter();
    // Other threads go on taking memory and loading code meanwhile.
    check(JCudaDriver.cuStreamBeginCapture(recording, CUstreamCaptureMode.CU_STREAM_CAPTURE_MODE_RELAXED), "nothing can be recorded");
    CUgraph graph = new CUgraph();
    int status;
    recorder = Thread.currentThread();
    try {
      work.run();
    } finally {
      recorder = null;
      status = JCudaDriver.cuStreamEndCapture(recording, graph);
    }
    check(status, "what was launched cannot be recorded");
    try {
      return new Graph(graph);
    } finally {
      JCudaDriver.cuGraphDestroy(graph);
    }
  }

  private boolean isRecording() {
    return Thread.currentThread() == recorder;
  }

  private void requireRunning() {
    if (isRecording()) {
      throw new IllegalStateException("only launches can be recorded, neither copies from or to the host nor waiting");
    }
  }

  /** Fails unless {@code status} is success: "{what}: {the driver's word}". */
  static void check(int status, String what) {
    if (status != CUresult.CUDA_SUCCESS) {
      throw new TenonException(what + ": " + CUresult.stringFor(status));
    }
  }

  @Override
  public void close() {
    enter();
    check(JCudaDriver.cuStreamDestroy(stream), "the stream could not be ended");
    check(JCudaDriver.cuStreamDestroy(recording), "the stream could not be ended");
    check(JCudaDriver.cuStreamDestroy(copying), "the stream could not be ended");
    check(JCudaDriver.cuDevicePrimaryCtxRelease(device), "the GPU's context could not be left");
  }
}
