package dev.tenon.engine;

import java.lang.foreign.MemorySegment;

/**
 * Bytes on a device that one {@link Scope} owns. Freed when that scope closes; any later use is an exception that names the place
 * of creation.
 */
public final class Storage {
  private static final long ALIGNMENT = 64;

  private final Backend backend;
  private final MemorySegment segment;
  private final long bytes;
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
    this(backend, segment, segment.byteSize(), release, origin);
  }

  private Storage(Backend backend, MemorySegment segment, long bytes, Runnable release, Object origin) {
    this.backend = backend;
    this.segment = segment;
    this.bytes = bytes;
    this.release = release;
    this.origin = origin;
  }

  /** What stands for {@code bytes} bytes while a {@link Plan} is recorded: it has an aligned address and no memory behind it. */
  static Storage planned(Backend backend, long bytes) {
    return new Storage(backend, MemorySegment.ofAddress(ALIGNMENT), bytes, () -> {}, "a plan's recording");
  }

  /**
   * {@code bytes} bytes from {@code offset} as {@link Backend#download} gives them.
   *
   * @throws IllegalStateException when there is no memory yet, since a plan is being recorded
   */
  public MemorySegment download(long offset, long bytes) {
    if (segment.byteSize() != this.bytes) {
      throw new IllegalStateException("a value is read while a plan is recorded, which computes it when it runs; make it a result");
    }
    return backend.download(this, offset, bytes);
  }

  public Backend backend() {
    return backend;
  }

  public long bytes() {
    return bytes;
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
