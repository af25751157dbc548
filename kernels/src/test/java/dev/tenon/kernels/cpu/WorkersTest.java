package dev.tenon.kernels.cpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.tenon.engine.TenonException;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicIntegerArray;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class WorkersTest {
  private final Workers workers = new Workers(3);

  @AfterEach
  void close() {
    workers.close();
  }

  /** Each entry of {@code counts} is 1. */
  private static void assertEachOnce(AtomicIntegerArray counts) {
    for (int i = 0; i < counts.length(); i++) {
      assertThat(counts.get(i)).as("task %d", i).isEqualTo(1);
    }
  }

  @Test
  void everyTaskRunsOnceHoweverShortTheJobs() {
    for (int job = 0; job < 20_000; job++) {
      AtomicIntegerArray counts = new AtomicIntegerArray(job % 7);
      workers.run(counts.length(), counts::incrementAndGet);
      assertEachOnce(counts);
    }
  }

  @Test
  void tasksRunOnAllThreads() {
    Set<Thread> seen = ConcurrentHashMap.newKeySet();
    CountDownLatch all = new CountDownLatch(3);
    workers.run(3, _ -> {
      seen.add(Thread.currentThread());
      all.countDown();
      try {
        all.await();
      } catch (InterruptedException e) {
        throw new AssertionError(e);
      }
    });
    assertThat(seen).hasSize(3).contains(Thread.currentThread());
  }

  @Test
  void aJobWithinAJobRuns() {
    AtomicIntegerArray counts = new AtomicIntegerArray(8 * 9);
    workers.run(8, i -> workers.run(9, j -> counts.incrementAndGet(i * 9 + j)));
    assertEachOnce(counts);
  }

  @Test
  void callersOnSeveralThreadsDoNotDisturbEachOther() throws InterruptedException {
    AtomicIntegerArray counts = new AtomicIntegerArray(4 * 500);
    Thread[] callers = new Thread[4];
    for (int c = 0; c < callers.length; c++) {
      int first = c * 500;
      callers[c] = Thread.ofPlatform().start(() -> {
        for (int job = 0; job < 500; job += 5) {
          int from = first + job;
          workers.run(5, i -> counts.incrementAndGet(from + i));
        }
      });
    }
    for (Thread caller : callers) {
      caller.join();
    }
    assertEachOnce(counts);
  }

  @Test
  void anExceptionReachesTheCallerAsItWasThrownAndTheThreadsGoOn() {
    for (int failing = 0; failing < 30; failing++) {
      int bad = failing;
      assertThatThrownBy(() -> workers.run(30, i -> {
        if (i == bad) {
          throw new TenonException("task " + i);
        }
      })).isInstanceOf(TenonException.class).hasMessage("task " + bad);
    }
    everyTaskRunsOnceHoweverShortTheJobs();
  }

  @Test
  void rangesCoverAllElements() {
    AtomicIntegerArray counts = new AtomicIntegerArray(100_001);
    workers.ranges(counts.length(), (from, to) -> {
      for (long i = from; i < to; i++) {
        counts.incrementAndGet((int) i);
      }
    });
    assertEachOnce(counts);
  }
}
