package dev.tenon.kernels.cpu;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;
import java.util.function.IntConsumer;

/**
 * The threads kernels compute on. Whoever is free takes the next task, so a thread the system holds back delays nobody but its
 * own task. Which thread ran a task changes no bit of a result; idle threads are parked.
 */
final class Workers implements AutoCloseable {
  /** Elements one task of an element-wise kernel handles at most. */
  private static final int GRAIN = 1 << 15;
  /** How long a thread looks out for what comes next before it parks: about what one op takes to follow another. */
  private static final long PATIENCE_NANOS = 50_000;
  /** How long threads look out for the last tasks of a job to end: longer than most tasks take. */
  private static final long LAST_TASKS_NANOS = 1_000_000;
  /** How long of that it holds its core; then others that want it, maybe the very thread that is waited for, come first. */
  private static final long SPIN_NANOS = 20_000;

  private final int threads;
  private final List<Worker> helpers = new ArrayList<>();
  private final AtomicReference<Job> current = new AtomicReference<>();
  private volatile boolean closed;

  /** {@code threads} includes the calling thread; 0 for one a core. */
  Workers(int threads) {
    this.threads = threads > 0 ? threads : Runtime.getRuntime().availableProcessors();
    for (int i = 1; i < this.threads; i++) {
      Worker worker = new Worker(i);
      helpers.add(worker);
      worker.start();
    }
  }

  int threads() {
    return threads;
  }

  /**
   * Runs tasks 0 … {@code tasks} − 1 and returns when all have run. The first exception of a task reaches the caller; tasks not
   * begun by then are left out. While the threads are taken, by another caller or by the job a nested call belongs to, the caller
   * runs all tasks itself.
   */
  void run(int tasks, IntConsumer task) {
    Job job = new Job(tasks, task);
    if (tasks < 2 || helpers.isEmpty() || !current.compareAndSet(null, job)) {
      for (int i = 0; i < tasks; i++) {
        task.accept(i);
      }
      return;
    }
    for (int i = 0; i < Math.min(helpers.size(), tasks - 1); i++) {
      helpers.get(i).wake();
    }
    job.drain();
    job.await();
    current.set(null);
    job.rethrow();
  }

  /** Runs {@code body} over pieces of 0 … {@code size}. */
  void ranges(long size, Range body) {
    ranges(size, GRAIN, body);
  }

  /** The same by pieces of at most {@code most}, as even as they can be: of two uneven ones, a thread would wait for the other. */
  void ranges(long size, long most, Range body) {
    long tasks = (size + most - 1) / most;
    long each = (size + tasks - 1) / Math.max(1, tasks);
    run(Math.toIntExact(tasks), i -> body.run(i * each, Math.min(size, (i + 1) * each)));
  }

  /** Part of a kernel's work. */
  @FunctionalInterface
  interface Range {
    /** Does {@code from} (inclusive) to {@code to} (exclusive). */
    void run(long from, long to);
  }

  /** One look's pause. Yielding is a kindness to other threads; nothing relies on it. */
  @SuppressWarnings("ThreadPriorityCheck")
  private static void lookOut(long waited) {
    if (waited < SPIN_NANOS) {
      Thread.onSpinWait();
    } else {
      Thread.yield();
    }
  }

  @Override
  public void close() {
    closed = true;
    helpers.forEach(LockSupport::unpark);
  }

  /** Tasks several threads take from; belongs to the thread that made it, which waits for it. */
  private static final class Job {
    private final Thread caller = Thread.currentThread();
    private final int tasks;
    private final IntConsumer task;
    private final AtomicInteger next = new AtomicInteger();
    private final AtomicInteger done = new AtomicInteger();
    private volatile Throwable failure;

    Job(int tasks, IntConsumer task) {
      this.tasks = tasks;
      this.task = task;
    }

    boolean open() {
      return next.get() < tasks;
    }

    void drain() {
      int taken = 0;
      for (int i = next.getAndIncrement(); i < tasks; i = next.getAndIncrement()) {
        taken++;
        try {
          if (failure == null) {
            task.accept(i);
          }
        } catch (RuntimeException | Error e) {
          failure = e;
        }
      }
      if (taken > 0 && done.addAndGet(taken) == tasks && Thread.currentThread() != caller) {
        LockSupport.unpark(caller);
      }
    }

    void await() {
      long start = System.nanoTime();
      while (done.get() < tasks) {
        long waited = System.nanoTime() - start;
        if (waited < LAST_TASKS_NANOS) {
          lookOut(waited);
        } else {
          LockSupport.park(this);
        }
      }
    }

    void rethrow() {
      if (failure instanceof Error e) {
        throw e;
      }
      if (failure instanceof RuntimeException e) {
        throw e;
      }
    }
  }

  /** A helper: looks out for a job for a moment, then parks until woken. */
  private final class Worker extends Thread {
    private volatile boolean parked;

    Worker(int number) {
      super("tenon-cpu-" + number);
      setDaemon(true);
    }

    void wake() {
      if (parked) {
        LockSupport.unpark(this);
      }
    }

    @Override
    public void run() {
      long patience = PATIENCE_NANOS;
      long idleSince = System.nanoTime();
      while (!closed) {
        long idle = System.nanoTime() - idleSince;
        Job job = current.get();
        if (job != null && job.open()) {
          job.drain();
          patience = LAST_TASKS_NANOS;
          idleSince = System.nanoTime();
        } else if (job == null && patience == LAST_TASKS_NANOS) {
          patience = PATIENCE_NANOS;
          idleSince = System.nanoTime();
        } else if (idle < patience) {
          lookOut(idle);
        } else {
          sleep();
          patience = PATIENCE_NANOS;
          idleSince = System.nanoTime();
        }
      }
    }

    /** Parks, unless a job came in after the last look; {@link #wake} sees {@code parked} or this sees its job. */
    private void sleep() {
      parked = true;
      Job job = current.get();
      if ((job == null || !job.open()) && !closed) {
        LockSupport.park(Workers.this);
      }
      parked = false;
    }
  }
}
