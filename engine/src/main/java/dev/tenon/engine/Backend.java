package dev.tenon.engine;

import dev.tenon.engine.kernel.KernelRegistry;
import java.lang.foreign.MemorySegment;
import java.util.Optional;
import java.util.function.Supplier;

/** A device that holds tensors and runs kernels on them. */
public interface Backend extends AutoCloseable {
  Device device();

  /** Uninitialised memory of at least {@code bytes} bytes; the caller hands it to a {@link Scope}. */
  Storage allocate(long bytes);

  /** Copies {@code source} to the storage, starting at byte {@code offset}. */
  void upload(MemorySegment source, Storage target, long offset);

  /** The bytes {@code offset … offset + bytes} of the storage in host memory: the memory itself on the CPU, else a copy. */
  MemorySegment download(Storage source, long offset, long bytes);

  /**
   * As {@link #download}, of the bytes that are there now, told later: the caller goes on while the device makes them and copies them, and
   * waits when it asks.
   */
  default Supplier<MemorySegment> downloadLater(Storage source, long offset, long bytes) {
    MemorySegment copy = MemorySegment.ofArray(new long[Math.toIntExact((bytes + Long.BYTES - 1) / Long.BYTES)]).asSlice(0, bytes);
    copy.copyFrom(download(source, offset, bytes));
    return () -> copy;
  }

  /** The kernels this device has. */
  KernelRegistry kernels();

  /**
   * Runs {@code work} and, where the device can, records what it launches, to be repeated with less effort for the host than launching it
   * again. All it does must be launches, on memory that stays.
   */
  default Optional<Recording> record(Runnable work) {
    work.run();
    return Optional.empty();
  }

  /** Waits until everything launched so far has run. */
  void synchronize();

  /** Bytes taken from the device for tensors, in use or kept for the next. */
  long reservedBytes();

  /** One line for people: what the device is and what it can do. */
  String describe();

  /** Frees cached memory and threads; tensors on this backend must not be used any more. */
  @Override
  void close();
}
