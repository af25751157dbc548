package dev.tenon.jmh;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

/** The flight recorder tells where the time of a run goes. */
class ProfileTest {
  @Test
  void anOpTakesMostOfItsRun() {
    Profile profile = Profile.of(Catalogue.named("op linear"), 1, 0.2);

    assertThat(profile.rows()).singleElement().satisfies(row -> {
      assertThat(row.op()).isEqualTo("linear");
      assertThat(row.calls()).isEqualTo(1);
      assertThat(row.micros()).isPositive().isLessThanOrEqualTo(profile.total());
      assertThat(row.gigaflops()).isPositive();
    });
  }
}
