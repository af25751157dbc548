package dev.tenon.kernels.gpu;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.tenon.engine.TenonException;
import dev.tenon.engine.op.Op;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/** Indices out of range, which only a kernel sees: it leaves them in memory that the host reads whenever it waits for the GPU. */
public final class Faults {
  public static final long BYTES = 24;

  private final long address;
  private final MemorySegment fault;
  private final List<String> ops = new ArrayList<>();
  private boolean expected;

  /**
   * @param address where kernels leave a fault
   * @param fault the same {@link #BYTES} bytes as the host sees them
   */
  public Faults(long address, MemorySegment fault) {
    this.address = address;
    this.fault = fault.fill((byte) 0);
  }

  public long address() {
    return address;
  }

  /** The number a kernel shall report {@code op} by. */
  public synchronized int number(Op op) {
    expected = true;
    int known = ops.indexOf(op.name());
    if (known < 0) {
      ops.add(op.name());
      return ops.size() - 1;
    }
    return known;
  }

  /** Whether a kernel that takes indices was launched since the last {@link #check}. */
  public synchronized boolean areExpected() {
    return expected;
  }

  /** Fails if a kernel has met an index out of range since the last call. */
  public synchronized void check() {
    expected = false;
    if (fault.get(JAVA_INT, 0) != 0) {
      TenonException failure = new TenonException(ops.get(fault.get(JAVA_INT, 4)) + ": index " + fault.get(JAVA_LONG, 8)
          + " is outside of 0 to " + (fault.get(JAVA_LONG, 16) - 1) + "; correct the indices");
      fault.fill((byte) 0);
      throw failure;
    }
  }
}
