package dev.tenon.training.report;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.time.InstantSource;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;

/** Away from a terminal, progress is a few whole lines with the rate and the time left. */
class ProgressTest {
  @Test
  void plainLinesComeEveryTenSecondsAndCountFromWhereTheRunBegan() {
    var seconds = new AtomicLong();
    InstantSource clock = () -> Instant.ofEpochSecond(seconds.get());
    var bytes = new ByteArrayOutputStream();
    try (var out = new PrintStream(bytes, true, StandardCharsets.UTF_8)) {
      try (var progress = new Progress.Lines(out, "train", 1000, 500, clock)) {
        for (int i = 0; i < 20; i++) {
          seconds.incrementAndGet();
          progress.advance(5, "loss 1.5");
        }
        progress.say("epoch 1: 80 %");
      }
    }

    assertThat(bytes.toString(StandardCharsets.UTF_8).lines()).containsExactly(
        "train  55% 550/1000 images, 5.0 images/s, 0:01:30 left loss 1.5",
        "train  60% 600/1000 images, 5.0 images/s, 0:01:20 left loss 1.5",
        "epoch 1: 80 %",
        "train  60% 600/1000 images, 5.0 images/s, 0:01:20 left loss 1.5");
  }
}
