package dev.tenon.kernels.opencl;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
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
  private static final MethodHandle SIGACTION = bind();
  /** Of none but Linux, whose numbers of signals these are. Read before anything can have compiled here, as nothing could tell later. */
  private static final Map<Integer, MemorySegment> HANDLERS =
      SIGACTION == null ? Map.of() : Map.of(SIGBUS, handler(SIGBUS), SIGSEGV, handler(SIGSEGV));

  private JvmHandlers() {}

  @SuppressWarnings("restricted")
  private static MethodHandle bind() {
    Linker linker = Linker.nativeLinker();
    return !System.getProperty("os.name").equals("Linux") ? null
        : linker.downcallHandle(linker.defaultLookup().findOrThrow("sigaction"),
            FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.JAVA_INT, ValueLayout.ADDRESS, ValueLayout.ADDRESS));
  }

  private static MemorySegment handler(int signal) {
    MemorySegment handler = Arena.global().allocate(BYTES);
    call(signal, MemorySegment.NULL, handler);
    return handler;
  }

  /** To be called before the first program is made, and behind whatever may have compiled. */
  static void putBack() {
    HANDLERS.forEach((signal, handler) -> call(signal, handler, MemorySegment.NULL));
  }

  private static void call(int signal, MemorySegment next, MemorySegment last) {
    int status;
    try {
      status = (int) SIGACTION.invokeExact(signal, next, last);
    } catch (Throwable e) {
      throw new IllegalStateException("sigaction could not be called", e);
    }
    if (status != 0) {
      throw new IllegalStateException("the handler of signal " + signal + " could not be asked for or set");
    }
  }
}
