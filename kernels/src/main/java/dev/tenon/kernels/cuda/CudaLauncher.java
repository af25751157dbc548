package dev.tenon.kernels.cuda;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_DOUBLE;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.tenon.engine.TenonException;
import dev.tenon.engine.Tensor;
import dev.tenon.engine.kernel.Call;
import dev.tenon.kernels.gpu.DeviceMemory;
import dev.tenon.kernels.gpu.Grid;
import dev.tenon.kernels.gpu.Launcher;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.HashMap;
import java.util.Map;
import jcuda.driver.CUmodule;
import jcuda.driver.CUresult;

/** Starts kernels on one GPU, and lends them memory. What a launch reports wrong names kernel, grid and operands. */
final class CudaLauncher implements Launcher, AutoCloseable {
  /** A system property: wait for each kernel, so that a fault is reported where it happens. */
  static final String SYNCHRONOUS = "tenon.cuda.sync";

  private static final int MOST_PARAMETERS = 32;
  private static final long PARAMETER_BYTES = 4096;
  /** Of a group, in words of 8 bytes, as in {@code optimizer.cu}. */
  private static final int GROUP_WORDS = 480;

  private final Driver driver;
  private final DeviceMemory memory;
  private final KernelImages images;
  private final Map<String, CUmodule> modules = new HashMap<>();
  private final Map<Entry, Driver.Function> functions = new HashMap<>();
  private final Arena arena = Arena.ofShared();
  private final MemorySegment values = arena.allocate(PARAMETER_BYTES, TensorMap.ALIGNMENT);
  private final MemorySegment pointers = arena.allocate(ADDRESS, MOST_PARAMETERS);
  private final boolean synchronous = Boolean.getBoolean(SYNCHRONOUS);

  CudaLauncher(Driver driver, DeviceMemory memory, KernelImages images) {
    this.driver = driver;
    this.memory = memory;
    this.images = images;
  }

  @Override
  public synchronized void launch(Call call, Entry entry, Grid grid, Object... arguments) {
    if (grid.isEmpty()) {
      return;
    }
    Driver.Function function = function(entry);
    long at = 0;
    for (int i = 0; i < arguments.length; i++) {
      at = place(arguments[i], at, i);
    }
    int status = driver.launch(function, grid, pointers);
    if (status == CUresult.CUDA_SUCCESS && synchronous) {
      status = driver.await();
    }
    if (status != CUresult.CUDA_SUCCESS) {
      throw new TenonException("kernel " + entry.symbol() + " failed with " + grid + " for "
          + call.describe() + ": " + CUresult.stringFor(status));
    }
  }

  private long place(Object argument, long from, int parameter) {
    int alignment = switch (argument) {
      case Integer _, Float _, int[] _ -> 4;
      case MemorySegment _ -> TensorMap.ALIGNMENT;
      default -> 8;
    };
    long at = from + alignment - 1 & -alignment;
    pointers.setAtIndex(ADDRESS, parameter, values.asSlice(at));
    return switch (argument) {
      case Tensor t -> put(at, Launcher.address(t));
      case Long v -> put(at, v);
      case Whole(long v) -> put(at, v);
      case Double v -> {
        values.set(JAVA_DOUBLE, at, v);
        yield at + 8;
      }
      case Integer v -> {
        values.set(JAVA_INT, at, v);
        yield at + 4;
      }
      case Float v -> {
        values.set(JAVA_FLOAT, at, v);
        yield at + 4;
      }
      case int[] v -> {
        MemorySegment.copy(v, 0, values, JAVA_INT, at, v.length);
        yield at + 4L * v.length;
      }
      case MemorySegment v -> {
        MemorySegment.copy(v, 0, values, at, v.byteSize());
        yield at + v.byteSize();
      }
      case Group v -> put(at, v);
      default -> throw new IllegalArgumentException("no kernel parameter can be made of " + argument);
    };
  }

  /** How many tensors there are; then of each its addresses, and in one word its size and, above, the chunks up to its end. */
  private long put(long from, Group group) {
    long at = put(from, group.sizes().length);
    long chunks = 0;
    for (int i = 0; i < group.sizes().length; i++) {
      for (long address : group.addresses()[i]) {
        at = put(at, address);
      }
      chunks += group.chunks(i);
      at = put(at, chunks << 32 | group.sizes()[i]);
    }
    return from + Long.BYTES * GROUP_WORDS;
  }

  @Override
  public int together(int addresses) {
    return (GROUP_WORDS - 1) / (addresses + 1);
  }

  private long put(long at, long value) {
    values.set(JAVA_LONG, at, value);
    return at + 8;
  }

  private Driver.Function function(Entry entry) {
    Driver.Function known = functions.get(entry);
    if (known == null) {
      CUmodule module =
          modules.computeIfAbsent(entry.text(), text -> driver.load(images.image(text), "the code of kernel text " + text));
      known = driver.function(module, entry.symbol());
      functions.put(entry, known);
    }
    return known;
  }

  /** Whether each kernel is waited for. */
  boolean isSynchronous() {
    return synchronous;
  }

  @Override
  public int warp() {
    return 32;
  }

  @Override
  public DeviceMemory memory() {
    return memory;
  }

  @Override
  public void close() {
    arena.close();
  }
}
