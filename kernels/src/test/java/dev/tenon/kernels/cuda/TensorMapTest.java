package dev.tenon.kernels.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import dev.tenon.kernels.cuda.TensorMap.Element;
import org.junit.jupiter.api.Test;

/** What the driver is told of a tensor. */
class TensorMapTest {
  @Test
  void boxesHaveRowsOf128Bytes() {
    assertThat(map(Element.BF16).boxDims()).containsExactly(64, 64, 1);
    assertThat(map(Element.TF32).boxDims()).containsExactly(32, 64, 1);
  }

  @Test
  void stridesAreToldInBytes() {
    assertThat(map(Element.BF16).strideBytes()).containsExactly(200, 20000);
    assertThat(map(Element.F32).strideBytes()).containsExactly(400, 40000);
  }

  @Test
  void aRefusedMapIsNamedInFull() {
    assertThat(map(Element.TF32)).hasToString("tensor map of TF32 [96, 100, 3] with steps [100, 10000] and boxes of [32, 64, 1]");
  }

  private static TensorMap map(Element element) {
    return new TensorMap(element, new long[] {96, 100, 3}, new long[] {100, 10000}, new int[] {64, 1});
  }
}
