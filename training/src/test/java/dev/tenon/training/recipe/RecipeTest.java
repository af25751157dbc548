package dev.tenon.training.recipe;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.tenon.engine.TenonException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

/** A recipe must say exactly what runs, and a mistake in it must be told in one sentence with its place. */
class RecipeTest {
  private static final List<String> PATHS = List.of("model.weights=w.safetensors", "data.root=images");

  @TempDir private Path folder;

  @Test
  void emptyRecipeIsThePaper() {
    var recipe = Recipe.parse("empty", "", PATHS);

    assertThat(recipe.method()).isEqualTo(MethodSpec.Emtal.DEFAULT);
    assertThat(MethodSpec.Emtal.DEFAULT.adapter().lora().rank()).isEqualTo(4);
    assertThat(recipe.schedule().totalEpochs()).isEqualTo(110);
    assertThat(recipe.data().batchSize()).isEqualTo(32);
    assertThat(recipe.output().dir()).isEqualTo(Path.of("runs", "run"));
  }

  static Stream<Path> shippedRecipes() throws IOException {
    try (var files = Files.list(Path.of("..", "recipes"))) {
      return files.filter(file -> file.toString().endsWith(".yaml")).sorted().toList().stream();
    }
  }

  @ParameterizedTest
  @MethodSource("shippedRecipes")
  void shippedRecipesSurviveBeingWrittenOut(Path file) {
    var recipe = Recipe.load(file, PATHS);

    assertThat(Recipe.parse("dump", recipe.toYaml(), List.of())).isEqualTo(recipe);
    assertThat(recipe.name() + ".yaml").isEqualTo(file.getFileName().toString());
  }

  @Test
  void everyKindSurvivesBeingWrittenOut() {
    var text = """
        name: odd
        method: {kind: emtal, targets: [qkv], retaining: {mode: 1sample, bank-momentum: 0.25}}
        optimizer: {kind: sgd, momentum: 0.5, nesterov: true, clip: 1.5}
        schedule: {kind: polynomial, power: 0.9}
        data: {root: 'a folder: "quoted"', tasks: [{name: x, source: idx}, y]}
        precision: fp32-split
        device: cuda:1
        """;
    var recipe = Recipe.parse("odd", text, PATHS.subList(0, 1));

    assertThat(Recipe.parse("dump", recipe.toYaml(), List.of())).isEqualTo(recipe);
    assertThat(recipe.data().tasks())
        .containsExactly(new TaskSpec("x", SourceType.IDX, "x"), new TaskSpec("y", SourceType.FOLDER, "y"));
  }

  @ParameterizedTest
  @CsvSource(delimiter = '|', value = {
      "optimizer: {lrr: 1} | r.yaml:1: unknown key 'optimizer.lrr'; did you mean 'optimizer.lr'?",
      "optimiser: {lr: 1} | r.yaml:1: unknown key 'optimiser'; did you mean 'optimizer'?",
      "seed: 1.5 | r.yaml:1: 'seed' expects a whole number, found '1.5'.",
      "seed: \"7\" | r.yaml:1: 'seed' expects a whole number, found '7'.",
      "threads: | r.yaml:1: 'threads' expects a whole number, found nothing.",
      "threads: 99999999999 | r.yaml:1: 'threads' is 99999999999, allowed is 0 to 4096.",
      "optimizer: {lr: fast} | r.yaml:1: 'optimizer.lr' expects a number, found 'fast'.",
      "optimizer: {lr: .nan} | r.yaml:1: 'optimizer.lr' expects a number, found '.nan'.",
      "optimizer: {beta1: 1} | 'optimizer.beta1' is 1, allowed is 0 to 0.9999999999999999.",
      "optimizer: 3 | r.yaml:1: 'optimizer' expects a section of 'key: value' lines, found '3'.",
      "method: {kind: emtl} | 'method.kind' does not know 'emtl'; did you mean 'emtal'?",
      "method: {kind: lora, experts: 4} | unknown key 'method.experts'; the nearest valid one is",
      "method: {kind: linear-probe, rank: 4} | unknown key 'method.rank'",
      "method: {fade-start: 0.6} | 'method.fade-end' is 0.5, before 'fade-start' 0.6",
      "method: {targets: [qkv, qkv]} | 'method.targets' names one thing twice",
      "method: {targets: []} | 'method.targets' is empty",
      "optimizer: {momentum: 0.9} | unknown key 'optimizer.momentum'",
      "schedule: {epochs: 5} | 'schedule.warmup-epochs' is 10 of only 5 'epochs'",
      "model: {patch: 15} | 'model.image-size' is 224, which is not a multiple of the patch size 15.",
      "model: {format: none} | 'model.weights' names a file although 'format' is none",
      "data: {root: ~/x} | r.yaml:1: 'data.root' begins with '~', which is not expanded",
      "data: {tasks: [a, a]} | 'data.tasks' names one task twice",
      "data: {tasks: a} | 'data.tasks' expects a list such as [a, b], found 'a'.",
      "data: {tasks: [{path: a}]} | 'data.tasks.name' is missing",
      "data: {augment: {mean: [1, 2]}} | 'data.augment.mean' takes exactly 3 numbers, found 2.",
      "data: {augment: {flip: yes}} | 'data.augment.flip' expects a number, found 'yes'.",
      "output: {report: yes} | 'output.report' expects true or false, found 'yes'.",
      "device: gpu | r.yaml:1: 'device': 'gpu' names no device; use cpu,",
      "name: ../x | 'name' is '../x'; use letters",
      "[1, 2] | r.yaml:1: a recipe is 'key: value' lines, found a single list.",
      "seed: [1 | r.yaml:2: not readable as YAML:",
      "a: &x {b: *x} | YAML anchors are not used in recipes",
  })
  void mistakesAreToldWithPlaceAndRemedy(String text, String message) throws IOException {
    var file = Files.writeString(folder.resolve("r.yaml"), text + "\n");
    var assigned = text.contains("root") ? List.of("model.weights=w") : PATHS;
    assertThatThrownBy(() -> Recipe.load(file, assigned))
        .isInstanceOf(TenonException.class)
        .hasMessageContaining(message)
        .message().doesNotContain("\n");
  }

  @Test
  void lineOfAMistakeIsNamed() throws IOException {
    var file = Files.writeString(folder.resolve("r.yaml"), "# comment\nseed: 1\n\nschedule:\n  epoch: 3\n");

    assertThatThrownBy(() -> Recipe.load(file, PATHS))
        .hasMessage(file + ":5: unknown key 'schedule.epoch'; did you mean 'schedule.epochs'?");
  }

  @Test
  void duplicateKeysAreRefused() {
    assertThatThrownBy(() -> Recipe.parse("r", "seed: 1\nseed: 2\n", PATHS))
        .hasMessage("r:2: key 'seed' is given twice; keep one.");
  }

  @Test
  void assignmentsAreCheckedAsFilesAre() {
    assertThatThrownBy(() -> Recipe.parse("r", "", List.of("schedule.epoch=3")))
        .hasMessage("--set schedule.epoch=3: unknown key 'schedule.epoch'; did you mean 'schedule.epochs'?");
    assertThatThrownBy(() -> Recipe.parse("r", "", List.of("schedule.epochs")))
        .hasMessageStartingWith("--set schedule.epochs: write it as key=value");
    assertThatThrownBy(() -> Recipe.parse("r", "", List.of("schedule..epochs=1")))
        .hasMessageContaining("a part of the key is empty");
  }

  @Test
  void laterAssignmentsWinAndSectionsMerge() {
    var assignments = Stream.concat(PATHS.stream(), Stream.of(
        "schedule.warmup-epochs=3", "schedule.epochs=20", "schedule.epochs=30", "data.tasks=[a, b]"));
    var recipe = Recipe.parse("r", "schedule: {epochs: 50}", assignments.toList());

    assertThat(recipe.schedule().epochs()).isEqualTo(30);
    assertThat(recipe.schedule().warmupEpochs()).isEqualTo(3);
    assertThat(recipe.data().tasks()).extracting(TaskSpec::name).containsExactly("a", "b");
  }

  @Test
  void aSectionOfAnotherKindReplacesTheOldOne() throws IOException {
    Files.writeString(folder.resolve("base.yaml"), "seed: 3\nmethod: {kind: emtal, experts: 8}\n");
    var file = Files.writeString(folder.resolve("r.yaml"), "extends: base.yaml\nmethod: {kind: lora}\n");

    assertThat(Recipe.load(file, PATHS).method()).isEqualTo(MethodSpec.Lora.BASELINE);
    assertThat(Recipe.load(file, PATHS).seed()).isEqualTo(3);
  }

  @Test
  void circularAndMissingBasesAreRefused() throws IOException {
    var file = Files.writeString(folder.resolve("r.yaml"), "extends: s.yaml\n");
    assertThatThrownBy(() -> Recipe.load(file, PATHS)).hasMessageContaining("which is not there");

    Files.writeString(folder.resolve("s.yaml"), "extends: r.yaml\n");
    assertThatThrownBy(() -> Recipe.load(file, PATHS)).hasMessageContaining("the recipe extends itself");
  }

  @Test
  void missingPathsAreAskedForUnlessTheRecipeIsADraft() throws IOException {
    var file = Files.writeString(folder.resolve("mine.yaml"), "seed: 1\n");

    assertThatThrownBy(() -> Recipe.load(file, PATHS.subList(0, 1)))
        .hasMessage("recipe mine: 'data.root' is not given; add it or pass --set data.root=PATH.");
    assertThat(Recipe.draft(file, List.of()).name()).isEqualTo("mine");
    assertThatThrownBy(() -> Recipe.load(folder.resolve("absent.yaml"), PATHS))
        .hasMessageContaining("there is no such recipe");
  }
}
