package dev.tenon.training.demo;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.tenon.engine.TenonException;
import dev.tenon.engine.random.Philox;
import dev.tenon.training.demo.DemoWorld.Split;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class DemoWorldTest {
  private static final DemoWorld WORLD = new DemoWorld(7, 32);

  @ParameterizedTest
  @EnumSource
  void anImageDependsOnSeedSplitLabelAndIndexAlone(DemoTask task) {
    byte[] image = WORLD.render(task, Split.TRAIN, 1, 5);
    IntStream.range(0, 8).parallel().forEach(_ ->
        assertThat(new DemoWorld(7, 32).render(task, Split.TRAIN, 1, 5)).isEqualTo(image));
    assertThat(new DemoWorld(8, 32).render(task, Split.TRAIN, 1, 5)).isNotEqualTo(image);
    assertThat(WORLD.render(task, Split.TEST, 1, 5)).isNotEqualTo(image);
    assertThat(WORLD.render(task, Split.TRAIN, 2, 5)).isNotEqualTo(image);
    assertThat(WORLD.render(task, Split.TRAIN, 1, 6)).isNotEqualTo(image);
  }

  @ParameterizedTest
  @EnumSource
  void theSameSceneIsShownAtEverySize(DemoTask task) {
    double[] small = cells(WORLD.render(task, Split.TRAIN, 0, 0), 32);
    double[] large = cells(new DemoWorld(7, 64).render(task, Split.TRAIN, 0, 0), 64);
    double[] other = cells(new DemoWorld(7, 64).render(task, Split.TRAIN, 0, 1), 64);
    assertThat(difference(small, large)).isLessThan(0.25 * difference(small, other));
  }

  @ParameterizedTest
  @EnumSource
  void everyClassHasANameOfItsOwnAndAnImage(DemoTask task) {
    assertThat(task.classes()).doesNotHaveDuplicates();
    Set<List<Integer>> images = new HashSet<>();
    for (int label = 0; label < task.classes().size(); label++) {
      byte[] image = WORLD.render(task, Split.TRAIN, label, 0);
      assertThat(image).hasSize(32 * 32 * 3);
      images.add(IntStream.range(0, image.length).map(i -> image[i]).boxed().toList());
    }
    assertThat(images).hasSameSizeAs(task.classes());
    assertThatThrownBy(() -> WORLD.render(task, Split.TRAIN, task.classes().size(), 0))
        .isInstanceOf(IndexOutOfBoundsException.class).hasMessageContaining(task.title());
  }

  @Test
  void aCountIsTheNumberOfThingsAndNoneHidesAnother() {
    for (int index = 0; index < 300; index++) {
      List<Thing> things = scene(DemoTask.COUNT, index % 6, index).things();
      assertThat(things).hasSize(index % 6 + 1);
      for (Thing a : things) {
        assertThat(Math.max(Math.abs(a.x()), Math.abs(a.y())) + a.radius()).isLessThan(1);
        assertThat(things).allMatch(b -> a.equals(b)
            || Math.hypot(a.x() - b.x(), a.y() - b.y()) > a.radius() + b.radius());
      }
    }
  }

  @Test
  void aPairSharesWhatItsLabelSays() {
    for (int index = 0; index < 300; index++) {
      int label = index % 4;
      List<Thing> pair = scene(DemoTask.PAIR, label, index).things();
      assertThat(pair.get(0).form() == pair.get(1).form()).isEqualTo(label < 2);
      assertThat(pair.get(0).color().equals(pair.get(1).color())).isEqualTo(label % 2 == 0);
    }
  }

  @Test
  void aColorIsOfItsSixthOfTheCircleAndStandsOut() {
    for (int index = 0; index < 300; index++) {
      int label = index % 6;
      Scene scene = scene(DemoTask.COLOR, label, index);
      Thing largest = scene.things().stream().filter(t -> t.radius() > 0.39 && t.radius() < 1).findFirst().orElseThrow();
      assertThat(largest.color()).isIn(Palette.thing(2 * label), Palette.thing(2 * label + 1));
      assertThat(Math.abs(largest.color().luma() - scene.ground().luma())).isGreaterThan(0.13);
    }
  }

  @Test
  void grainIsOfItsKindAndWidth() {
    for (int label = 0; label < 6; label++) {
      Texture.Kind kind = Texture.Kind.values()[1 + label / 2];
      for (int index = 0; index < 40; index++) {
        Texture texture = scene(DemoTask.GRAIN, label, index).things().stream()
            .map(Thing::texture).filter(t -> t.kind() != Texture.Kind.PLAIN).findFirst().orElseThrow();
        assertThat(texture.kind()).isEqualTo(kind);
        assertThat(texture.period() < 0.3).isEqualTo(label % 2 == 0);
      }
    }
  }

  @Test
  void outlinesReachTheirRadiusAndHaveTheCornersTheyAreNamedFor() {
    for (int corners = 3; corners < 8; corners++) {
      Form polygon = Form.polygon(corners);
      Form star = Form.star(corners, 0.5);
      double turn = 2 * Math.PI / corners;
      for (int tip = 0; tip < corners; tip++) {
        double x = Math.cos(tip * turn);
        double y = Math.sin(tip * turn);
        assertThat(polygon.distance(x, y)).isCloseTo(0, within(1e-12));
        assertThat(star.distance(x, y)).isCloseTo(0, within(1e-12));
        double notchX = 0.5 * Math.cos((tip + 0.5) * turn);
        double notchY = 0.5 * Math.sin((tip + 0.5) * turn);
        assertThat(star.distance(notchX, notchY)).isCloseTo(0, within(1e-12));
      }
      assertThat(polygon.distance(0, 0)).isCloseTo(-Math.cos(turn / 2), within(1e-12));
    }
    for (Form form : Composition.FORMS) {
      assertThat(form.distance(0, 1.1)).isPositive();
      assertThat(form.distance(-0.3, 0)).isNegative();
    }
  }

  @Test
  void writesFoldersWithTheAskedNumbersEvenlyOverTheClasses(@TempDir Path temp) throws IOException {
    Path folder = temp.resolve("images");
    WORLD.writeTo(folder, List.of(new DemoSet(DemoTask.PAIR, 10, 4), new DemoSet(DemoTask.COUNT, 6, 6)));

    assertThat(names(folder)).containsExactly("count", "pair");
    assertThat(names(folder.resolve("pair/train")))
        .containsExactly("same-color", "same-form", "strangers", "twins");
    assertThat(names(folder.resolve("pair/train/twins"))).containsExactly("0000.png", "0001.png", "0002.png");
    assertThat(names(folder.resolve("pair/train/strangers"))).hasSize(2);
    assertThat(names(temp)).as("nothing is left beside it").containsExactly("images");

    int[] written = ImageIO.read(folder.resolve("pair/test/same-color/0000.png").toFile())
        .getRaster().getPixels(0, 0, 32, 32, (int[]) null);
    byte[] rendered = WORLD.render(DemoTask.PAIR, Split.TEST, 2, 0);
    assertThat(written).containsExactly(
        IntStream.range(0, rendered.length).map(i -> Byte.toUnsignedInt(rendered[i])).toArray());
  }

  @Test
  void refusesWhatItCannotDoAndLeavesNothingBehind(@TempDir Path temp) throws IOException {
    Path file = Files.writeString(temp.resolve("taken"), "mine");
    List<DemoSet> sets = List.of(new DemoSet(DemoTask.PAIR, 4, 4));
    assertThatThrownBy(() -> WORLD.writeTo(file, sets))
        .isInstanceOf(TenonException.class).hasMessageContaining("taken");
    assertThatThrownBy(() -> WORLD.writeTo(temp, sets))
        .isInstanceOf(TenonException.class).hasMessageContaining("there already");
    assertThatThrownBy(() -> WORLD.writeTo(file.resolve("below"), sets))
        .isInstanceOf(TenonException.class).hasMessageContaining("below");
    assertThat(names(temp)).containsExactly("taken");
    assertThatThrownBy(() -> new DemoWorld(0, 8))
        .isInstanceOf(TenonException.class).hasMessageContaining("size 8");
    assertThatThrownBy(() -> new DemoSet(DemoTask.FORMS, 100, 10))
        .isInstanceOf(TenonException.class).hasMessageContaining("28 classes");
  }

  private static Scene scene(DemoTask task, int label, int index) {
    return task.composition().compose(label, new Dice(Philox.of(1).split(label, index)));
  }

  private static List<String> names(Path folder) throws IOException {
    try (Stream<Path> content = Files.list(folder)) {
      return content.map(p -> p.getFileName().toString()).sorted().toList();
    }
  }

  /** Mean brightness of 8 × 8 cells. */
  private static double[] cells(byte[] image, int size) {
    double[] cells = new double[64];
    for (int i = 0; i < image.length; i++) {
      int row = i / 3 / size * 8 / size;
      int column = i / 3 % size * 8 / size;
      cells[row * 8 + column] += Byte.toUnsignedInt(image[i]) * 64.0 / image.length;
    }
    return cells;
  }

  private static double difference(double[] a, double[] b) {
    double[] squares = new double[a.length];
    Arrays.setAll(squares, i -> (a[i] - b[i]) * (a[i] - b[i]));
    return Arrays.stream(squares).sum();
  }
}
