package dev.tenon.kernels.gpu;

import dev.tenon.engine.TenonException;
import java.util.ArrayDeque;
import java.util.HashMap;
import java.util.Locale;
import java.util.Map;

/**
 * A device's memory in blocks that are used again. A block may be taken while kernels that read its old contents are still queued:
 * all work of a device runs in one order, so what the new owner launches comes after them.
 */
public final class DeviceMemory implements AutoCloseable {
  private final Source source;
  private final boolean pooled;
  private final Map<Long, ArrayDeque<Long>> free = new HashMap<>();
  private long reservedBytes;
  private long usedBytes;
  private boolean closed;

  /** Where memory comes from. */
  public interface Source {
    /** The address of {@code bytes} bytes, or 0 when there is not enough. */
    long allocate(long bytes);

    void free(long address);

    /** Free and total bytes. */
    long[] memory();

    /** Waits for everything launched so far. */
    void synchronize();
  }

  /** A block's address and its size. */
  public record Block(long address, long bytes) {}

  /** A pool. */
  public DeviceMemory(Source source) {
    this(source, true);
  }

  /** @param pooled false for blocks of just the size that is asked for, each used once, so that tools see what goes beyond one */
  public DeviceMemory(Source source, boolean pooled) {
    this.source = source;
    this.pooled = pooled;
  }

  /** A block of at least {@code bytes} bytes, with old contents. */
  public synchronized Block take(long bytes) {
    long size = pooled ? sizeClass(bytes) : Math.max(bytes, 1);
    ArrayDeque<Long> blocks = free.get(size);
    long address = blocks != null && !blocks.isEmpty() ? blocks.pop() : reserve(size, bytes);
    usedBytes += size;
    return new Block(address, size);
  }

  private long reserve(long size, long wanted) {
    long address = source.allocate(size);
    if (address == 0) {
      trim();
      address = source.allocate(size);
    }
    if (address == 0) {
      long[] memory = source.memory();
      throw new TenonException("out of GPU memory: " + mib(wanted) + " wanted, " + mib(usedBytes) + " in use by tensors, "
          + mib(memory[0]) + " free of " + mib(memory[1]) + "; use a smaller batch or image size");
    }
    reservedBytes += size;
    return address;
  }

  public synchronized void give(Block block) {
    usedBytes -= block.bytes();
    if (closed || !pooled) {
      reservedBytes -= block.bytes();
      source.free(block.address());
    } else {
      free.computeIfAbsent(block.bytes(), _ -> new ArrayDeque<>()).push(block.address());
    }
  }

  /** Gives blocks that nothing uses back to where they came from. */
  private void trim() {
    source.synchronize();
    free.forEach((size, blocks) -> {
      blocks.forEach(source::free);
      reservedBytes -= size * blocks.size();
    });
    free.clear();
  }

  /** Bytes taken from the device, in use or cached. */
  public synchronized long reservedBytes() {
    return reservedBytes;
  }

  /** Rounds up to a power of two or a quarter step between two, so that at most a fifth of a block is wasted. */
  private static long sizeClass(long bytes) {
    if (bytes <= 512) {
      return 512;
    }
    long step = Long.highestOneBit(bytes - 1) >> 2;
    return (bytes + step - 1) / step * step;
  }

  private static String mib(long bytes) {
    return String.format(Locale.ROOT, "%.1f MiB", bytes / (double) (1 << 20));
  }

  @Override
  public synchronized void close() {
    closed = true;
    trim();
  }
}
