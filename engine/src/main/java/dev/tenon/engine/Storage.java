package dev.tenon.engine;

import java.lang.foreign.MemorySegment;

/**
 * Bytes on a device that one {@link Scope} owns. Freed when that scope closes; any later use is an exception that names the place
 * of creation.
 */
public final class Storage {
  private final Backend backend;
  private final MemorySegment segment;
  private final Runnable release;
  private final Origin origin;
  private volatile String freedBy;
  private Scope.Owned owner;

  /**
   * @param segment the bytes; on a GPU a zero-length segment whose address is the device pointer, resized to the byte count
   * @param release returns the bytes to where they came from; called once
   */
  public Storage(Backend backend, MemorySegment segment, Runnable release) {
    this.backend = backend;
    this.segment = segment;
    this.release = release;
    this.origin = Origin.here();
  }

  public Backend backend() {
    return backend;
  }

  public long bytes() {
    return segment.byteSize();
  }

  /**
   * The bytes, on the CPU readable and writable.
   *
   * @throws IllegalStateException when the owning scope has been closed
   */
  public MemorySegment segment() {
    if (freedBy != null) {
      throw new IllegalStateException(
          "use after free: this tensor's memory was created at " + origin + " and freed when " + freedBy
              + "; keep the tensor in an outer scope if it must live longer");
    }
    return segment;
  }

  Scope.Owned owner() {
    return owner;
  }

  void owner(Scope.Owned scope) {
    owner = scope;
  }

  void free(String reason) {
    if (freedBy == null) {
      freedBy = reason;
      release.run();
    }
  }

  @Override
  public String toString() {
    return bytes() + " bytes on " + backend.device() + " created at " + origin;
  }
}
