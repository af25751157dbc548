package dev.tenon.jmh;

/** A workload made ready on an engine, its result checked: {@link #run} is all that is timed. */
public interface Job extends AutoCloseable {
  void run();

  @Override
  void close();
}
