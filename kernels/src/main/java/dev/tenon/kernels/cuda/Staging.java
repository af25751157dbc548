package dev.tenon.kernels.cuda;

import java.lang.foreign.MemorySegment;
import java.util.stream.LongStream;
import jcuda.driver.CUevent;
import jcuda.driver.JCudaDriver;

/**
 * Pinned host memory that large copies to the GPU pass through. Copied from anywhere else, they would have the host wait for all that
 * was launched before; so the images of the next step come while the GPU still works on this one.
 */
final class Staging {
  private static final long PIECE_BYTES = 16 << 20;
  private static final int PIECES = 4;
  private static final int SHARES = 8;
  private static final String FAILURE = "a copy to the GPU failed";

  private final Driver driver;
  private final Piece[] pieces = new Piece[PIECES];
  private int next;

  /** @param left recorded behind the copy out of the piece */
  private record Piece(MemorySegment bytes, CUevent left) {}

  Staging(Driver driver) {
    this.driver = driver;
  }

  /** Copies {@code source} to the GPU, after everything launched before; returns when the source may be changed. */
  synchronized void upload(MemorySegment source, long target) {
    for (long at = 0; at < source.byteSize(); at += PIECE_BYTES) {
      long bytes = Math.min(PIECE_BYTES, source.byteSize() - at);
      Piece piece = piece();
      copy(source.asSlice(at, bytes), piece.bytes);
      driver.uploadAsync(piece.bytes.asSlice(0, bytes), target + at, piece.left);
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
      CUevent event = new CUevent();
      Driver.check(JCudaDriver.cuEventCreate(event, 0), FAILURE);
      pieces[place] = new Piece(driver.shared(PIECE_BYTES), event);
    }
    Driver.check(JCudaDriver.cuEventSynchronize(pieces[place].left), FAILURE);
    return pieces[place];
  }
}
