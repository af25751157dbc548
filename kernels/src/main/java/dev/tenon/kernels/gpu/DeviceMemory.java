package dev.tenon.kernels.gpu;

import dev.tenon.engine.TenonException;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A device's memory in blocks that are used again. A block may be taken while kernels that read its old contents are still queued:
 * all work of a device runs in one order, so what the new owner launches comes after them.
 */
public final class DeviceMemory implements AutoCloseable {
  private static final Pattern SIZE = Pattern.compile("(\\d{1,9})([KMGkmg]?)");

  private final Source source;
  private final Limit limit;
  private final boolean pooled;
  private final Map<Long, ArrayDeque<Long>> free = new HashMap<>();
  private final Map<Long, ArrayDeque<Long>> apart = new HashMap<>();
  private Thread keeper;
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

  /**
   * The most to take from a device.
   *
   * @param property the system property that says so, in bytes or with K, M or G behind the number
   */
  public record Limit(long bytes, String property) {
    /** What the system property {@code property} allows: all there is when it is not set. */
    public static Limit of(String property) {
      String text = System.getProperty(property, "").strip();
      Matcher matcher = SIZE.matcher(text);
      if (text.isEmpty()) {
        return new Limit(Long.MAX_VALUE, property);
      }
      if (!matcher.matches()) {
        throw new TenonException("-D" + property + "=" + text + " is not a size; write it like 24G, 512M or a number of bytes");
      }
      String unit = matcher.group(2).toUpperCase(Locale.ROOT);
      return new Limit(Long.parseLong(matcher.group(1)) << (unit.isEmpty() ? 0 : 10 * ("KMG".indexOf(unit) + 1)), property);
    }
  }

  /** A pool. */
  public DeviceMemory(Source source, Limit limit) {
    this(source, limit, true);
  }

  /** @param pooled false for blocks of just the size that is asked for, each used once, so that tools see what goes beyond one */
  public DeviceMemory(Source source, Limit limit, boolean pooled) {
    this.source = source;
    this.limit = limit;
    this.pooled = pooled;
  }

  /** A block of at least {@code bytes} bytes, with old contents. */
  public synchronized Block take(long bytes) {
    long size = pooled ? sizeClass(bytes) : Math.max(bytes, 1);
    ArrayDeque<Long> blocks = unused().get(size);
    long address = blocks != null && !blocks.isEmpty() ? blocks.pop() : reserve(size, bytes);
    usedBytes += size;
    return new Block(address, size);
  }

  private long reserve(long size, long wanted) {
    long address = allocate(size);
    if (address == 0) {
      trim();
      address = allocate(size);
    }
    if (address == 0) {
      throw new TenonException(report(size, wanted));
    }
    reservedBytes += size;
    return address;
  }

  /** An address, or 0 when the device has too little left or may not give more. */
  private long allocate(long size) {
    return size > limit.bytes() - reservedBytes ? 0 : source.allocate(size);
  }

  private String report(long size, long wanted) {
    long[] memory = source.memory();
    String held = "out of GPU memory: " + mib(wanted) + " wanted, " + mib(usedBytes) + " held by tensors, ";
    return size > limit.bytes() - reservedBytes
        ? held + mib(limit.bytes()) + " allowed; raise -D" + limit.property() + ", or use a smaller batch or image size"
        : held + mib(memory[0]) + " free of " + mib(memory[1]) + "; use a smaller batch or image size";
  }

  public synchronized void give(Block block) {
    usedBytes -= block.bytes();
    if (closed || !pooled) {
      reservedBytes -= block.bytes();
      source.free(block.address());
    } else {
      unused().computeIfAbsent(block.bytes(), _ -> new ArrayDeque<>()).push(block.address());
    }
  }

  /** The blocks that the calling thread may take. */
  private Map<Long, ArrayDeque<Long>> unused() {
    return Thread.currentThread() == keeper ? apart : free;
  }

  /** Until {@link #together}, the calling thread takes blocks that nobody had before it, and only it gets those that it gives back. */
  public synchronized void apart() {
    if (keeper != null) {
      throw new IllegalStateException("thread " + keeper.getName() + " has blocks apart already");
    }
    keeper = Thread.currentThread();
  }

  /** The blocks that were taken {@link #apart} and given back; the caller has them now, so that work recorded in them can be repeated. */
  public synchronized List<Block> together() {
    List<Block> kept = new ArrayList<>();
    apart.forEach((size, addresses) -> addresses.forEach(address -> kept.add(new Block(address, size))));
    apart.clear();
    keeper = null;
    kept.forEach(block -> usedBytes += block.bytes());
    return kept;
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
