package dev.tenon.engine;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayDeque;
import java.util.HashMap;
import java.util.Map;

/** Native memory in blocks that are used again: fresh pages cost more than most ops. */
final class HostMemory implements AutoCloseable {
  private static final long ALIGNMENT = 64;

  private final Map<Long, ArrayDeque<Block>> free = new HashMap<>();
  private long reservedBytes;
  private boolean closed;

  /** A segment with the arena that ends it. */
  record Block(MemorySegment segment, Arena arena) {}

  /** A block of at least {@code bytes} bytes, aligned to 64, with old contents. */
  synchronized Block take(long bytes) {
    long size = sizeClass(bytes);
    ArrayDeque<Block> blocks = free.get(size);
    if (blocks != null && !blocks.isEmpty()) {
      return blocks.pop();
    }
    Arena arena = Arena.ofShared();
    try {
      Block block = new Block(arena.allocate(size, ALIGNMENT), arena);
      reservedBytes += size;
      return block;
    } catch (OutOfMemoryError e) {
      arena.close();
      throw new TenonException(
          "out of memory: " + bytes + " bytes wanted, " + reservedBytes
              + " already reserved; use a smaller batch or image size, or raise -XX:MaxDirectMemorySize", e);
    }
  }

  synchronized void give(Block block) {
    if (closed) {
      block.arena().close();
    } else {
      free.computeIfAbsent(block.segment().byteSize(), _ -> new ArrayDeque<>()).push(block);
    }
  }

  synchronized long reservedBytes() {
    return reservedBytes;
  }

  /** Rounds up to a power of two or a quarter step between two, so that at most a fifth of a block is wasted. */
  private static long sizeClass(long bytes) {
    if (bytes <= 256) {
      return 256;
    }
    long step = Long.highestOneBit(bytes - 1) >> 2;
    return (bytes + step - 1) / step * step;
  }

  @Override
  public synchronized void close() {
    closed = true;
    free.values().forEach(blocks -> blocks.forEach(b -> b.arena().close()));
    free.clear();
  }
}
