package dev.tenon.kernels.opencl;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;

/** A handler that something else has taken away is the JVM's again. */
@EnabledOnOs(OS.LINUX)
@SuppressWarnings("restricted")
class JvmHandlersTest {
  private static final int SIGBUS = 7;
  private static final long BYTES = 256;
  /** The handler's address and the signals that wait for it, which the structure begins with. */
  private static final long COMPARED = 16;

  private final MethodHandle sigaction = Linker.nativeLinker().downcallHandle(
      Linker.nativeLinker().defaultLookup().findOrThrow("sigaction"),
      FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.JAVA_INT, ValueLayout.ADDRESS, ValueLayout.ADDRESS));

  @Test
  void putsBackWhatWasTaken() throws Throwable {
    try (Arena arena = Arena.ofConfined()) {
      JvmHandlers.putBack();
      MemorySegment before = handler(arena);
      // All zero is the default: the process ends.
      assertThat((int) sigaction.invokeExact(SIGBUS, arena.allocate(BYTES), MemorySegment.NULL)).isZero();
      assertThat(handler(arena).mismatch(before)).isNotEqualTo(-1);

      JvmHandlers.putBack();

      assertThat(handler(arena).mismatch(before)).isEqualTo(-1);
    }
  }

  private MemorySegment handler(Arena arena) throws Throwable {
    MemorySegment handler = arena.allocate(BYTES);
    assertThat((int) sigaction.invokeExact(SIGBUS, MemorySegment.NULL, handler)).isZero();
    return handler.asSlice(0, COMPARED);
  }
}
