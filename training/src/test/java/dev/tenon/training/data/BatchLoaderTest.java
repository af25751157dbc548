package dev.tenon.training.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.tenon.engine.TenonException;
import dev.tenon.training.image.ColorJitter;
import dev.tenon.training.image.ExifOrientation;
import dev.tenon.training.image.ImageDecoder;
import dev.tenon.training.image.Interpolation;
import dev.tenon.training.image.Normalize;
import dev.tenon.training.image.Pictures;
import dev.tenon.training.image.Preprocessing;
import dev.tenon.training.image.RandomResizedCrop;
import dev.tenon.training.image.Resize;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.NoSuchElementException;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(60)
class BatchLoaderTest {
  private static final int COUNT = 23;
  private static final ImageDecoder DECODER = new ImageDecoder(ExifOrientation.APPLY);
  private static final Resize BILINEAR = new Resize(Interpolation.BILINEAR, true);
  private static final Preprocessing TRAIN = Preprocessing.train(
      8,
      new RandomResizedCrop(8, 0.3, 1, 0.75, 4.0 / 3, List.of(BILINEAR, new Resize(Interpolation.BICUBIC, true))),
      0.5,
      new ColorJitter(0.2, 0.2, 0.2, 0.1),
      Normalize.HALF);

  @TempDir Path root;
  private final List<UnionSample> samples = new ArrayList<>();

  @BeforeEach
  void writeImages() {
    for (int i = 0; i < COUNT; i++) {
      new DataFolder(root).image(i + ".ppm", Pictures.noise(12, 10, i));
      samples.add(new UnionSample(new SampleImage.OfFile(root.resolve(i + ".ppm")), i % 3, 100 + i));
    }
  }

  @Test
  void theNumberOfThreadsNeverChangesABatch() {
    List<Batch> expected = batches(1, ImageCache.none(DECODER), 0);

    assertSame(batches(2, ImageCache.none(DECODER), 0), expected);
    assertSame(batches(5, ImageCache.none(DECODER), 0), expected);
    assertSame(batches(5, new ImageCache(DECODER, 0, 1 << 20), 0), expected);
    assertSame(batches(5, new ImageCache(DECODER, 0, 1000), 0), expected);
  }

  @Test
  void anEpochCanBeEnteredInTheMiddle() {
    List<Batch> whole = batches(2, ImageCache.none(DECODER), 0);

    List<Batch> rest = batches(3, ImageCache.none(DECODER), 2);

    // Epochs 0 and 1 have five full batches each; both are entered at their third.
    List<Batch> expected = new ArrayList<>(whole.subList(2, 5));
    expected.addAll(whole.subList(7, 10));
    assertSame(rest, expected);
  }

  @Test
  void anEpochBegunAheadIsTheSameAsOneBegunAlone() {
    List<Batch> whole = batches(2, ImageCache.none(DECODER), 0);
    try (var loader = new BatchLoader(samples, TRAIN, ImageCache.none(DECODER), LoaderOptions.train(4, 2, 7))) {
      List<Batch> second = new ArrayList<>();
      loader.epoch(1).forEachRemaining(second::add);
      assertSame(second, whole.subList(5, 10));
    }
  }

  private List<Batch> batches(int workers, ImageCache cache, int firstBatch) {
    List<Batch> batches = new ArrayList<>();
    try (var loader = new BatchLoader(samples, TRAIN, cache, LoaderOptions.train(4, workers, 7))) {
      for (int epoch = 0; epoch < 2; epoch++) {
        loader.epoch(epoch, firstBatch).forEachRemaining(batches::add);
      }
    }
    return batches;
  }

  private static void assertSame(List<Batch> actual, List<Batch> expected) {
    assertThat(actual).usingRecursiveComparison().isEqualTo(expected);
  }

  @Test
  void epochsDifferInOrderAndEachShowsASampleOnce() {
    List<Batch> batches = batches(2, ImageCache.none(DECODER), 0);

    List<Long> first = indices(batches.subList(0, 5));
    List<Long> second = indices(batches.subList(5, 10));

    assertThat(first).hasSize(20).doesNotHaveDuplicates();
    assertThat(second).hasSize(20).doesNotHaveDuplicates().isNotEqualTo(first);
    for (Batch batch : batches) {
      for (int i = 0; i < batch.count(); i++) {
        UnionSample sample = samples.get((int) batch.sampleIndices()[i]);
        assertThat(batch.labels()[i]).isEqualTo(sample.label());
        assertThat(batch.tasks()[i]).isEqualTo(sample.task());
      }
    }
  }

  private static List<Long> indices(List<Batch> batches) {
    List<Long> indices = new ArrayList<>();
    for (Batch batch : batches) {
      for (long index : batch.sampleIndices()) {
        indices.add(index);
      }
    }
    return indices;
  }

  @Test
  void evaluationSeesEverySampleInOrderAndUnaugmented() {
    var test = Preprocessing.test(8, 0.9, BILINEAR, Normalize.HALF);
    try (var loader = new BatchLoader(samples, test, ImageCache.none(DECODER), LoaderOptions.test(10, 2))) {
      List<Batch> batches = new ArrayList<>();
      loader.epoch(0).forEachRemaining(batches::add);

      assertThat(batches).extracting(Batch::count).containsExactly(10, 10, 3);
      assertThat(indices(batches)).isSorted().hasSize(COUNT);
      float[] alone = test.apply(DECODER.decode(root.resolve("20.ppm")));
      assertThat(batches.get(2).pixels()).startsWith(alone).hasSize(3 * 3 * 8 * 8);
    }
  }

  @Test
  void aCorruptImageReachesTheTrainingLoopWithItsName() {
    new DataFolder(root).text("5.ppm", "broken");
    var options = LoaderOptions.test(4, 2);
    try (var loader = new BatchLoader(samples, TRAIN, ImageCache.none(DECODER), options)) {
      Iterator<Batch> batches = loader.epoch(0);

      assertThat(batches.next().index()).isZero();
      assertThatThrownBy(batches::next).isInstanceOf(TenonException.class).hasMessageContaining("5.ppm");
    }
  }

  @Test
  void closingEndsEveryThread() {
    var loader = new BatchLoader(samples, TRAIN, ImageCache.none(DECODER), LoaderOptions.train(2, 3, 1));
    Iterator<Batch> batches = loader.epoch(0);
    batches.next();

    loader.close();

    assertThat(Thread.getAllStackTraces().keySet())
        .filteredOn(thread -> thread.getName().startsWith("tenon-data-"))
        .isEmpty();
  }

  @Test
  void anEpochEnds() {
    try (var loader = new BatchLoader(samples, TRAIN, ImageCache.none(DECODER), LoaderOptions.train(4, 1, 1))) {
      assertThat(loader.batchesPerEpoch()).isEqualTo(5);
      Iterator<Batch> nothing = loader.epoch(0, 5);
      assertThat(nothing.hasNext()).isFalse();
      assertThatThrownBy(nothing::next).isInstanceOf(NoSuchElementException.class);
    }
  }

  @Test
  void tooFewImagesForABatchAreRefused() {
    assertThatThrownBy(
            () -> new BatchLoader(samples, TRAIN, ImageCache.none(DECODER), LoaderOptions.train(24, 1, 1)))
        .isInstanceOf(TenonException.class)
        .hasMessageContaining("23 images, fewer than a batch of 24");
  }

  @Test
  void theCacheKeepsToItsLimitAndReducesAlways() {
    var cache = new ImageCache(DECODER, 5, 2 * 6 * 5 * 3);

    for (UnionSample sample : samples) {
      assertThat(cache.get(sample.image())).hasToString("Image 6x5");
    }
    assertThat(cache.bytes()).isEqualTo(2 * 6 * 5 * 3);
    assertThat(cache.get(samples.get(1).image())).isSameAs(cache.get(samples.get(1).image()));
    assertThat(cache.get(samples.get(9).image())).isNotSameAs(cache.get(samples.get(9).image()));
  }
}
