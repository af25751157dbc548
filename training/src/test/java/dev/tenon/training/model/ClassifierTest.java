package dev.tenon.training.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.tenon.engine.HostBackend;
import dev.tenon.engine.Scope;
import dev.tenon.engine.TenonException;
import dev.tenon.training.image.Image;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ClassifierTest {
  @TempDir private Path folder;
  private Path file;

  @BeforeEach
  void save() {
    file = folder.resolve("model.safetensors");
    try (HostBackend backend = HostBackend.reference(); Scope _ = Scope.open(backend)) {
      new TrainedModel(SmallVit.of(1, 5), SmallVit.card(1, "")).save(file);
    }
  }

  @Test
  void answersEveryTaskWithProbabilitiesOfItsOwnClasses() {
    try (Classifier classifier = Classifier.load(file)) {
      Prediction prediction = classifier.predict(image(1));
      assertThat(prediction.tasks()).extracting(Prediction.Answer::task).containsExactly("fruit", "size");
      assertThat(prediction.tasks().get(0).guesses()).extracting(Prediction.Guess::label)
          .containsExactlyInAnyOrder("apple", "\"fig\"", "quince");
      double eps = 5 * Math.ulp(1.0);
      for (Prediction.Answer answer : prediction.tasks()) {
        double[] probabilities = answer.guesses().stream().mapToDouble(Prediction.Guess::probability).toArray();
        assertThat(Arrays.stream(probabilities).sum()).isCloseTo(1, within(eps));
        assertThat(answer.best().probability()).isEqualTo(Arrays.stream(probabilities).max().orElseThrow());
      }
      assertThat(prediction.tasks().stream().mapToDouble(Prediction.Answer::share).sum()).isCloseTo(1, within(eps));
      assertThat(classifier.predict(image(2))).isNotEqualTo(prediction);
    }
  }

  @Test
  void aPredictionFollowsFromTheLogits() {
    Prediction prediction = Prediction.of(SmallVit.card(1, "").tasks(), new float[] {0, 1000, 1000, -3, -3 + (float) Math.log(3)});
    assertThat(prediction.likeliest().task()).isEqualTo("fruit");
    assertThat(prediction.tasks().get(0).guesses()).containsExactly(
        new Prediction.Guess("\"fig\"", 0.5), new Prediction.Guess("quince", 0.5), new Prediction.Guess("apple", 0));
    assertThat(prediction.tasks().get(1).best().label()).isEqualTo("large");
    // The logit is rounded to a float of magnitude 2.
    assertThat(prediction.tasks().get(1).best().probability()).isCloseTo(0.75, within((double) Math.ulp(2f)));
    assertThat(prediction.tasks().get(1).share()).isZero();
  }

  @Test
  void threadsShareItAndGetWhatOneWouldGet() throws Exception {
    try (Classifier classifier = Classifier.load(file); ExecutorService threads = Executors.newFixedThreadPool(4)) {
      List<Prediction> alone = new ArrayList<>();
      List<Future<Prediction>> together = new ArrayList<>();
      for (int i = 0; i < 12; i++) {
        alone.add(classifier.predict(image(i)));
      }
      for (int i = 0; i < 12; i++) {
        Image image = image(i);
        together.add(threads.submit(() -> classifier.predict(image)));
      }
      for (int i = 0; i < 12; i++) {
        assertThat(together.get(i).get()).isEqualTo(alone.get(i));
      }
    }
  }

  @Test
  void closingIsFinalAndMayBeRepeated() {
    Classifier classifier = Classifier.load(file);
    Image image = image(1);
    classifier.close();
    classifier.close();
    assertThatThrownBy(() -> classifier.predict(image)).isInstanceOf(TenonException.class).hasMessageContaining("closed");
    assertThatThrownBy(() -> Classifier.load(folder.resolve("absent"))).isInstanceOf(TenonException.class).hasMessageContaining("absent");
  }

  private static Image image(long seed) {
    byte[] rgb = new byte[20 * 12 * Image.CHANNELS];
    new Random(seed).nextBytes(rgb);
    return new Image(20, 12, rgb);
  }
}
