package dev.tenon.kernels.opencl;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The handlers of signals by which the JVM sees null pointers and safepoints, to be put back after calls into a driver that compiles with
 * LLVM, as PoCL does. LLVM's own, which it puts before them, let go of a signal for a moment when it comes; a second thread that meets one
 * just then, as many do at a safepoint, ends the process without a word.
 */
final class JvmHandlers {
  private static final int SIGBUS = 7;
  private static final int SIGSEGV = 11;
  /** More than {@code struct sigaction} takes. */
  private static final long BYTES = 256;

  private final Map<Integer, MemorySegment> handlers = new LinkedHashMap<>();
  private final MethodHandle sigaction;

  /** Those of now, which live as long as {@code arena}; of none but Linux, whose numbers of signals these are. */
  @SuppressWarnings("restricted")
  JvmHandlers(Arena arena) {
    Linker linker = Linker.nativeLinker();
    if (!System.getProperty("os.name").equals("Linux")) {
      sigaction = null;
      return;
    }
    sigaction = linker.downcallHandle(linker.defaultLookup().findOrThrow("sigaction"),
        FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.JAVA_INT, ValueLayout.ADDRESS, ValueLayout.ADDRESS));
    for (int signal : List.of(SIGBUS, SIGSEGV)) {
      MemorySegment handler = arena.allocate(BYTES);
      call(signal, MemorySegment.NULL, handler);
      handlers.put(signal, handler);
    }
  }

  void putBack() {
    handlers.forEach((signal, handler) -> call(signal, handler, MemorySegment.NULL));
  }

  private void call(int signal, MemorySegment next, MemorySegment last) {
    int status;
    try {
      status = (int) sigaction.invokeExact(signal, next, last);
    } catch (Throwable e) {
      throw new IllegalStateException("sigaction could not be called", e);
    }
    if (status != 0) {
      throw new IllegalStateException("the handler of signal " + signal + " could not be asked for or set");
    }
  }
}
