package dev.tenon.training.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.tenon.engine.TenonException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class MultiTaskTest {
  @Test
  void labelsOfLaterTasksAreShifted() {
    // The class counts of the fine-grained benchmark: CUB, Cars, Aircraft, Flowers.
    var union = new MultiTask(List.of(task("cub", 200, 1), task("cars", 196, 2), task("air", 100, 1), task("fl", 102, 1)));

    assertThat(union.classCount()).isEqualTo(598);
    assertThat(IntStream.range(0, 4).map(union::offset)).containsExactly(0, 200, 396, 496);
    assertThat(union.train(1)).first().extracting(UnionSample::task, UnionSample::label).containsExactly(1, 200);
    assertThat(union.train()).hasSize(200 + 2 * 196 + 100 + 102);
    assertThat(union.test(3)).last().extracting(UnionSample::label).isEqualTo(597);
    for (UnionSample sample : union.train()) {
      assertThat(union.taskOf(sample.label())).isEqualTo(sample.task());
    }
    assertThat(union.className(200)).isEqualTo("cars 0");
  }

  @Test
  void fewShotDrawsTheSameImagesForTheSameSeed() {
    TaskData task = task("t", 7, 20);

    TaskData drawn = task.fewShot(4, 1);

    for (int label = 0; label < 7; label++) {
      int wanted = label;
      assertThat(drawn.train()).filteredOn(sample -> sample.label() == wanted).hasSize(4).doesNotHaveDuplicates();
    }
    assertThat(task.train()).containsAll(drawn.train());
    assertThat(drawn.test()).isEqualTo(task.test());
    assertThat(task.fewShot(4, 1)).isEqualTo(drawn);
    assertThat(task.fewShot(4, 2)).isNotEqualTo(drawn);
    assertThat(task.fewShot(20, 2).train()).hasSameElementsAs(task.train());
    assertThatThrownBy(() -> task.fewShot(21, 1))
        .isInstanceOf(TenonException.class)
        .hasMessageContaining("class 't 0' has 20 training images, fewer than the 21 shots");
  }

  @Test
  void twoTasksOfOneNameAreRefused() {
    List<TaskData> tasks = List.of(task("t", 2, 1), task("t", 3, 1));

    assertThatThrownBy(() -> new MultiTask(tasks))
        .isInstanceOf(TenonException.class)
        .hasMessageContaining("two tasks are called 't'");
  }

  @Test
  void naturalOrderIsAnOrder() {
    List<String> names = new ArrayList<>(List.of("b", "A2", "a10", "a2", "a02", "a", "10", "9", "a2b", "a10a"));

    names.sort(ClassOrder.NATURAL.comparator());

    assertThat(names).containsExactly("9", "10", "a", "A2", "a02", "a2", "a2b", "a10", "a10a", "b");
  }

  private static TaskData task(String name, int classes, int images) {
    List<String> names = IntStream.range(0, classes).mapToObj(i -> name + " " + i).toList();
    List<Sample> train = new ArrayList<>();
    for (int i = 0; i < classes * images; i++) {
      train.add(new Sample(new SampleImage.OfFile(Path.of(name + i)), i / images));
    }
    return new TaskData(name, names, train, train);
  }
}
