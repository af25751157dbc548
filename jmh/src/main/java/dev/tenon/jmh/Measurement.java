package dev.tenon.jmh;

import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;

/** The one benchmark: any workload on any engine, its result checked before it is timed. */
@State(Scope.Thread)
@BenchmarkMode(Mode.SampleTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
public class Measurement {
  /** The workload's name. */
  @Param("softmax")
  public String workload;

  /** The engine's name. */
  @Param("tenon")
  public String engine;

  /** CPU threads to compute with. */
  @Param("1")
  public int threads;

  private Job job;

  /** Draws the operands and checks the result. */
  @Setup
  public void open() {
    job = Engine.named(engine).open(Catalogue.named(workload), threads);
  }

  /** One run. */
  @Benchmark
  public void run() {
    job.run();
  }

  /** Frees all. */
  @TearDown
  public void close() {
    job.close();
  }
}
