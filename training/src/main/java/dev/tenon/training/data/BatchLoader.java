package dev.tenon.training.data;

import dev.tenon.engine.TenonException;
import dev.tenon.engine.random.Philox;
import dev.tenon.training.image.Preprocessing;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.Iterator;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.ThreadFactory;
import java.util.stream.IntStream;

/**
 * Decodes and augments images in background threads, a few batches ahead of the training loop. A batch is a
 * function of (samples, seed, epoch, position) alone: neither the number of threads nor where a run was
 * resumed changes a bit of it. To be used by one thread at a time.
 */
public final class BatchLoader implements AutoCloseable {
  private final List<UnionSample> samples;
  private final Preprocessing preprocessing;
  private final ImageCache images;
  private final LoaderOptions options;
  private final ExecutorService workers;
  /** A pool reports its end a moment before its threads are gone. */
  private final List<Thread> threads = new CopyOnWriteArrayList<>();
  /** Begun while the last batches of the epoch before are used, so that no step waits where two epochs meet. */
  private Epoch upcoming;

  /**
   * @throws TenonException when there are no samples, or too few for the one full batch asked for
   */
  public BatchLoader(
      List<UnionSample> samples, Preprocessing preprocessing, ImageCache images, LoaderOptions options) {
    this.samples = List.copyOf(samples);
    this.preprocessing = preprocessing;
    this.images = images;
    this.options = options;
    if (batchesPerEpoch() == 0) {
      throw new TenonException("there are " + samples.size() + " images, fewer than a batch of "
          + options.batchSize() + "; lower data.batch-size or add images");
    }
    ThreadFactory factory = Thread.ofPlatform().daemon().name("tenon-data-", 0).factory();
    this.workers = Executors.newFixedThreadPool(options.workers(), task -> {
      Thread thread = factory.newThread(task);
      threads.add(thread);
      return thread;
    });
  }

  /** Number of batches in one pass over the samples. */
  public int batchesPerEpoch() {
    int full = samples.size() / options.batchSize();
    return options.dropLast() || samples.size() % options.batchSize() == 0 ? full : full + 1;
  }

  /** The batches of one epoch, in order. */
  public Iterator<Batch> epoch(long epoch) {
    return epoch(epoch, 0);
  }

  /**
   * The batches of one epoch from {@code firstBatch} on, as a resumed run needs them. Its {@code next} waits
   * for the batch and throws a {@link TenonException} that names the image when one cannot be read.
   *
   * @param firstBatch at most {@link #batchesPerEpoch}, where nothing is left
   */
  public Iterator<Batch> epoch(long epoch, int firstBatch) {
    Epoch begun = upcoming;
    upcoming = null;
    return begun != null && begun.epoch == epoch && firstBatch == 0 ? begun : new Epoch(epoch, firstBatch);
  }

  /** Stops the threads and waits until they are gone; images under way are given up. */
  @Override
  public void close() {
    workers.shutdownNow();
    try {
      for (Thread thread : threads) {
        thread.join();
      }
    } catch (InterruptedException _) {
      Thread.currentThread().interrupt();
    }
  }

  /** A batch whose samples are being filled in, each by one task. */
  private record Pending(Batch batch, List<Future<?>> tasks) {}

  /** Keeps {@code ahead} batches under way; the queue is bounded because only {@code next} adds to it. */
  private final class Epoch implements Iterator<Batch> {
    private final long epoch;
    private final int[] order;
    private final Deque<Pending> underWay = new ArrayDeque<>();
    private int submitted;

    Epoch(long epoch, int firstBatch) {
      this.epoch = epoch;
      this.submitted = firstBatch;
      this.order = options.shuffle()
          ? Philox.of(options.seed()).split("order").split(epoch).permutation(samples.size())
          : IntStream.range(0, samples.size()).toArray();
      submit();
    }

    @Override
    public boolean hasNext() {
      return !underWay.isEmpty();
    }

    @Override
    public Batch next() {
      if (!hasNext()) {
        throw new NoSuchElementException("epoch " + epoch + " has no more batches");
      }
      Pending next = underWay.remove();
      try {
        for (Future<?> task : next.tasks()) {
          task.get();
        }
      } catch (ExecutionException e) {
        throw rethrowable(e.getCause());
      } catch (InterruptedException _) {
        Thread.currentThread().interrupt();
        throw new TenonException("interrupted while waiting for images; run again with --resume");
      }
      submit();
      if (options.shuffle() && underWay.size() < options.ahead() && upcoming == null) {
        upcoming = new Epoch(epoch + 1, 0);
      }
      return next.batch();
    }

    private void submit() {
      while (underWay.size() < options.ahead() && submitted < batchesPerEpoch()) {
        underWay.add(start(submitted++));
      }
    }

    private Pending start(int index) {
      int from = index * options.batchSize();
      int count = Math.min(options.batchSize(), samples.size() - from);
      var batch = new Batch(
          epoch,
          index,
          new float[count * preprocessing.length()],
          new int[count],
          new int[count],
          new long[count]);
      List<Future<?>> tasks = new ArrayList<>(count);
      for (int slot = 0; slot < count; slot++) {
        int sample = order[from + slot];
        int place = slot;
        tasks.add(workers.submit(() -> fill(batch, place, sample)));
      }
      return new Pending(batch, tasks);
    }
  }

  private void fill(Batch batch, int slot, int index) {
    UnionSample sample = samples.get(index);
    batch.labels()[slot] = sample.label();
    batch.tasks()[slot] = sample.task();
    batch.sampleIndices()[slot] = index;
    Philox random = Philox.of(options.seed()).split("augment").split(batch.epoch(), index);
    preprocessing.apply(
        images.get(sample.image()), random, batch.pixels(), slot * preprocessing.length());
  }

  /** The worker's failure itself: its message names the image. */
  private static RuntimeException rethrowable(Throwable cause) {
    return switch (cause) {
      case TenonException known -> new TenonException(known.getMessage(), known);
      case Error error -> throw error;
      default -> new IllegalStateException("an image could not be prepared", cause);
    };
  }
}
