package dev.tenon.jmh;

import static dev.tenon.jmh.Measured.timing;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import org.junit.jupiter.api.Test;

/** Medians, intervals and the t-test, on figures worked out by hand. */
class TimingTest {
  @Test
  void theTimeIsTheMedianFork() {
    assertThat(timing("w", "tenon", 1, 9, 1, 2).micros()).isEqualTo(2);
    assertThat(timing("w", "tenon", 1, 1, 2, 3, 10).micros()).isEqualTo(2.5);
  }

  /** Of 1, 2, 3: t(2) at 97.5 % is 4.302653, and the standard error √(1/3). */
  @Test
  void theIntervalIsStudents() {
    assertThat(timing("w", "tenon", 1, 1, 2, 3).halfWidth()).isCloseTo(4.302653 * Math.sqrt(1 / 3.0), within(1e-6));
    assertThat(timing("w", "tenon", 1, 1).halfWidth()).isNaN();
  }

  @Test
  void onlyWhatForksCanTellApartDiffers() {
    Timing before = timing("w", "tenon", 1, 100, 101, 102);

    assertThat(before.differsFrom(timing("w", "tenon", 1, 120, 121, 119))).isTrue();
    assertThat(before.differsFrom(timing("w", "tenon", 1, 103, 99, 108))).isFalse();
    assertThat(before.differsFrom(timing("w", "tenon", 1, 500))).as("a single fork").isFalse();
    assertThat(timing("w", "tenon", 1, 5, 5).differsFrom(timing("w", "tenon", 1, 5, 5))).as("no variance").isFalse();
  }

  /** Welch's t of 1, 2, 3 against 4, 5, 6 is −3.674 on 4 degrees of freedom, p = 0.0213; against 3, 4, 5 it is −2.449, p = 0.0705. */
  @Test
  void theLimitIsFivePercent() {
    Timing before = timing("w", "tenon", 1, 1, 2, 3);

    assertThat(before.differsFrom(timing("w", "tenon", 1, 4, 5, 6))).isTrue();
    assertThat(before.differsFrom(timing("w", "tenon", 1, 3, 4, 5))).isFalse();
  }
}
