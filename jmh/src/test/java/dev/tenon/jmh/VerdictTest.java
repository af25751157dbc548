package dev.tenon.jmh;

import static dev.tenon.jmh.Measured.timing;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.List;
import org.junit.jupiter.api.Test;

/** What is compared with what, and which aim it is held to. */
class VerdictTest {
  private static List<Verdict> of(Timing... timings) {
    return Verdict.of(Measured.at("2026-01-01T00:00:00Z", timings));
  }

  private static Verdict only(Timing... timings) {
    List<Verdict> verdicts = of(timings);
    assertThat(verdicts).hasSize(1);
    return verdicts.getFirst();
  }

  @Test
  void aRatioAboveOneIsFaster() {
    Verdict faster = only(timing("softmax", "tenon", 1, 10), timing("softmax", "pytorch", 1, 20));
    Verdict slower = only(timing("softmax", "tenon", 1, 20), timing("softmax", "pytorch", 1, 10));

    assertThat(faster.ratio()).isEqualTo(2);
    assertThat(faster.isMissed()).isFalse();
    assertThat(slower.ratio()).isEqualTo(0.5);
    assertThat(slower.isMissed()).isTrue();
  }

  @Test
  void everyAimIsTheOneOfItsRow() {
    assertThat(only(timing("vit-base-batch8", "tenon", 2, 10), timing("vit-base-batch8", "onnxruntime", 2, 9)).least()).isEqualTo(0.85);
    assertThat(only(timing("vit-base-batch8", "tenon", 2, 10), timing("vit-base-batch8", "pytorch", 2, 9)).least()).isEqualTo(1);
    assertThat(only(timing("emtal-step-vit-tiny-batch16", "tenon", 1, 10), timing("emtal-step-vit-tiny-batch16", "pytorch", 1, 9)).least())
        .isEqualTo(0.9);
    assertThat(only(timing("depthwise-3x3", "tenon", 1, 10), timing("depthwise-3x3", "pytorch", 1, 9)).least()).isEqualTo(1);
    assertThat(only(timing("gram-affinity-32x64", "tenon", 1, 10), timing("gram-affinity-32x64", "pytorch", 1, 9)).least()).isZero();
  }

  @Test
  void productsAreHeldToTheirGeometricMeanToo() {
    List<Verdict> verdicts = of(
        timing("sgemm-a", "tenon", 1, 10), timing("sgemm-a", "openblas", 1, 8),
        timing("sgemm-b", "tenon", 1, 10), timing("sgemm-b", "openblas", 1, 12.5));

    assertThat(verdicts).extracting(Verdict::least).containsExactly(0.75, 0.75, 0.85);
    assertThat(verdicts.getLast().ratio()).isCloseTo(Math.sqrt(0.8 * 1.25), within(1e-12));
  }

  @Test
  void gradientsAreHeldToTheirMeanOnly() {
    List<Verdict> verdicts = of(
        timing("softmax-backward", "tenon", 1, 10), timing("softmax-backward", "pytorch", 1, 5),
        timing("depthwise-3x3-gradInput", "tenon", 1, 10), timing("depthwise-3x3-gradInput", "pytorch", 1, 20));

    assertThat(verdicts).extracting(Verdict::isMissed).containsOnly(false);
    assertThat(verdicts.getLast().work()).startsWith("all backward");
    assertThat(verdicts.getLast().ratio()).isCloseTo(1, within(1e-12));
  }

  @Test
  void twoThreadsAreComparedWithOne() {
    Verdict scaling = of(timing("vit-tiny-batch8", "tenon", 1, 100), timing("vit-tiny-batch8", "tenon", 2, 62.5)).getLast();

    assertThat(scaling.against()).isEqualTo("1 thread");
    assertThat(scaling.ratio()).isEqualTo(1.6);
    assertThat(scaling.least()).isEqualTo(1.7);
    assertThat(scaling.isMissed()).isTrue();
  }
}
