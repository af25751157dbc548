package dev.tenon.jmh.peer;

import dev.tenon.engine.HostBackend;
import dev.tenon.engine.Scope;
import dev.tenon.engine.Shape;
import dev.tenon.engine.TenonException;
import dev.tenon.engine.Tensor;
import dev.tenon.engine.op.Linear;
import dev.tenon.jmh.Check;
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

/** The OpenBLAS installed on this machine (Debian: libopenblas0-pthread), for matrix products. */
public final class OpenBlas implements Engine {
  private static final int ROW_MAJOR = 101;
  private static final int NO_TRANSPOSE = 111;
  private static final int TRANSPOSE = 112;

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
    Check.peer(call, operands, List.of(result));
    return job;
  }

  @SuppressWarnings("restricted") // calls into a native library, which is what this is for
  private static MethodHandle sgemm(int threads) {
    if (System.getenv("OPENBLAS_CORETYPE") != null) {
      throw new TenonException("OPENBLAS_CORETYPE is set and keeps OpenBLAS from choosing its best kernel; unset it");
    }
    SymbolLookup library;
    try {
      library = SymbolLookup.libraryLookup("libopenblas.so.0", Arena.global());
    } catch (IllegalArgumentException e) {
      throw new TenonException("libopenblas.so.0 is not installed; install it (Debian: libopenblas0-pthread)", e);
    }
    Linker linker = Linker.nativeLinker();
    try {
      linker.downcallHandle(library.findOrThrow("openblas_set_num_threads"), FunctionDescriptor.ofVoid(ValueLayout.JAVA_INT))
          .invokeExact(threads);
    } catch (Throwable e) {
      throw new IllegalStateException("OpenBLAS cannot be told how many threads to use", e);
    }
    return linker.downcallHandle(library.findOrThrow("cblas_sgemm"), FunctionDescriptor.ofVoid(
        ValueLayout.JAVA_INT, ValueLayout.JAVA_INT, ValueLayout.JAVA_INT, ValueLayout.JAVA_INT, ValueLayout.JAVA_INT,
        ValueLayout.JAVA_INT, ValueLayout.JAVA_FLOAT, ValueLayout.ADDRESS, ValueLayout.JAVA_INT, ValueLayout.ADDRESS,
        ValueLayout.JAVA_INT, ValueLayout.JAVA_FLOAT, ValueLayout.ADDRESS, ValueLayout.JAVA_INT));
  }
}
