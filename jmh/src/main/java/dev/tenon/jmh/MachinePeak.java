package dev.tenon.jmh;

import dev.tenon.training.bench.Peak;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.CountDownLatch;
import java.util.function.IntConsumer;
import java.util.stream.IntStream;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/** What this machine can do at most, measured here and now: multiply-adds in registers, and a copy of memory that no cache holds. */
final class MachinePeak {
  private static final VectorSpecies<Float> SPECIES = FloatVector.SPECIES_PREFERRED;
  private static final int ROUNDS = 2_000_000;
  private static final int CHAINS = 12;
  private static final int REPEATS = 12;
  private static final long COPY = 128L << 20;

  private MachinePeak() {}

  /** Measures with {@code threads} threads; takes about a second. */
  static Peak measure(int threads) {
    double flops = 0;
    double bytes = 0;
    for (int i = 0; i < REPEATS; i++) {
      double work = 2.0 * CHAINS * ROUNDS * SPECIES.length() * threads;
      flops = Math.max(flops, work / seconds(threads, _ -> multiplyAdd()));
    }
    try (Arena arena = Arena.ofShared()) {
      MemorySegment from = arena.allocate(COPY);
      MemorySegment to = arena.allocate(COPY);
      long each = COPY / threads;
      for (int i = 0; i < REPEATS; i++) {
        double time = seconds(threads, t -> MemorySegment.copy(from, t * each, to, t * each, each));
        bytes = Math.max(bytes, 2.0 * each * threads / time);
      }
    }
    return new Peak(flops, bytes);
  }

  /** From a common start to the last one's end. */
  private static double seconds(int threads, IntConsumer work) {
    CountDownLatch start = new CountDownLatch(1);
    CountDownLatch end = new CountDownLatch(threads);
    IntStream.range(0, threads).forEach(t -> Thread.ofPlatform().start(() -> {
      try {
        start.await();
      } catch (InterruptedException e) {
        throw new IllegalStateException("interrupted while measuring the peak", e);
      }
      work.accept(t);
      end.countDown();
    }));
    long begin = System.nanoTime();
    start.countDown();
    try {
      end.await();
    } catch (InterruptedException e) {
      throw new IllegalStateException("interrupted while measuring the peak", e);
    }
    return (System.nanoTime() - begin) / 1e9;
  }

  /** Independent chains, enough to hide the latency of a multiply-add on two ports. */
  private static float multiplyAdd() {
    FloatVector factor = FloatVector.broadcast(SPECIES, 0.999f);
    FloatVector term = FloatVector.broadcast(SPECIES, 0.001f);
    FloatVector a = term;
    FloatVector b = factor;
    FloatVector c = term;
    FloatVector d = factor;
    FloatVector e = term;
    FloatVector f = factor;
    FloatVector g = term;
    FloatVector h = factor;
    FloatVector i = term;
    FloatVector j = factor;
    FloatVector k = term;
    FloatVector l = factor;
    for (int round = 0; round < ROUNDS; round++) {
      a = a.fma(factor, term);
      b = b.fma(factor, term);
      c = c.fma(factor, term);
      d = d.fma(factor, term);
      e = e.fma(factor, term);
      f = f.fma(factor, term);
      g = g.fma(factor, term);
      h = h.fma(factor, term);
      i = i.fma(factor, term);
      j = j.fma(factor, term);
      k = k.fma(factor, term);
      l = l.fma(factor, term);
    }
    FloatVector sum = a.add(b).add(c).add(d).add(e).add(f).add(g).add(h).add(i).add(j).add(k).add(l);
    return sum.reduceLanes(VectorOperators.ADD);
  }
}
