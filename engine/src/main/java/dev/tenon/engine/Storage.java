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
  private final Object origin;
  private volatile String freedBy;
  private Scope.Owned owner;

  /**
   * @param segment the bytes; on a GPU a zero-length segment whose address is the device pointer, resized to the byte count
   * @param release returns the bytes to where they came from; called once
   */
  public Storage(Backend backend, MemorySegment segment, Runnable release) {
    this(backend, segment, release, Origin.here());
  }

  /** @param origin says where the bytes were asked for, in messages; to look for it takes as long as a small kernel */
  public Storage(Backend backend, MemorySegment segment, Runnable release, Object origin) {
    this.backend = backend;
    this.segment = segment;
    this.release = release;
    this.origin = origin;
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
