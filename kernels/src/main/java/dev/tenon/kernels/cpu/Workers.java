package dev.tenon.kernels.cpu;

import dev.tenon.engine.TenonException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.IntConsumer;

/**
 * The threads kernels compute on. Kernels cut their work into tasks by its size alone, never by the number of threads, so that
 * results are the same bits for any number; idle threads are parked.
 */
final class Workers implements AutoCloseable {
  /** Elements one task of an element-wise kernel handles. */
  private static final int GRAIN = 1 << 15;

  private final int threads;
  private final ExecutorService helpers;

  /** {@code threads} includes the calling thread; 0 for one a core. */
  Workers(int threads) {
    this.threads = threads > 0 ? threads : Runtime.getRuntime().availableProcessors();
    this.helpers = Executors.newFixedThreadPool(
        Math.max(1, this.threads - 1), Thread.ofPlatform().daemon().name("tenon-cpu-", 1).factory());
  }

  int threads() {
    return threads;
  }

  /** Runs tasks 0 … {@code tasks} − 1 and waits for them; a task's exception reaches the caller. */
  void run(int tasks, IntConsumer task) {
    AtomicInteger next = new AtomicInteger();
    Runnable drain = () -> {
      for (int i = next.getAndIncrement(); i < tasks; i = next.getAndIncrement()) {
        task.accept(i);
      }
    };
    List<Future<?>> others = new ArrayList<>();
    for (int i = 1; i < Math.min(threads, tasks); i++) {
      others.add(helpers.submit(drain));
    }
    try {
      drain.run();
    } finally {
      next.set(tasks);
      others.forEach(Workers::await);
    }
  }

  private static void await(Future<?> other) {
    try {
      other.get();
    } catch (ExecutionException e) {
      throw new IllegalStateException("a kernel failed on a worker thread: " + e.getCause().getMessage(), e.getCause());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new TenonException("interrupted while a kernel was running; start the run again", e);
    }
  }

  /** Runs {@code body} over pieces of 0 … {@code size}. */
  void ranges(long size, Range body) {
    int tasks = Math.toIntExact((size + GRAIN - 1) / GRAIN);
    run(tasks, i -> body.run((long) i * GRAIN, Math.min(size, (i + 1L) * GRAIN)));
  }

  /** Part of a kernel's work. */
  @FunctionalInterface
  interface Range {
    /** Does {@code from} (inclusive) to {@code to} (exclusive). */
    void run(long from, long to);
  }

  @Override
  public void close() {
    helpers.shutdown();
  }
}
