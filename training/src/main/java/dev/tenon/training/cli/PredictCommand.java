package dev.tenon.training.cli;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.json.JsonMapper;
import dev.tenon.engine.TenonException;
import dev.tenon.engine.kernel.WeightFormat;
import dev.tenon.training.model.Classifier;
import dev.tenon.training.model.Prediction;
import dev.tenon.training.model.TrainedModel;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** Asks a trained model what images show. */
@Command(name = "predict", description = "Say what images show: the most likely classes of each task.")
final class PredictCommand implements Callable<Integer> {
  private static final JsonMapper JSON = new JsonMapper();

  @Spec private CommandSpec spec;

  @Parameters(index = "0", paramLabel = "MODEL", description = "The model.safetensors of a run, or an adapter with --base.")
  private Path model;

  @Parameters(index = "1..*", arity = "1..*", paramLabel = "IMAGE", description = "Image files: JPEG, PNG, BMP, PPM.")
  private List<Path> images;

  @Option(names = "--top", paramLabel = "N", defaultValue = "5", description = "Classes to name for each task (default: 5).")
  private int top;

  @Option(names = "--json", description = "Print one JSON object a line, one for each image.")
  private boolean json;

  @Option(names = "--base", paramLabel = "WEIGHTS", description = "The pretrained weights that an adapter was trained on.")
  private Path base;

  @Option(names = "--weights", paramLabel = "FORMAT", defaultValue = "F32",
      description = "How to keep the weights of linear layers: ${COMPLETION-CANDIDATES} (default: F32, as they are).")
  private WeightFormat weights;

  @Mixin private DeviceOptions device;

  @Override
  public Integer call() {
    images.forEach(PredictCommand::requireFile);
    PrintWriter out = spec.commandLine().getOut();
    try (Classifier classifier = Classifier.load(device.device(), device.threads(), weights, this::load)) {
      for (Path image : images) {
        Prediction prediction = classifier.predict(image);
        out.print(json ? line(image, prediction) : lines(image, prediction));
        out.flush();
      }
    }
    return ExitCode.OK;
  }

  private TrainedModel load() {
    return base == null ? TrainedModel.load(model) : TrainedModel.load(model, base);
  }

  private static void requireFile(Path image) {
    if (Files.isDirectory(image)) {
      throw new TenonException(image + ": this is a folder; name the images in it, such as " + image.resolve("*.jpg"));
    }
  }

  private String lines(Path image, Prediction prediction) {
    int width = prediction.tasks().stream().mapToInt(answer -> answer.task().length()).max().orElse(0);
    StringBuilder text = new StringBuilder(image + "\n");
    for (Prediction.Answer answer : prediction.tasks()) {
      String guesses = answer.guesses().stream().limit(top)
          .map(guess -> String.format(Locale.ROOT, "%s %.1f %%", guess.label(), 100 * guess.probability()))
          .collect(Collectors.joining(", "));
      text.append(String.format(Locale.ROOT, "%s %-" + width + "s  %s%n",
          answer.equals(prediction.likeliest()) ? " *" : "  ", answer.task(), guesses));
    }
    return text.toString();
  }

  private String line(Path image, Prediction prediction) {
    Map<String, Object> object = new LinkedHashMap<>();
    object.put("image", image.toString());
    object.put("tasks", prediction.tasks().stream().map(this::task).toList());
    try {
      return JSON.writeValueAsString(object) + "\n";
    } catch (JsonProcessingException e) {
      throw new IllegalStateException("texts, numbers, lists and maps can be written as JSON", e);
    }
  }

  private Map<String, Object> task(Prediction.Answer answer) {
    Map<String, Object> object = new LinkedHashMap<>();
    object.put("task", answer.task());
    object.put("share", answer.share());
    object.put("top", answer.guesses().stream().limit(top)
        .map(PredictCommand::guess)
        .toList());
    return object;
  }

  private static Map<String, Object> guess(Prediction.Guess guess) {
    Map<String, Object> object = new LinkedHashMap<>();
    object.put("class", guess.label());
    object.put("probability", guess.probability());
    return object;
  }
}
