package dev.tenon.kernels.cuda;

import dev.tenon.kernels.gpu.DeviceMemory;
import java.lang.foreign.MemorySegment;
import java.util.Objects;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import jcuda.driver.CUevent;

/**
 * Memory, pinned and on the GPU, that large copies to the GPU pass through. Copied from anywhere else, they would have the host wait for
 * all that was launched before; copied straight to where they belong, they would have the bus wait. So the images of the next step come
 * while the GPU still works on this one.
 */
final class Staging implements AutoCloseable {
  private static final long PIECE_BYTES = 16 << 20;
  /** More than what 128 images of 224×224 take. */
  private static final int PIECES = 6;
  private static final int SHARES = 8;

  private final Driver driver;
  private final DeviceMemory memory;
  private final Piece[] pieces = new Piece[PIECES];
  private int next;

  /**
   * A stretch of pinned memory, and the one on the GPU that it is copied to.
   *
   * @param arrived recorded behind the copy over the bus
   * @param left recorded behind the copy from there to where it belongs
   */
  private record Piece(MemorySegment pinned, DeviceMemory.Block waiting, CUevent arrived, CUevent left) {}

  Staging(Driver driver, DeviceMemory memory) {
    this.driver = driver;
    this.memory = memory;
  }

  /** Copies {@code source} to the GPU, after everything launched before; returns when the source may be changed. */
  synchronized void upload(MemorySegment source, long target) {
    for (long at = 0; at < source.byteSize(); at += PIECE_BYTES) {
      long bytes = Math.min(PIECE_BYTES, source.byteSize() - at);
      Piece piece = piece();
      copy(source.asSlice(at, bytes), piece.pinned);
      driver.uploadAsync(piece.pinned.asSlice(0, bytes), piece.waiting.address(), target + at, piece.arrived, piece.left);
    }
  }

  /** Arrays, which all may read, by several threads: one copies at a fifth of what a GPU takes. */
  private static void copy(MemorySegment source, MemorySegment target) {
    long bytes = source.byteSize();
    long share = source.heapBase().isPresent() ? (bytes + SHARES - 1) / SHARES : bytes;
    LongStream.range(0, (bytes + share - 1) / share).map(i -> i * share).parallel()
        .forEach(from -> MemorySegment.copy(source, from, target, from, Math.min(share, bytes - from)));
  }

  private Piece piece() {
    int place = next;
    next = (next + 1) % PIECES;
    if (pieces[place] == null) {
      DeviceMemory.Block waiting = memory.take(PIECE_BYTES);
      driver.synchronize(); // what was launched before may still use the block
      pieces[place] = new Piece(driver.shared(PIECE_BYTES), waiting, driver.event(), driver.event());
    }
    driver.await(pieces[place].left);
    return pieces[place];
  }

  /** Nothing is under way any more. */
  @Override
  public synchronized void close() {
    Stream.of(pieces).filter(Objects::nonNull).forEach(piece -> memory.give(piece.waiting));
  }
}
