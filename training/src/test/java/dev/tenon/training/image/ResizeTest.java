package dev.tenon.training.image;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.tenon.engine.op.Taps;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;

class ResizeTest {
  private static final Resize BILINEAR = new Resize(Interpolation.BILINEAR, true);
  private static final Resize BICUBIC = new Resize(Interpolation.BICUBIC, true);
  private static final Resize BILINEAR_SAMPLED = new Resize(Interpolation.BILINEAR, false);
  private static final Resize BICUBIC_SAMPLED = new Resize(Interpolation.BICUBIC, false);

  @Property(tries = 300)
  void weightsOfEveryOutputPixelSumToOneAndStayInside(
      @ForAll Interpolation interpolation,
      @ForAll boolean antialias,
      @ForAll @IntRange(min = 1, max = 70) int in,
      @ForAll @IntRange(min = 1, max = 70) int out) {
    Taps taps = interpolation.taps(in, out, antialias);

    for (int i = 0; i < out; i++) {
      double sum = 0;
      for (double weight : taps.weights()[i]) {
        sum += weight;
      }
      assertThat(sum).isCloseTo(1, within(0x1p-52 * 8 * taps.weights()[i].length));
      assertThat(taps.first()[i]).isBetween(0, in - 1);
      assertThat(taps.first()[i] + taps.weights()[i].length).isLessThanOrEqualTo(in);
    }
  }

  @Property(tries = 100)
  void aConstantImageStaysConstant(
      @ForAll Interpolation interpolation,
      @ForAll boolean antialias,
      @ForAll @IntRange(min = 1, max = 40) int in,
      @ForAll @IntRange(min = 1, max = 40) int out,
      @ForAll byte value) {
    Image image = Pictures.of(in, in + 3, (_, _, _) -> value);

    Image resized = new Resize(interpolation, antialias).apply(image, out, out + 1);

    assertThat(resized).isEqualTo(Pictures.of(out, out + 1, (_, _, _) -> value));
  }

  @Property(tries = 50)
  void mirroringAndResizingCommute(
      @ForAll Interpolation interpolation,
      @ForAll boolean antialias,
      @ForAll @IntRange(min = 2, max = 30) int in,
      @ForAll @IntRange(min = 2, max = 30) int out) {
    Image image = Pictures.noise(in, in, 7);
    Resize resize = new Resize(interpolation, antialias);

    Image one = resize.apply(image, out, out).flipped();
    Image other = resize.apply(image.flipped(), out, out);

    assertThat(Pictures.largestDifference(one, other)).isLessThanOrEqualTo(1);
  }

  /** The triangle of half width 2 at distances 0.5 and 1.5 has the weights 3, 3, 1, 1 of 8. */
  @Test
  void antialiasedHalvingWeighsFourPixels() {
    int[] line = {10, 50, 90, 200, 30, 70};
    Image image = Pictures.of(6, 1, (x, _, _) -> line[x]);

    Image half = BILINEAR.apply(image, 3, 1);

    assertThat(half.at(1, 0, 0)).isEqualTo(Math.round((50 + 3 * 90 + 3 * 200 + 30) / 8f));
    // At the border what lies outside is left out: 3, 3, 1 of 7.
    assertThat(half.at(0, 0, 1)).isEqualTo(Math.round((3 * 10 + 3 * 50 + 90) / 7f));
  }

  @Test
  void sampledHalvingAveragesTwoPixels() {
    int[] line = {10, 50, 90, 200, 30, 70};
    Image image = Pictures.of(6, 1, (x, _, _) -> line[x]);

    Image half = BILINEAR_SAMPLED.apply(image, 3, 1);

    assertThat(new int[] {half.at(0, 0, 0), half.at(1, 0, 0), half.at(2, 0, 0)}).containsExactly(30, 145, 50);
  }

  /** Keys' kernel at distances 0.5 and 1.5: 0.5625 and -0.0625 for slope -0.5, 0.59375 and -0.09375 for -0.75. */
  @Test
  void theTwoFormsOfBicubicDifferInTheirSlope() {
    Taps wide = Interpolation.BICUBIC.taps(8, 16, true);
    Taps sampled = Interpolation.BICUBIC.taps(8, 4, false);

    assertThat(sampled.weights()[1]).containsExactly(-0.09375, 0.59375, 0.59375, -0.09375);
    // Position 3.25 - 0.5: distances 1.75, 0.75, 0.25, 1.25.
    double[] expected = {-0.0234375, 0.2265625, 0.8671875, -0.0703125};
    assertThat(wide.weights()[6]).containsExactly(expected, within(1e-12));
  }

  @Test
  void enlargingARampKeepsItARamp() {
    Image ramp = Pictures.of(16, 16, (x, _, _) -> 10 * x);

    for (Resize resize : new Resize[] {BILINEAR, BILINEAR_SAMPLED, BICUBIC, BICUBIC_SAMPLED}) {
      Image large = resize.apply(ramp, 64, 16);
      // Slope -0.75 overshoots: only Keys' own slope -0.5 reproduces straight lines.
      int error = resize.equals(BICUBIC_SAMPLED) ? 2 : 1;
      for (int x = 12; x < 52; x++) {
        int exact = (int) Math.round(10 * ((x + 0.5) / 4 - 0.5));
        assertThat(large.at(x, 5, 2)).as("%s at %d", resize, x).isCloseTo(exact, within(error));
      }
    }
  }

  @Test
  void overshootIsCutAtBlackAndWhite() {
    Image edge = Pictures.of(8, 8, (x, _, _) -> x < 4 ? 0 : 255);

    Image large = BICUBIC.apply(edge, 32, 32);

    assertThat(large.at(12, 3, 0)).isZero();
    assertThat(large.at(19, 3, 0)).isEqualTo(255);
  }

  @Test
  void theSameSizeIsTheSameImage() {
    Image image = Pictures.noise(9, 5, 1);

    assertThat(BICUBIC.apply(image, 9, 5)).isSameAs(image);
    assertThat(BICUBIC_SAMPLED.apply(image, 9, 5)).isSameAs(image);
  }
}
