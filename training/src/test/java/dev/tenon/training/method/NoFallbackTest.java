package dev.tenon.training.method;

import static org.assertj.core.api.Assertions.assertThat;

import dev.tenon.engine.Backend;
import dev.tenon.engine.Backends;
import dev.tenon.engine.Device;
import dev.tenon.engine.Scope;
import dev.tenon.engine.random.Philox;
import dev.tenon.model.adapter.MoefiedLora;
import dev.tenon.model.vit.Vit;
import dev.tenon.training.data.Batch;
import dev.tenon.training.model.SmallVit;
import dev.tenon.training.optim.GradientClip;
import dev.tenon.training.optim.Optimizer;
import dev.tenon.training.optim.Rule;
import dev.tenon.training.optim.WeightEma;
import dev.tenon.training.recipe.MethodSpec;
import dev.tenon.training.recipe.RetainingSpec;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/** On the CPU every op of a training step in F32 has a kernel: none silently runs on its definition, a hundred times slower. */
class NoFallbackTest {
  private static final int CLASSES = 5;

  @Test
  void fullFineTuning() {
    try (Backend backend = Backends.open(Device.CPU, 2); Scope _ = Scope.open(backend)) {
      Vit vit = Adaptation.of(new MethodSpec.Full(false), SmallVit.of(1, CLASSES), CLASSES, 2);
      assertNoFallback(backend, vit, Optional.empty());
    }
  }

  @Test
  void emtalWhileTheRouterFades() {
    try (Backend backend = Backends.open(Device.CPU, 2); Scope _ = Scope.open(backend)) {
      Vit vit = MoefiedLora.of(4, 2, 1).adapt(SmallVit.of(1, CLASSES));
      RetainingSpec spec = new RetainingSpec(RetainingSpec.Mode.TWO_SAMPLE, 2, 0.5, 0.95, 10, 1e-3);
      assertNoFallback(backend, vit, Optional.of(new QualityRetaining(spec, CLASSES, 2)));
    }
  }

  private static void assertNoFallback(Backend backend, Vit vit, Optional<QualityRetaining> retaining) {
    Map<String, dev.tenon.engine.Tensor> learning = Adaptation.learning(vit);
    Training training = new Training(
        vit, new Objective(0.1, retaining), new Optimizer(new Rule.AdamW(0.05), learning), Optional.of(new GradientClip(1e-3)),
        Optional.of(new WeightEma(0.99, learning)), new RouterFade(0, 1, 4));
    backend.kernels().resetFallbacks();
    for (int step = 0; step < 3; step++) {
      training.step(batch(step), step, 1e-3);
    }
    assertThat(backend.kernels().fallbacks()).isZero();
  }

  private static Batch batch(int index) {
    Philox random = Philox.of(9).split(index);
    float[] pixels = new float[3 * 3 * 8 * 8];
    for (int i = 0; i < pixels.length; i++) {
      pixels[i] = (float) random.normal(i);
    }
    return new Batch(0, index, pixels, new int[] {0, 3, 4}, new int[] {0, 1, 1}, new long[] {0, 1, 2});
  }
}
