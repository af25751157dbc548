package dev.tenon.training.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.tuple;

import dev.tenon.engine.TenonException;
import dev.tenon.training.recipe.Recipe;
import java.io.BufferedReader;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Whole runs on tiny data: what they leave, and that nothing but the recipe decides the result. */
@Timeout(300)
class TrainerTest {
  private static final int STEPS = 30;
  private static final int EPOCH = 6;

  @TempDir private Path root;
  private TinyRun tiny;

  @BeforeEach
  void writeImages() {
    tiny = TinyRun.create(root);
  }

  @ParameterizedTest
  @ValueSource(strings = {
    "{kind: linear-probe}", "{kind: full}", "{kind: lora, rank: 2}",
    "{kind: moefied-lora, rank: 2, experts: 4, cluster-restarts: 2}", TinyRun.EMTAL
  })
  void everyMethodLearnsAndLeavesItsFiles(String method) {
    Recipe recipe = tiny.recipe("run", method);
    List<RunEvent.Stepped> steps = new ArrayList<>();

    RunResult result = TinyRun.train(recipe, RunFolder.Start.FRESH, event -> {
      if (event instanceof RunEvent.Stepped step) {
        steps.add(step);
      }
    });

    assertThat(steps).hasSize(STEPS);
    assertThat(crossEntropy(steps.subList(STEPS - EPOCH, STEPS))).isLessThan(crossEntropy(steps.subList(0, EPOCH)));
    assertThat(result.tasks()).extracting("name", "classes", "trainImages", "testImages")
        .containsExactly(tuple("hue", 3, 30, 9), tuple("shade", 2, 20, 6));
    assertThat(root.resolve("run")).isDirectoryContaining("glob:**/recipe.yaml")
        .isDirectoryContaining("glob:**/metrics.jsonl")
        .isDirectoryContaining("glob:**/events.out.tfevents.*")
        .isDirectoryContaining("glob:**/checkpoint.safetensors")
        .isDirectoryContaining("glob:**/report.html");
    assertThat(Recipe.load(root.resolve("run/recipe.yaml"), List.of())).isEqualTo(recipe);
    assertThat(root.resolve("run/model.safetensors")).exists();
    assertThat(Files.exists(root.resolve("run/adapter.safetensors"))).isEqualTo(result.merge().isPresent());
    result.merge().ifPresent(merge -> {
      assertThat(merge.sameAnswers()).isEqualTo(1);
      assertThat(merge.plain().parameters()).isLessThan(merge.adapted().parameters());
    });
    assertThat(result.merge().isPresent()).isEqualTo(method.contains("rank"));
  }

  private static double crossEntropy(List<RunEvent.Stepped> steps) {
    return steps.stream().mapToDouble(step -> step.values().crossEntropy()).average().orElseThrow();
  }

  @Test
  void separateNetworksAreRunsOfTheirOwn() {
    Recipe recipe = tiny.recipe("run", "{kind: full, separate: true}");
    // Enough for the first task, too few for the second.
    assertRefused(tiny.recipe("run", "{kind: full, separate: true}", "data.batch-size=25"), RunFolder.Start.FRESH, "20 images");
    assertThat(root.resolve("run")).doesNotExist();

    RunResult result = TinyRun.train(recipe, RunFolder.Start.FRESH);

    assertThat(result.tasks()).extracting("name").containsExactly("hue", "shade");
    assertThat(root.resolve("run/hue/report.html")).exists();
    assertThat(root.resolve("run/shade/report.html")).exists();
    assertThatThrownBy(() -> TinyRun.train(recipe, RunFolder.Start.FRESH)).hasMessageContaining("already holds a run");
    RunResult again = TinyRun.train(recipe, RunFolder.Start.RESUME);
    assertThat(again.tasks()).isEqualTo(result.tasks());
  }

  @Test
  void aRunThatIsKilledAtAnyStepAndResumedEndsInTheSameBits() {
    TinyRun.train(tiny.recipe("whole", TinyRun.EMTAL), RunFolder.Start.FRESH);

    for (int killedAt : new int[] {1, EPOCH, EPOCH + 1, 17, STEPS}) {
      Recipe recipe = tiny.recipe("killed-at-" + killedAt, TinyRun.EMTAL);
      assertThatThrownBy(() -> TinyRun.train(recipe, RunFolder.Start.FRESH, event -> {
        if (event.step() == killedAt) {
          throw new IllegalStateException("killed");
        }
      })).hasMessage("killed");
      TinyRun.train(recipe, RunFolder.Start.RESUME);
      assertSameRun("killed-at-" + killedAt, "whole");
    }
  }

  /** A process that is gone from one moment to the next, wherever it was. */
  @Test
  void aProcessThatIsKilledLeavesARunThatEndsInTheSameBits() throws IOException, InterruptedException {
    Path file = Files.writeString(root.resolve("recipe.yaml"), tiny.yaml("killed", TinyRun.EMTAL));
    Process process = TinyRun.java("train", file.toString()).redirectErrorStream(true).start();
    try (BufferedReader said = process.inputReader()) {
      assertThat(said.lines().anyMatch(line -> line.startsWith("epoch 2:"))).isTrue();
      process.destroyForcibly();
    }
    assertThat(process.waitFor()).isNotZero();

    TinyRun.train(tiny.recipe("killed", TinyRun.EMTAL), RunFolder.Start.RESUME);

    TinyRun.train(tiny.recipe("whole", TinyRun.EMTAL), RunFolder.Start.FRESH);
    assertSameRun("killed", "whole");
  }

  private void assertSameRun(String one, String other) {
    assertThat(TinyRun.tensors(root.resolve(one).resolve("checkpoint.safetensors")))
        .isEqualTo(TinyRun.tensors(root.resolve(other).resolve("checkpoint.safetensors")));
    assertThat(root.resolve(one).resolve("model.safetensors"))
        .hasSameBinaryContentAs(root.resolve(other).resolve("model.safetensors"));
    assertThat(root.resolve(one).resolve("metrics.jsonl")).hasSameTextualContentAs(root.resolve(other).resolve("metrics.jsonl"));
  }

  /** A file-size limit is what a full disk looks like to a program, and needs no rights to set. */
  @Test
  void aFullDiskEndsARunWithOneSentenceAndNothingHalfWritten() throws IOException, InterruptedException {
    Path file = Files.writeString(root.resolve("recipe.yaml"), tiny.yaml("full", TinyRun.EMTAL));
    ProcessBuilder java = TinyRun.java("train", file.toString());
    List<String> command = new ArrayList<>(List.of("sh", "-c", "ulimit -f 16 && exec \"$@\"", "sh"));
    command.addAll(java.command());
    Process process = java.command(command).redirectErrorStream(true).start();
    List<String> said = process.inputReader().lines().filter(line -> !line.startsWith("WARNING")).toList();

    assertThat(process.waitFor()).isEqualTo(1);
    assertThat(said).singleElement().asString().contains("checkpoint.safetensors", "free some space");
    try (Stream<Path> entries = Files.list(root.resolve("full"))) {
      assertThat(entries).containsExactly(root.resolve("full/recipe.yaml"));
    }
  }

  @Test
  void theNumberOfThreadsNeverChangesABit() {
    TinyRun.train(tiny.recipe("one", TinyRun.EMTAL, "threads=1", "data.workers=1"), RunFolder.Start.FRESH);
    TinyRun.train(tiny.recipe("many", TinyRun.EMTAL, "threads=2", "data.workers=3"), RunFolder.Start.FRESH);

    assertSameRun("many", "one");
  }

  @Test
  void aFolderThatHoldsARunIsOnlyReplacedOnRequest() {
    Recipe recipe = tiny.recipe("run", "{kind: linear-probe}", "schedule.epochs=2");
    TinyRun.train(recipe, RunFolder.Start.FRESH);
    var first = TinyRun.tensors(root.resolve("run/checkpoint.safetensors"));

    assertThatThrownBy(() -> TinyRun.train(recipe, RunFolder.Start.FRESH))
        .isInstanceOf(TenonException.class)
        .hasMessageContainingAll("already holds a run", "--resume", "output.dir", "--overwrite");
    assertThat(TinyRun.tensors(root.resolve("run/checkpoint.safetensors"))).isEqualTo(first);
    TinyRun.train(tiny.recipe("run", "{kind: linear-probe}", "schedule.epochs=2", "seed=1"), RunFolder.Start.OVERWRITE);
    assertThat(TinyRun.tensors(root.resolve("run/checkpoint.safetensors"))).isNotEqualTo(first);
  }

  @Test
  void aRunIsResumedOnlyAsWhatItWasBegun() throws IOException {
    Recipe recipe = tiny.recipe("run", TinyRun.EMTAL, "schedule.epochs=2");
    assertRefused(recipe, RunFolder.Start.RESUME, "holds no run to resume");
    TinyRun.train(recipe, RunFolder.Start.FRESH);

    assertRefused(tiny.recipe("run", TinyRun.EMTAL, "schedule.epochs=2", "optimizer.lr=0.02"), RunFolder.Start.RESUME,
        "optimizer.lr = 0.01, now it is 0.02", "recipe.yaml");
    assertRefused(tiny.recipe("run", "{kind: full}", "schedule.epochs=2"), RunFolder.Start.RESUME, "method.");
    Files.move(root.resolve("run/metrics.jsonl"), root.resolve("metrics.jsonl"));
    assertRefused(recipe, RunFolder.Start.RESUME, "metrics.jsonl is missing");
    tiny.write("data/hue/train/red/more.ppm", 200, 40, 40, 99);
    assertRefused(recipe, RunFolder.Start.RESUME, "another data set", "hue: 3 classes", "31 training");
  }

  @Test
  void otherPretrainedWeightsCannotResumeARun() {
    TinyRun.train(tiny.recipe("base", "{kind: full}", "schedule.epochs=2"), RunFolder.Start.FRESH);
    TinyRun.train(tiny.recipe("other", "{kind: full}", "schedule.epochs=2", "seed=5"), RunFolder.Start.FRESH);
    TinyRun.train(adapting("base"), RunFolder.Start.FRESH);

    assertRefused(adapting("other"), RunFolder.Start.RESUME, "another pretrained network");
  }

  private Recipe adapting(String base) {
    return tiny.recipe("run", TinyRun.EMTAL, "schedule.epochs=2", "model.format=timm",
        "model.weights=" + root.resolve(base).resolve("model.safetensors"));
  }

  private void assertRefused(Recipe recipe, RunFolder.Start start, String... parts) {
    assertThatThrownBy(() -> TinyRun.train(recipe, start))
        .isInstanceOf(TenonException.class)
        .hasMessageContainingAll(parts);
  }

  @Test
  void badDataIsRefusedBeforeAnythingIsWritten() throws IOException {
    assertRefused(tiny.recipe("run", TinyRun.EMTAL, "data.root=" + root.resolve("absent")), RunFolder.Start.FRESH, "absent");
    Files.createDirectories(root.resolve("data/hue/train/violet"));
    assertRefused(tiny.recipe("run", TinyRun.EMTAL), RunFolder.Start.FRESH, "violet", "no images");
    assertThat(root.resolve("run")).doesNotExist();
  }

  @Test
  void aCorruptImageIsNamedAndTheRunCanGoOnOnceItIsMended() throws IOException {
    Path image = root.resolve("data/hue/train/red/4.ppm");
    byte[] good = Files.readAllBytes(image);
    Files.write(image, new byte[] {'P', '6', ' '});
    Recipe recipe = tiny.recipe("run", TinyRun.EMTAL);

    assertRefused(recipe, RunFolder.Start.FRESH, image.toString());
    Files.write(image, good);
    TinyRun.train(recipe, RunFolder.Start.RESUME);

    TinyRun.train(tiny.recipe("whole", TinyRun.EMTAL), RunFolder.Start.FRESH);
    assertSameRun("run", "whole");
  }

  @Test
  void aFolderThatCannotBeMadeIsRefused() throws IOException {
    Files.writeString(root.resolve("file"), "");

    assertRefused(tiny.recipe("file/run", TinyRun.EMTAL), RunFolder.Start.FRESH, "file/run", "--set output.dir");

    try (Stream<Path> entries = Files.list(root)) {
      assertThat(entries.map(entry -> entry.getFileName().toString())).containsExactlyInAnyOrder("data", "file");
    }
  }

  @Test
  void aCheckpointThatIsDamagedIsRefused() throws IOException {
    Recipe recipe = tiny.recipe("run", TinyRun.EMTAL, "schedule.epochs=2");
    TinyRun.train(recipe, RunFolder.Start.FRESH);
    Path checkpoint = root.resolve("run/checkpoint.safetensors");
    byte[] bytes = Files.readAllBytes(checkpoint);
    Files.write(checkpoint, Arrays.copyOf(bytes, bytes.length - 10));

    assertRefused(recipe, RunFolder.Start.RESUME, checkpoint.toString());
  }
}
