package dev.tenon.kernels.cuda;

import dev.tenon.engine.TenonException;
import java.util.ArrayDeque;
import java.util.HashMap;
import java.util.Locale;
import java.util.Map;

/**
 * A GPU's memory in blocks that are used again. A block may be taken while kernels that read its old contents are still queued:
 * all work of a GPU runs on one stream, so what the new owner launches comes after them.
 */
final class DeviceMemory implements AutoCloseable {
  private final Driver driver;
  private final Map<Long, ArrayDeque<Long>> free = new HashMap<>();
  private long reservedBytes;
  private long usedBytes;
  private boolean closed;

  /** A block's address and its size. */
  record Block(long address, long bytes) {}

  DeviceMemory(Driver driver) {
    this.driver = driver;
  }

  /** A block of at least {@code bytes} bytes, with old contents. */
  synchronized Block take(long bytes) {
    long size = sizeClass(bytes);
    ArrayDeque<Long> blocks = free.get(size);
    long address = blocks != null && !blocks.isEmpty() ? blocks.pop() : reserve(size, bytes);
    usedBytes += size;
    return new Block(address, size);
  }

  private long reserve(long size, long wanted) {
    long address = driver.allocate(size);
    if (address == 0) {
      trim();
      address = driver.allocate(size);
    }
    if (address == 0) {
      long[] memory = driver.memory();
      throw new TenonException("out of GPU memory: " + mib(wanted) + " wanted, " + mib(usedBytes) + " in use by tensors, "
          + mib(memory[0]) + " free of " + mib(memory[1]) + "; use a smaller batch or image size");
    }
    reservedBytes += size;
    return address;
  }

  synchronized void give(Block block) {
    usedBytes -= block.bytes();
    if (closed) {
      driver.free(block.address());
    } else {
      free.computeIfAbsent(block.bytes(), _ -> new ArrayDeque<>()).push(block.address());
    }
  }

  /** Gives blocks that nothing uses back to the driver. */
  private void trim() {
    driver.synchronize();
    free.forEach((size, blocks) -> {
      blocks.forEach(driver::free);
      reservedBytes -= size * blocks.size();
    });
    free.clear();
  }

  /** Bytes taken from the driver, in use or cached. */
  synchronized long reservedBytes() {
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
