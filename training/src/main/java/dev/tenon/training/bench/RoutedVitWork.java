package dev.tenon.training.bench;

import dev.tenon.engine.DType;
import dev.tenon.model.vit.Vit;
import dev.tenon.model.vit.VitPreset;
import java.util.Locale;

/** Logits of EMTAL's network as it is trained, with {@code batch} images of 224×224: low-rank updates beside the weights, routers used. */
record RoutedVitWork(VitPreset preset, int batch, int classes) implements Workload {
  @Override
  public String name() {
    return "emtal-vit-" + preset.name().toLowerCase(Locale.ROOT) + "-batch" + batch;
  }

  @Override
  public Prepared prepare(Arithmetic arithmetic) {
    DType type = arithmetic.dtype();
    Vit trained = new EmtalWork(preset, batch, classes).vit();
    Vit vit = new Vit(trained.weights().map(t -> t.cast(type)), trained.config());
    return new VitWork(preset, batch).inference(vit, EmtalWork.ALPHA, arithmetic);
  }
}
