package dev.tenon.training.image;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.tenon.engine.random.Philox;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;

class TransformTest {
  private static final Resize BILINEAR = new Resize(Interpolation.BILINEAR, true);
  private static final Philox RANDOM = Philox.of(3);

  @Test
  void flippingTwiceIsTheImage() {
    Image image = Pictures.noise(7, 4, 1);

    assertThat(image.flipped()).isNotEqualTo(image);
    assertThat(image.flipped().flipped()).isEqualTo(image);
    assertThat(image.flipped().at(0, 2, 1)).isEqualTo(image.at(6, 2, 1));
  }

  @Test
  void everyOrientationPutsTheUpperLeftCornerWhereItBelongs() {
    Image image = Pictures.of(3, 2, (x, y, _) -> 10 * y + x);
    int[][] cornerAfter = {{0, 0}, {2, 0}, {2, 1}, {0, 1}, {0, 0}, {1, 0}, {1, 2}, {0, 2}};
    int[][] nextInRowAfter = {{1, 0}, {1, 0}, {1, 1}, {1, 1}, {0, 1}, {1, 1}, {1, 1}, {0, 1}};

    for (int orientation = 1; orientation <= 8; orientation++) {
      Image turned = image.oriented(orientation);
      int[] corner = cornerAfter[orientation - 1];
      int[] next = nextInRowAfter[orientation - 1];
      assertThat(turned.at(corner[0], corner[1], 0)).as("corner of %d", orientation).isZero();
      assertThat(turned.at(next[0], next[1], 0)).as("neighbor of %d", orientation).isEqualTo(1);
    }
  }

  @Test
  void theShortSideIsExactAndTheLongSideRoundedDown() {
    var resize = new ResizeShortSide(248, BILINEAR);

    Image wide = resize.apply(Pictures.noise(500, 331, 1), RANDOM);
    Image tall = resize.apply(Pictures.noise(331, 500, 1), RANDOM);

    assertThat(wide).hasToString("Image 374x248");
    assertThat(tall).hasToString("Image 248x374");
  }

  @Test
  void centerCropHalvesAnOddMarginToTheEvenNeighbor() {
    Image image = Pictures.of(9, 11, (x, y, _) -> 16 * y + x);

    Image crop = new CenterCrop(4).apply(image, RANDOM);

    assertThat(crop.at(0, 0, 0)).isEqualTo(16 * 4 + 2);
  }

  @Test
  void timmTestCropKeepsTheMiddle() {
    Image image = Pictures.of(500, 250, (x, _, _) -> x / 2);

    float[] input = Preprocessing.test(224, 0.9, BILINEAR, Normalize.HALF).apply(image);

    assertThat(input).hasSize(3 * 224 * 224);
    float middle = input[112 * 224 + 112];
    assertThat(middle * 127.5f + 127.5f).isBetween(124f, 126f);
  }

  @Property(tries = 200)
  void randomCropsStayInsideAndHaveTheSize(
      @ForAll @IntRange(min = 1, max = 90) int width,
      @ForAll @IntRange(min = 1, max = 90) int height,
      @ForAll long seed) {
    var crop = new RandomResizedCrop(8, 0.08, 1, 0.75, 4.0 / 3, List.of(BILINEAR));

    Image result = crop.apply(Pictures.noise(width, height, seed), Philox.of(seed));

    assertThat(result).hasToString("Image 8x8");
  }

  @Test
  void everythingRandomIsAFunctionOfTheStream() {
    Image image = Pictures.noise(60, 40, 5);
    var bicubic = new Resize(Interpolation.BICUBIC, true);
    var crop = new RandomResizedCrop(16, 0.08, 1, 0.75, 4.0 / 3, List.of(BILINEAR, bicubic));
    var train = Preprocessing.train(16, crop, 0.5, new ColorJitter(0.4, 0.4, 0.4, 0.1), Normalize.HALF);

    Set<Integer> distinct = new HashSet<>();
    for (int sample = 0; sample < 20; sample++) {
      float[] once = new float[train.length()];
      float[] again = new float[train.length()];
      train.apply(image, RANDOM.split(1, sample), once, 0);
      train.apply(image, RANDOM.split(1, sample), again, 0);
      assertThat(once).isEqualTo(again);
      distinct.add(Arrays.hashCode(once));
    }
    assertThat(distinct).hasSize(20);
  }

  @Test
  void halfOfManyAreFlipped() {
    Image image = Pictures.noise(5, 5, 1);
    int flipped = 0;
    int n = 2000;
    for (int i = 0; i < n; i++) {
      flipped += new RandomFlip(0.5).apply(image, RANDOM.split(i)).equals(image) ? 0 : 1;
    }
    // Five standard deviations of a fair coin.
    assertThat(Math.abs(flipped - n / 2)).isLessThan((int) (5 * Math.sqrt(n) / 2));
  }

  @Test
  void jitterOfStrengthZeroChangesNothing() {
    Image image = Pictures.noise(20, 20, 2);

    assertThat(new ColorJitter(0, 0, 0, 0).apply(image, RANDOM)).isEqualTo(image);
  }

  @Test
  void grayHasNoHueAndNoSaturationToChange() {
    Image gray = Pictures.of(8, 8, (x, y, _) -> 8 * x + y);

    assertThat(new ColorJitter(0, 0, 0.9, 0.5).apply(gray, RANDOM)).isEqualTo(gray);
  }

  @Test
  void hueKeepsTheLargestAndTheSmallestChannel() {
    Image image = Pictures.noise(16, 16, 4);

    Image turned = new ColorJitter(0, 0, 0, 0.5).apply(image, RANDOM.split(1));

    assertThat(turned).isNotEqualTo(image);
    for (int x = 0; x < 16; x++) {
      for (int y = 0; y < 16; y++) {
        assertThat(most(turned, x, y)).isEqualTo(most(image, x, y));
        assertThat(least(turned, x, y)).isEqualTo(least(image, x, y));
      }
    }
  }

  @Test
  void normalizingGivesPlanesOfCenteredNumbers() {
    Image image = Pictures.of(2, 1, (x, _, c) -> 51 * (2 * c + x));

    float[] chw = new Normalize(List.of(0.5, 0.4, 0.3), List.of(0.5, 0.25, 0.2)).apply(image);

    float[] expected = {
      -1f, (51 / 255f - 0.5f) / 0.5f, (102 / 255f - 0.4f) / 0.25f, (153 / 255f - 0.4f) / 0.25f,
      (204 / 255f - 0.3f) / 0.2f, (1f - 0.3f) / 0.2f
    };
    assertThat(chw).containsExactly(expected);
  }

  @Test
  void aTransformOfTheWrongSizeIsRefused() {
    var wrong = new Preprocessing(32, new CenterCrop(16), Normalize.HALF);

    assertThatThrownBy(() -> wrong.apply(Pictures.noise(40, 40, 1)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("Image 16x16, where the network takes 32x32");
  }

  private static int most(Image image, int x, int y) {
    return Math.max(image.at(x, y, 0), Math.max(image.at(x, y, 1), image.at(x, y, 2)));
  }

  private static int least(Image image, int x, int y) {
    return Math.min(image.at(x, y, 0), Math.min(image.at(x, y, 1), image.at(x, y, 2)));
  }
}
