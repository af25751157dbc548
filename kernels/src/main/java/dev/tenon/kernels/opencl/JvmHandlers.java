package dev.tenon.kernels.opencl;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;

/**
 * Keeps the handlers of signals by which the JVM sees null pointers, divisions by zero and safepoints, where a driver may take them.
 * LLVM, by which PoCL compiles, puts its own in their place as PoCL starts. One that is called comes off, removes LLVM's files and gives
 * all signals back, until LLVM compiles again; a second thread that has a signal just then, as many do at a safepoint, ends the process
 * without a word. Where the JVM's are put back at once LLVM never takes them again, as it believes that it has them. PoCL's own handler
 * lets a division by zero pass, in Java's code too.
 */
final class JvmHandlers {
  /** Those with numbers beyond are for real time. */
  private static final int SIGNALS = 31;
  /** More than {@code struct sigaction} takes, which begins with the handler's address and has its flags behind 128 bytes more. */
  static final long BYTES = 256;
  static final long FLAGS = 136;
  static final int SA_RESETHAND = 0x8000_0000;
  /** What stands for no handler: SIG_DFL, and this. */
  private static final long SIG_IGN = 1;
  private static final long PERIOD_MICROS = 500;
  private static final MethodHandle SIGACTION = bind();

  private JvmHandlers() {}

  /** Nothing where there is no Linux, whose numbers and structures these are. */
  @SuppressWarnings("restricted")
  private static MethodHandle bind() {
    Linker linker = Linker.nativeLinker();
    return !System.getProperty("os.name").equals("Linux") ? null
        : linker.downcallHandle(linker.defaultLookup().findOrThrow("sigaction"),
            FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.JAVA_INT, ValueLayout.ADDRESS, ValueLayout.ADDRESS));
  }

  /** The answer of {@code call}, which may start a driver or compile. One at a time, so that none reads what another has not put back. */
  static synchronized <T> T keep(Supplier<T> call) {
    if (SIGACTION == null) {
      return call.get();
    }
    try (Arena arena = Arena.ofShared(); ScheduledExecutorService watch = Executors.newSingleThreadScheduledExecutor()) {
      Map<Integer, MemorySegment> handlers = handlers(arena);
      // Compiling takes seconds, in which signals come.
      ScheduledFuture<?> watching = watch.scheduleAtFixedRate(() -> putBack(handlers), 0, PERIOD_MICROS, TimeUnit.MICROSECONDS);
      try {
        return call.get();
      } finally {
        watching.cancel(false);
        putBack(handlers);
      }
    }
  }

  /** Those of now, by signal; not one that comes off when it is called, which is LLVM's and may have nothing left to give back. */
  private static Map<Integer, MemorySegment> handlers(Arena arena) {
    Map<Integer, MemorySegment> handlers = new HashMap<>();
    for (int signal = 1; signal <= SIGNALS; signal++) {
      MemorySegment handler = arena.allocate(BYTES, Long.BYTES);
      sigaction(signal, MemorySegment.NULL, handler);
      long address = handler.get(ValueLayout.JAVA_LONG, 0);
      if (Long.compareUnsigned(address, SIG_IGN) > 0 && (handler.get(ValueLayout.JAVA_INT, FLAGS) & SA_RESETHAND) == 0) {
        handlers.put(signal, handler);
      }
    }
    return handlers;
  }

  private static void putBack(Map<Integer, MemorySegment> handlers) {
    handlers.forEach((signal, handler) -> sigaction(signal, handler, MemorySegment.NULL));
  }

  static void sigaction(int signal, MemorySegment next, MemorySegment last) {
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
