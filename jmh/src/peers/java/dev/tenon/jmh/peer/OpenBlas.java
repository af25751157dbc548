package dev.tenon.jmh.peer;

import dev.tenon.engine.HostBackend;
import dev.tenon.engine.Scope;
import dev.tenon.engine.Shape;
import dev.tenon.engine.TenonException;
import dev.tenon.engine.Tensor;
import dev.tenon.engine.op.Linear;
import dev.tenon.jmh.Engine;
import dev.tenon.jmh.Job;
import dev.tenon.jmh.OpCall;
import dev.tenon.jmh.Workload;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.util.List;
import java.util.Optional;

/** The OpenBLAS installed on this machine (Debian: libopenblas0-pthread), for matrix products. */
public final class OpenBlas implements Engine {
  private static final int ROW_MAJOR = 101;
  private static final int NO_TRANSPOSE = 111;
  private static final int TRANSPOSE = 112;
  /** Its names of kernels with 512-bit vectors, which it may be told to use where it does not know the processor. */
  private static final List<String> AVX512 = List.of("SkylakeX", "Cooperlake", "SapphireRapids");

  @Override
  public String name() {
    return "openblas";
  }

  @Override
  public boolean knows(Workload workload) {
    return workload instanceof OpCall call && call.op().equals(new Linear(false)) && call.name().startsWith("sgemm");
  }

  @Override
  public Job open(Workload workload, int threads) {
    OpCall call = (OpCall) workload;
    MethodHandle sgemm = sgemm(threads);
    HostBackend backend = HostBackend.reference();
    Scope scope = Scope.open(backend);
    List<Tensor> operands = call.operands();
    int m = (int) operands.get(0).dim(0);
    int k = (int) operands.get(0).dim(1);
    int n = (int) operands.get(1).dim(0);
    Tensor result = Tensor.empty(operands.get(0).dtype(), Shape.of(m, n));
    MemorySegment x = operands.get(0).bytes();
    MemorySegment w = operands.get(1).bytes();
    MemorySegment y = result.bytes();
    Job job = new Job() {
      @Override
      public void run() {
        try {
          sgemm.invokeExact(ROW_MAJOR, NO_TRANSPOSE, TRANSPOSE, m, n, k, 1f, x, k, w, k, 0f, y, n);
        } catch (Throwable e) {
          throw new IllegalStateException("OpenBLAS failed", e);
        }
      }

      @Override
      public void close() {
        scope.close();
        backend.close();
      }
    };
    job.run();
    call.checkPeer(operands, List.of(result));
    return job;
  }

  /** The processor that its kernels are for; nothing where it is not installed, which {@link #open} tells. */
  @Override
  @SuppressWarnings("restricted") // reads the text behind a native pointer
  public Optional<String> choice() {
    try {
      MemorySegment core = (MemorySegment) function("openblas_get_corename", FunctionDescriptor.of(ValueLayout.ADDRESS)).invokeExact();
      return Optional.of("kernels for " + core.reinterpret(Long.MAX_VALUE).getString(0));
    } catch (TenonException e) {
      return Optional.empty();
    } catch (Throwable e) {
      throw new IllegalStateException("OpenBLAS cannot tell its kernels", e);
    }
  }

  private static MethodHandle sgemm(int threads) {
    String core = System.getenv("OPENBLAS_CORETYPE");
    if (core != null && AVX512.stream().noneMatch(core::equalsIgnoreCase)) {
      throw new TenonException("OPENBLAS_CORETYPE=" + core + " keeps OpenBLAS from its best kernel; unset it");
    }
    try {
      function("openblas_set_num_threads", FunctionDescriptor.ofVoid(ValueLayout.JAVA_INT)).invokeExact(threads);
    } catch (TenonException e) {
      throw e;
    } catch (Throwable e) {
      throw new IllegalStateException("OpenBLAS cannot be told how many threads to use", e);
    }
    return function("cblas_sgemm", FunctionDescriptor.ofVoid(
        ValueLayout.JAVA_INT, ValueLayout.JAVA_INT, ValueLayout.JAVA_INT, ValueLayout.JAVA_INT, ValueLayout.JAVA_INT,
        ValueLayout.JAVA_INT, ValueLayout.JAVA_FLOAT, ValueLayout.ADDRESS, ValueLayout.JAVA_INT, ValueLayout.ADDRESS,
        ValueLayout.JAVA_INT, ValueLayout.JAVA_FLOAT, ValueLayout.ADDRESS, ValueLayout.JAVA_INT));
  }

  @SuppressWarnings("restricted") // calls into a native library, which is what this is for
  private static MethodHandle function(String name, FunctionDescriptor type) {
    try {
      SymbolLookup library = SymbolLookup.libraryLookup("libopenblas.so.0", Arena.global());
      return Linker.nativeLinker().downcallHandle(library.findOrThrow(name), type);
    } catch (IllegalArgumentException e) {
      throw new TenonException("libopenblas.so.0 is not installed; install it (Debian: libopenblas0-pthread)", e);
    }
  }
}
