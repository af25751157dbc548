package dev.tenon.engine.op;

import dev.tenon.engine.HostBackend;
import dev.tenon.engine.Scope;
import dev.tenon.engine.Tensor;
import dev.tenon.engine.autograd.Tape;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Convolution, pooling, resampling and normalization over images against recorded results and gradients of the reference. */
class SpatialOpsTest {
  private HostBackend backend;
  private Scope scope;

  @BeforeEach
  void open() {
    backend = HostBackend.reference();
    scope = Scope.open(backend);
  }

  @AfterEach
  void close() {
    scope.close();
    backend.close();
  }

  private static Conv2d conv(GoldenCase golden, boolean bias) {
    int[] stride = golden.pair("stride", 1);
    int[] pad = golden.pair("pad", 0);
    int[] dilation = golden.pair("dil", 1);
    int groups = golden.pair("groups", 1)[0];
    return new Conv2d(stride[0], stride[1], pad[0], pad[1], dilation[0], dilation[1], groups, bias);
  }

  @ParameterizedTest
  @ValueSource(strings = {
      "basic3x3", "asym", "grouped", "depthwise", "depthwise_s2", "depth_multiplier", "pointwise", "pointwise_s2", "strided",
      "dilated", "dilated_beyond", "patchify", "overlap7s4", "leftover"})
  void convolves(String name) {
    try (GoldenCase golden = GoldenCase.open("op_conv2d_" + name); Tape tape = Tape.record()) {
      boolean bias = golden.has("w.bias");
      List<Tensor> operands = new ArrayList<>(List.of(golden.leaf("in.x"), golden.leaf("w.weight")));
      if (bias) {
        operands.add(golden.leaf("w.bias"));
      }
      golden.check(tape, Map.of("y", conv(golden, bias).applyAll(operands).getFirst()));
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"k2s2", "k3s2p1o1", "k4s2p1", "grouped", "dilated"})
  void convolvesTransposed(String name) {
    try (GoldenCase golden = GoldenCase.open("op_convT2d_" + name); Tape tape = Tape.record()) {
      int[] outputPad = golden.pair("opad", 0);
      var layer = new ConvTranspose2d(conv(golden, false), outputPad[0], outputPad[1]);
      Tensor bias = golden.has("w.bias") ? golden.leaf("w.bias") : null;
      golden.check(tape, Map.of("y", layer.apply(golden.leaf("in.x"), golden.leaf("w.weight"), bias)));
    }
  }
}
