package dev.tenon.kernels.cpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.tenon.engine.Backend;
import dev.tenon.engine.Backends;
import dev.tenon.engine.Device;
import dev.tenon.engine.Scope;
import dev.tenon.engine.Shape;
import dev.tenon.engine.Tensor;
import dev.tenon.engine.op.Softmax;
import dev.tenon.engine.op.SoftmaxGrad;
import java.util.Random;
import jdk.incubator.vector.FloatVector;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Softmax along any dimension is that along the last of the tensor turned, and has the same bits on any number of threads. */
class ColumnMapsTest {
  @BeforeAll
  static void wide() {
    int bits = Integer.getInteger("tenon.vector.bits", 0);
    int widest = FloatVector.SPECIES_PREFERRED.vectorBitSize();
    assumeTrue(bits <= widest, () -> "this machine's vectors are of " + widest + " bits, too short for a run with " + bits);
  }

  @ParameterizedTest
  @CsvSource({"3, 7, 16", "2, 5, 37", "1, 1, 100", "2, 700, 65", "4, 3, 2049"})
  void anyDimension(int outer, int n, int inner) {
    float[] expected = null;
    for (int threads = 1; threads <= 3; threads++) {
      try (Backend backend = Backends.open(Device.CPU, threads); Scope _ = Scope.open(backend)) {
        Tensor x = draw(outer, n, inner);
        Tensor y = new Softmax(1).apply(x);
        Tensor turned = new Softmax(-1).apply(x.transpose(1, 2));
        near(y.toFloats(), turned.transpose(1, 2).toFloats());
        Tensor g = draw(outer, n, inner);
        Tensor gradient = new SoftmaxGrad(1).apply(y, g);
        near(gradient.toFloats(), new SoftmaxGrad(-1).apply(turned, g.transpose(1, 2)).transpose(1, 2).toFloats());
        near(new Softmax(0).apply(x.reshape(outer * n, inner)).toFloats(),
            new Softmax(-1).apply(x.reshape(outer * n, inner).transpose(0, 1)).transpose(0, 1).toFloats());
        assertThat(y.toFloats()).isEqualTo(expected == null ? y.toFloats() : expected);
        expected = y.toFloats();
      }
    }
  }

  private static void near(float[] values, float[] expected) {
    assertThat(values).hasSameSizeAs(expected);
    for (int i = 0; i < values.length; i++) {
      if (!(Math.abs(values[i] - expected[i]) <= 1e-6)) {
        assertThat(values[i]).as("element %d", i).isCloseTo(expected[i], within(1e-6f));
      }
    }
  }

  private static Tensor draw(long... shape) {
    Random random = new Random(9);
    float[] values = new float[(int) Shape.of(shape).size()];
    for (int i = 0; i < values.length; i++) {
      values[i] = random.nextFloat(-3, 3);
    }
    return Tensor.of(values, shape);
  }
}
