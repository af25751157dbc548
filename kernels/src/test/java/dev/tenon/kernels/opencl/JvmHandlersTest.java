package dev.tenon.kernels.opencl;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

/** What a driver does to the handlers of signals is undone. */
@EnabledOnOs(OS.LINUX)
class JvmHandlersTest {
  private static final int SIGQUIT = 3;
  private static final int SIGBUS = 7;
  private static final int SIGFPE = 8;
  private static final int SIGSEGV = 11;
  /** The JVM has a handler for it, and no test writes a file beyond the limit that it tells of. */
  private static final int SIGXFSZ = 25;
  private static final int SIG_DFL = 0;

  private final Arena arena = Arena.ofShared();
  private final MemorySegment jvms = handler(SIGXFSZ);

  @AfterEach
  void end() {
    set(jvms);
    arena.close();
  }

  @Test
  void theHandlersAreTheJvmsOnceADriverHasCompiled(@TempDir Path cache) {
    assumeTrue(ClDevice.missing().isEmpty(), () -> "no OpenCL device: " + ClDevice.missing().orElseThrow());
    ClDevice device = ClDevice.all().getFirst();
    try (ClQueue queue = new ClQueue(device, false, false)) {
      assertThat(new ClPrograms(device, queue.context(), cache).program("optimizer", ClTypes.options("f32"))).isNotNull();
    }

    for (int signal : new int[] {SIGQUIT, SIGBUS, SIGFPE, SIGSEGV}) {
      assertThat(flags(handler(signal)) & JvmHandlers.SA_RESETHAND).as("signal " + signal).isZero();
    }
    // PoCL's handler goes on behind the division.
    assertThatThrownBy(() -> remainder(1, 0)).isInstanceOf(ArithmeticException.class);
  }

  @Test
  @Timeout(60)
  void aHandlerThatACallTakesIsBackBeforeTheCallEnds() {
    JvmHandlers.keep(() -> {
      set(arena.allocate(JvmHandlers.BYTES, Long.BYTES));
      while (address(handler(SIGXFSZ)) == SIG_DFL && !Thread.currentThread().isInterrupted()) {
        Thread.onSpinWait();
      }
      return null;
    });

    assertThat(address(handler(SIGXFSZ))).isEqualTo(address(jvms));
  }

  @Test
  void aHandlerThatACallTakesLastIsBackBehindIt() {
    JvmHandlers.keep(() -> {
      set(arena.allocate(JvmHandlers.BYTES, Long.BYTES));
      return null;
    });

    assertThat(address(handler(SIGXFSZ))).isEqualTo(address(jvms));
  }

  /** LLVM's, which would have nothing to give back any more. */
  @Test
  void aHandlerThatComesOffWhenItIsCalledIsNotPutBack() {
    MemorySegment once = arena.allocate(JvmHandlers.BYTES, Long.BYTES).copyFrom(jvms);
    once.set(ValueLayout.JAVA_INT, JvmHandlers.FLAGS, flags(once) | JvmHandlers.SA_RESETHAND);
    set(once);

    JvmHandlers.keep(() -> {
      set(jvms);
      return null;
    });

    assertThat(flags(handler(SIGXFSZ)) & JvmHandlers.SA_RESETHAND).isZero();
  }

  private static int remainder(int a, int b) {
    return a % b;
  }

  private MemorySegment handler(int signal) {
    MemorySegment handler = arena.allocate(JvmHandlers.BYTES, Long.BYTES);
    JvmHandlers.sigaction(signal, MemorySegment.NULL, handler);
    return handler;
  }

  private static long address(MemorySegment handler) {
    return handler.get(ValueLayout.JAVA_LONG, 0);
  }

  private static int flags(MemorySegment handler) {
    return handler.get(ValueLayout.JAVA_INT, JvmHandlers.FLAGS);
  }

  private static void set(MemorySegment handler) {
    JvmHandlers.sigaction(SIGXFSZ, handler, MemorySegment.NULL);
  }
}
