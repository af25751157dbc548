package dev.tenon.training.cli;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.json.JsonMapper;
import dev.tenon.engine.Backend;
import dev.tenon.engine.Scope;
import dev.tenon.engine.TenonException;
import dev.tenon.training.data.TaskData;
import dev.tenon.training.method.Evaluation;
import dev.tenon.training.model.ModelCard;
import dev.tenon.training.model.TrainedModel;
import dev.tenon.training.recipe.Recipe;
import dev.tenon.training.run.RunFolder;
import dev.tenon.training.run.SavedEvaluation;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** Measures a saved model on test images. */
@Command(
    name = "eval",
    description = {
      "Measure a trained model on the test images of its tasks.",
      "The images are those of the run that left the model, of another recipe, or of a folder."
    })
final class EvalCommand implements Callable<Integer> {
  private static final JsonMapper JSON = new JsonMapper();

  @Spec private CommandSpec spec;

  @Parameters(paramLabel = "MODEL|RUN", description = "A model or adapter file, or the folder of a finished run.")
  private Path source;

  @ArgGroup private Images images = new Images();

  /** Where the test images come from, if not from the run itself. */
  private static final class Images {
    @Option(names = "--recipe", paramLabel = "RECIPE", description = "The recipe whose test images to take.")
    private Path recipe;

    @Option(names = "--data", paramLabel = "FOLDER",
        description = "Image folders to take: <task>/test/<class>/<image> below it, named as the model's tasks and classes.")
    private Path folder;
  }

  @Option(
      names = "--set",
      paramLabel = "KEY=VALUE",
      description = "Replace one value of the recipe that names the images, such as data.root=FOLDER. May be repeated.")
  private List<String> assignments = List.of();

  @Option(names = "--base", paramLabel = "WEIGHTS",
      description = "The pretrained weights that an adapter was trained on; those the run's recipe names if left out.")
  private Path base;

  @Option(names = "--json", description = "Print one JSON object.")
  private boolean json;

  @Mixin private DeviceOptions device;

  @Override
  public Integer call() {
    PrintWriter out = spec.commandLine().getOut();
    Recipe recipe = recipe();
    try (Backend backend = device.open(); Scope _ = Scope.open(backend)) {
      SavedEvaluation saved = SavedEvaluation.of(model(recipe), recipe);
      if (json) {
        out.println(json(saved));
      } else {
        print(out, saved);
      }
    }
    out.flush();
    return ExitCode.OK;
  }

  private RunFolder run() {
    Path absolute = source.toAbsolutePath();
    return new RunFolder(Files.isDirectory(absolute) ? absolute : absolute.getParent());
  }

  private Recipe recipe() {
    List<String> all = new ArrayList<>();
    if (images.folder != null) {
      all.addAll(List.of("data.source=folder", "data.tasks=[]", "data.root='" + images.folder.toString().replace("'", "''") + "'"));
    }
    all.addAll(assignments);
    Path file = images.recipe == null ? run().recipe() : images.recipe;
    if (Files.exists(file) || images.recipe != null) {
      return Recipe.load(file, all);
    }
    if (images.folder == null) {
      throw new TenonException(source + ": there is no " + file.getFileName() + " of a run beside it that would tell the test images;"
          + " name them with --recipe or --data");
    }
    return Recipe.parse("--data", "model: {format: none, patch: 1, dim: 1, depth: 1}", all);
  }

  private TrainedModel model(Recipe recipe) {
    Path file = Files.isDirectory(source) ? inRun() : source;
    Path weights = base == null ? recipe.model().weights() : base;
    boolean needsBase = ModelCard.read(file).kind() == ModelCard.Kind.ADAPTER && !weights.toString().isEmpty();
    return needsBase ? TrainedModel.load(file, weights) : TrainedModel.load(file);
  }

  private Path inRun() {
    if (!Files.exists(run().model())) {
      throw new TenonException(source + ": there is no " + run().model().getFileName() + " in it; finish the run with tenon train"
          + " --resume, or name one of the folders in it if it trained a network for each task");
    }
    return run().model();
  }

  private static void print(PrintWriter out, SavedEvaluation saved) {
    List<TaskData> tasks = saved.data().tasks();
    List<Evaluation.Task> results = saved.evaluation().tasks();
    int width = Math.max("task".length(), tasks.stream().mapToInt(task -> task.name().length()).max().orElse(0));
    String row = "%-" + width + "s %8s %12s %12s %12s%n";
    out.printf(row, "task", "classes", "test images", "all classes", "own classes");
    for (int t = 0; t < tasks.size(); t++) {
      out.printf(row, tasks.get(t).name(), tasks.get(t).classes().size(), results.get(t).images(),
          percent(results.get(t).accuracy()), percent(results.get(t).maskedAccuracy()));
    }
    double masked = results.stream().mapToDouble(Evaluation.Task::maskedAccuracy).average().orElseThrow();
    out.printf(row, "mean", "", "", percent(saved.evaluation().mean()), percent(masked));
  }

  private String json(SavedEvaluation saved) {
    List<Map<String, Object>> tasks = new ArrayList<>();
    for (int t = 0; t < saved.data().tasks().size(); t++) {
      Evaluation.Task result = saved.evaluation().tasks().get(t);
      Map<String, Object> task = new LinkedHashMap<>();
      task.put("task", saved.data().tasks().get(t).name());
      task.put("classes", saved.data().tasks().get(t).classes().size());
      task.put("images", result.images());
      task.put("accuracy", result.accuracy());
      task.put("accuracy_own_classes", result.maskedAccuracy());
      tasks.add(task);
    }
    Map<String, Object> all = new LinkedHashMap<>();
    all.put("model", source.toString());
    all.put("tasks", tasks);
    all.put("mean", saved.evaluation().mean());
    try {
      return JSON.writeValueAsString(all);
    } catch (JsonProcessingException e) {
      throw new IllegalStateException("texts and numbers can be written as JSON", e);
    }
  }

  private static String percent(double share) {
    return String.format(Locale.ROOT, "%.1f %%", 100 * share);
  }
}
