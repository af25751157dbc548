package dev.tenon.engine;

/** Launches that a device has recorded, on the memory they were recorded on. */
public interface Recording extends AutoCloseable {
  /** Launches all of them again. */
  void replay();

  /** Gives up the recording and the memory it works in. */
  @Override
  void close();
}
