package dev.tenon.kernels.cuda;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.tenon.kernels.gpu.Grid;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.invoke.MethodHandle;
import java.util.Arrays;
import java.util.Optional;

/**
 * The driver calls that need no Java objects around raw addresses, launches and copies, made thousands of times a step; and tensor maps,
 * which the binding lacks.
 */
final class NativeCalls {
  static final String LIBRARY = "libcuda.so.1";

  private final MethodHandle setCurrent;
  private final MethodHandle launch;
  private final MethodHandle upload;
  private final MethodHandle download;
  private final MethodHandle encode;

  private NativeCalls(SymbolLookup driver) {
    setCurrent = bind(driver, "cuCtxSetCurrent", JAVA_LONG);
    launch = bind(driver, "cuLaunchKernel", JAVA_LONG, JAVA_INT, JAVA_INT, JAVA_INT, JAVA_INT, JAVA_INT, JAVA_INT, JAVA_INT,
        JAVA_LONG, ADDRESS, ADDRESS);
    upload = bindCritical(driver, "cuMemcpyHtoDAsync_v2", JAVA_LONG, ADDRESS, JAVA_LONG, JAVA_LONG);
    download = bind(driver, "cuMemcpyDtoHAsync_v2", ADDRESS, JAVA_LONG, JAVA_LONG, JAVA_LONG);
    // Drivers before CUDA 12 lack it; they are refused where their version is asked for.
    encode = driver.find("cuTensorMapEncodeTiled").isEmpty() ? null : bindCritical(driver, "cuTensorMapEncodeTiled", ADDRESS, JAVA_INT,
        JAVA_INT, JAVA_LONG, ADDRESS, ADDRESS, ADDRESS, ADDRESS, JAVA_INT, JAVA_INT, JAVA_INT, JAVA_INT);
  }

  /** The installed driver's calls; empty where no driver is installed. Runs nothing of the driver. */
  static Optional<NativeCalls> find() {
    return library(LIBRARY).map(NativeCalls::new);
  }

  /** A shared library by its name or path; empty where it is not installed. */
  @SuppressWarnings("restricted")
  static Optional<SymbolLookup> library(String name) {
    try {
      return Optional.of(SymbolLookup.libraryLookup(name, Arena.global()));
    } catch (IllegalArgumentException e) {
      System.getLogger(NativeCalls.class.getName()).log(System.Logger.Level.DEBUG, () -> "no " + name, e);
      return Optional.empty();
    }
  }

  /** A C function that answers an int status. */
  @SuppressWarnings("restricted")
  static MethodHandle bind(SymbolLookup library, String name, MemoryLayout... parameters) {
    return Linker.nativeLinker().downcallHandle(library.findOrThrow(name), FunctionDescriptor.of(JAVA_INT, parameters));
  }

  /** As {@link #bind}, for a function that may be given arrays, which stay where they are meanwhile. */
  @SuppressWarnings("restricted")
  private static MethodHandle bindCritical(SymbolLookup library, String name, MemoryLayout... parameters) {
    return Linker.nativeLinker().downcallHandle(
        library.findOrThrow(name), FunctionDescriptor.of(JAVA_INT, parameters), Linker.Option.critical(true));
  }

  int setCurrent(long context) {
    try {
      return (int) setCurrent.invokeExact(context);
    } catch (Throwable e) {
      throw new AssertionError(e);
    }
  }

  /** {@code parameters} points to one pointer a kernel parameter. */
  int launch(long function, Grid grid, long stream, MemorySegment parameters) {
    try {
      return (int) launch.invokeExact(function, grid.x(), grid.y(), grid.z(), grid.threads(), 1, 1, grid.sharedBytes(), stream,
          parameters, MemorySegment.NULL);
    } catch (Throwable e) {
      throw new AssertionError(e);
    }
  }

  int upload(long target, MemorySegment source, long bytes, long stream) {
    try {
      return (int) upload.invokeExact(target, source, bytes, stream);
    } catch (Throwable e) {
      throw new AssertionError(e);
    }
  }

  int download(MemorySegment target, long source, long bytes, long stream) {
    try {
      return (int) download.invokeExact(target, source, bytes, stream);
    } catch (Throwable e) {
      throw new AssertionError(e);
    }
  }

  /** Writes {@code tensor}, which begins at {@code address}, to the bytes of {@code map}. */
  int encode(MemorySegment map, TensorMap tensor, long address) {
    int[] steps = new int[tensor.rank()];
    Arrays.fill(steps, 1);
    try {
      return (int) encode.invokeExact(map, tensor.type(), tensor.rank(), address, MemorySegment.ofArray(tensor.dims()),
          MemorySegment.ofArray(tensor.strideBytes()), MemorySegment.ofArray(tensor.boxDims()), MemorySegment.ofArray(steps), 0,
          TensorMap.SWIZZLE, TensorMap.PROMOTION, 0);
    } catch (Throwable e) {
      throw new AssertionError(e);
    }
  }
}
