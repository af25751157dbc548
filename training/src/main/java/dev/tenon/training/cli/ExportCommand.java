package dev.tenon.training.cli;

import dev.tenon.engine.HostBackend;
import dev.tenon.engine.Scope;
import dev.tenon.engine.TenonException;
import dev.tenon.model.vit.Vit;
import dev.tenon.model.vit.VitFile;
import dev.tenon.model.vit.VitOptions;
import dev.tenon.training.model.InputSpec;
import dev.tenon.training.model.ModelCard;
import dev.tenon.training.model.TrainedModel;
import dev.tenon.training.onnx.OnnxExport;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** Writes a plain network in a format that others run. */
@Command(name = "export", description = "Write a plain ViT, such as a merged one, as an ONNX model for ONNX Runtime and others.")
final class ExportCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;

  @Parameters(paramLabel = "MODEL", description = "The model.safetensors of a run, a merged model, or any file of ViT weights.")
  private Path model;

  @Option(names = "--onnx", paramLabel = "OUT", required = true, description = "Where to write the ONNX model.")
  private Path onnx;

  @Option(names = "--image-size", paramLabel = "PIXELS", defaultValue = "0",
      description = "Side of the images, where it is not the one the weights were made for.")
  private int imageSize;

  @Override
  public Integer call() {
    try (HostBackend backend = HostBackend.reference(); Scope _ = Scope.open(backend)) {
      Optional<ModelCard> card = ModelCard.find(model);
      card.ifPresent(this::check);
      Vit vit = card.isPresent() ? TrainedModel.load(model).vit() : weights();
      int side = card.map(c -> c.input().imageSize()).orElseGet(() -> side(vit));
      OnnxExport.write(onnx, vit, side, side, card.map(ExportCommand::facts).orElse(Map.of()));
      spec.commandLine().getOut().printf("%s: images [batch, 3, %d, %d] to logits [batch, %d]%n",
          onnx, side, side, vit.weights().get("head.weight").dim(0));
    }
    return ExitCode.OK;
  }

  private void check(ModelCard card) {
    int own = card.input().imageSize();
    if (imageSize != 0 && imageSize != own) {
      throw new TenonException(model + " was trained on images of " + own + " pixels; leave out --image-size");
    }
  }

  private Vit weights() {
    Vit vit = VitFile.load(model, VitOptions.DEFAULT.withImageSize(imageSize, imageSize));
    if (vit.weights().find("head.weight").isEmpty()) {
      throw new TenonException(model + " has no head, so there are no logits to export; name a network that was trained to classify");
    }
    return vit;
  }

  private int side(Vit vit) {
    long patches = vit.weights().get("pos_embed").dim(1) - vit.prefix();
    long side = Math.round(Math.sqrt(patches));
    if (side * side != patches) {
      throw new TenonException(model + " is for " + patches + " patches, which make no square; name the images' side with --image-size");
    }
    return (int) (side * vit.patch().dim(0));
  }

  /** What a user of the model has to know: classes in the order of the logits, and how images are normalized. */
  private static Map<String, String> facts(ModelCard card) {
    InputSpec input = card.input();
    Map<String, String> facts = new LinkedHashMap<>();
    facts.put("classes", card.tasks().stream().flatMap(t -> t.classes().stream()).collect(Collectors.joining("\n")));
    facts.put("mean", input.mean().toString());
    facts.put("std", input.std().toString());
    return facts;
  }
}
