package dev.tenon.training.method;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.tenon.engine.DType;
import dev.tenon.engine.HostBackend;
import dev.tenon.engine.Scope;
import dev.tenon.engine.Tensor;
import dev.tenon.model.vit.Vit;
import dev.tenon.training.method.GpuTrainingTest.Course;
import dev.tenon.training.method.GpuTrainingTest.Sizes;
import java.util.Arrays;
import org.junit.jupiter.api.Test;

/** Learning on a copy in BF16. */
class WorkingCopyTest {
  private static final Sizes SIZES = new Sizes(16, 8, 64, 1, 2);
  private static final int STEPS = 3;

  @Test
  void theFirstLossesAreThoseOfF32ButForRounding() {
    try (HostBackend host = HostBackend.reference(); Scope _ = Scope.open(host)) {
      Course exact = GpuTrainingTest.course(host, SIZES, DType.F32, STEPS);
      Course rounded = GpuTrainingTest.course(host, SIZES, DType.BF16, STEPS);
      assertThat(rounded.losses()).isNotEqualTo(exact.losses());
      for (int step = 0; step < STEPS; step++) {
        assertThat(rounded.losses()[step]).as("step %d", step)
            .isCloseTo(exact.losses()[step], within(SIZES.bf16(step) * exact.losses()[step]));
      }
    }
  }

  @Test
  void changesTooSmallForBf16AddUpInTheMaster() {
    try (HostBackend host = HostBackend.reference(); Scope _ = Scope.open(host)) {
      Training<Vit> training = GpuTrainingTest.training(SIZES, DType.BF16);
      Tensor weight = training.master().weights().get("blocks.0.attn.lora_qkv");
      double[] before = weight.toDoubles();
      training.step(GpuTrainingTest.batch(SIZES), 0, 1e-6);
      assertThat(weight.dtype()).isEqualTo(DType.F32);
      assertThat(weight.toDoubles()).isNotEqualTo(before);
      assertThat(Arrays.stream(weight.toDoubles()).max().orElseThrow())
          .isCloseTo(Arrays.stream(before).max().orElseThrow(), within(2e-6));
      assertThat(training.network().next().weights().get("blocks.0.attn.lora_qkv").dtype()).isEqualTo(DType.BF16);
      assertThat(training.network().next().weights().get("head.weight").dtype()).isEqualTo(DType.F32);
    }
  }
}
