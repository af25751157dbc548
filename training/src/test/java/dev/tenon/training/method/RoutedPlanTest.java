package dev.tenon.training.method;

import static org.assertj.core.api.Assertions.assertThat;

import dev.tenon.engine.Backend;
import dev.tenon.engine.Backends;
import dev.tenon.engine.DType;
import dev.tenon.engine.Device;
import dev.tenon.engine.Plan;
import dev.tenon.engine.Scope;
import dev.tenon.engine.Shape;
import dev.tenon.engine.kernel.WeightFormat;
import dev.tenon.engine.op.Spec;
import dev.tenon.model.adapter.MoefiedLora;
import dev.tenon.model.vit.Vit;
import dev.tenon.training.model.SmallVit;
import java.util.List;
import org.junit.jupiter.api.Test;

/** What a router adds to a plan of the CPU: experts' gates and GELU are computed where their layer is, not in a pass of their own. */
class RoutedPlanTest {
  private static final int CLASSES = 5;
  /** Of a block: the router's product, its softmax, and how far that has faded. */
  private static final int OF_ROUTER = 3;

  private static int steps(Vit vit, double alpha) {
    return Plan.of(in -> List.of(vit.forward(in.getFirst(), alpha)), List.of(new Spec(DType.F32, Shape.of(2, 3, 8, 8))), WeightFormat.F32)
        .steps();
  }

  @Test
  void gatesArePartOfTheLayerBefore() {
    try (Backend backend = Backends.open(Device.CPU, 1); Scope _ = Scope.open(backend)) {
      Vit vit = SmallVit.of(1, CLASSES);
      Vit routed = MoefiedLora.of(4, 2, 1).adapt(vit);
      assertThat(steps(routed, 0.5)).isEqualTo(steps(vit, 1) + vit.depth() * OF_ROUTER);
    }
  }
}
