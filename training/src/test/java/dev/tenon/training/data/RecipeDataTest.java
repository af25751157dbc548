package dev.tenon.training.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.tenon.engine.TenonException;
import dev.tenon.training.demo.DemoTask;
import dev.tenon.training.image.ExifOrientation;
import dev.tenon.training.image.Image;
import dev.tenon.training.image.ImageDecoder;
import dev.tenon.training.image.Pictures;
import dev.tenon.training.image.Sequence;
import dev.tenon.training.recipe.AugmentSpec;
import dev.tenon.training.recipe.DataSpec;
import dev.tenon.training.recipe.Recipe;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class RecipeDataTest {
  @TempDir Path root;

  @Test
  void tasksOfSeveralLayoutsFormOneUnion() {
    var folder = new DataFolder(root)
        .images("mine/train/a/1.png", "mine/train/a/2.png", "mine/train/b/1.png", "mine/test/b/2.png")
        .text("pcam/train800val200.txt", "x.png 0", "y.png 1")
        .text("pcam/test.txt", "x.png 1")
        .images("pcam/x.png", "pcam/y.png");
    folder.text("recipe.yaml", """
        model: {weights: w.safetensors}
        data:
          root: %s
          shots: 1
          tasks:
            - {name: own, path: mine}
            - {name: tissue, path: pcam, source: vtab}
            - {name: count, source: demo}
        """.formatted(root));

    MultiTask tasks = RecipeData.tasks(Recipe.draft(root.resolve("recipe.yaml"), List.of()).data(), 32);

    assertThat(tasks.tasks()).extracting(TaskData::name).containsExactly("own", "tissue", "count");
    assertThat(tasks.classCount()).isEqualTo(2 + 2 + 6);
    assertThat(tasks.train()).extracting(UnionSample::label).containsExactly(0, 1, 2, 3, 4, 5, 6, 7, 8, 9);
    Image drawn = tasks.test(2).getFirst().image().load(new ImageDecoder(ExifOrientation.APPLY));
    assertThat(drawn).hasToString("Image 32x32");
  }

  @Test
  void anUnknownDemoTaskIsRefusedWithTheKnownOnes() {
    var spec = dataOf("source: demo, tasks: [weather]");

    assertThatThrownBy(() -> RecipeData.tasks(spec, 32))
        .isInstanceOf(TenonException.class)
        .hasMessageContaining("the demo draws no 'weather'; choose from forms, points");
  }

  @Test
  void withoutNamesOnlyFoldersAndTheDemoFindTheirTasks() {
    new DataFolder(root).images("t10/train/a/1.png", "t10/test/a/2.png", "t9/train/a/1.png", "t9/test/a/2.png");

    assertThat(RecipeData.tasks(dataOf("source: folder"), 32).tasks())
        .extracting(TaskData::name)
        .containsExactly("t9", "t10");
    assertThat(RecipeData.tasks(dataOf("source: demo"), 32).tasks()).hasSize(DemoTask.values().length);
    var cub = dataOf("source: cub");
    assertThatThrownBy(() -> RecipeData.tasks(cub, 32)).hasMessageContaining("names no tasks");
  }

  @Test
  void augmentationFollowsTheRecipe() {
    AugmentSpec plain = dataOf("source: demo").augment();
    AugmentSpec vtab = dataOf("augment: {crop: squash, interpolation: bicubic, flip: 0, test-crop: squash}").augment();
    AugmentSpec colored = dataOf("augment: {crop: center, color-jitter: 0.4, antialias: false}").augment();

    assertThat(RecipeData.train(plain, 224).transform()).hasToString(
        "Sequence[steps=[RandomResizedCrop[size=224, leastArea=0.08, mostArea=1.0, leastRatio=0.75, "
            + "mostRatio=1.3333333333333333, resizes=[Resize[interpolation=BILINEAR, antialias=true], "
            + "Resize[interpolation=BICUBIC, antialias=true]]], RandomFlip[probability=0.5]]]");
    assertThat(RecipeData.test(plain, 224).transform()).hasToString(
        "Sequence[steps=[ResizeShortSide[size=248, resize=Resize[interpolation=BICUBIC, antialias=true]], "
            + "CenterCrop[size=224]]]");
    assertThat(RecipeData.train(vtab, 224).transform())
        .isEqualTo(Sequence.of(RecipeData.test(vtab, 224).transform()))
        .hasToString("Sequence[steps=[ResizeTo[size=224, resize=Resize[interpolation=BICUBIC, antialias=true]]]]");
    assertThat(RecipeData.train(colored, 96).transform().toString())
        .contains("CenterCrop[size=96]", "antialias=false")
        .contains("ColorJitter[brightness=0.4, contrast=0.4, saturation=0.4, hue=0.0]");
  }

  @Test
  void orderOfClassesAndRoomForImagesFollowTheRecipe() {
    new DataFolder(root)
        .images("t/train/2/1.png", "t/train/10/1.png", "t/test/2/1.png")
        .image("wide.ppm", Pictures.noise(20, 10, 1));
    DataSpec spec = dataOf("tasks: [t], class-order: lexicographic, cache-mb: 1, cache-short-side: 5");

    assertThat(RecipeData.tasks(spec, 32).tasks().getFirst().classes()).containsExactly("10", "2");
    ImageCache images = RecipeData.images(spec);
    assertThat(images.get(new SampleImage.OfFile(root.resolve("wide.ppm")))).hasToString("Image 10x5");
    assertThat(images.bytes()).isEqualTo(150);
  }

  private DataSpec dataOf(String data) {
    new DataFolder(root).text("recipe.yaml", "data: {root: " + root + ", " + data + "}");
    return Recipe.draft(root.resolve("recipe.yaml"), List.of()).data();
  }

  @Test
  void theRealTasksHaveTheirPublishedCountsAndEveryTestImageDecodes() {
    Path shared = Path.of(System.getProperty("tenon.shared", "../../shared"), "data/classification");
    Assumptions.assumeTrue(Files.isDirectory(shared), () -> "skipped: no folder " + shared);
    var decoder = new ImageDecoder(ExifOrientation.APPLY);

    List<TaskData> tasks = FolderSource.tasksBelow(shared).stream()
        .map(name -> new FolderSource(shared.resolve(name), ClassOrder.NATURAL).load(name))
        .toList();

    assertThat(tasks)
        .extracting(t -> t.name() + " " + t.classes().size() + " " + t.train().size() + "/" + t.test().size())
        .containsExactly(
            "clothing10 10 300/80", "flowers17 17 272/68", "gtsrb43 43 1290/258", "signdigits10 10 500/120");
    for (TaskData task : tasks) {
      for (Sample sample : task.test()) {
        Image image = sample.image().load(decoder);
        assertThat(image.shortSide()).as(sample.image().name()).isGreaterThanOrEqualTo(15);
      }
    }
  }
}
