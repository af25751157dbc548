package dev.tenon.kernels.cpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.tenon.engine.Backend;
import dev.tenon.engine.Backends;
import dev.tenon.engine.DType;
import dev.tenon.engine.Device;
import dev.tenon.engine.Plan;
import dev.tenon.engine.Scope;
import dev.tenon.engine.Shape;
import dev.tenon.engine.Tensor;
import dev.tenon.engine.kernel.WeightFormat;
import dev.tenon.engine.op.Linear;
import dev.tenon.engine.op.Spec;
import java.util.List;
import java.util.Random;
import jdk.incubator.vector.FloatVector;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** A linear layer of few rows sums in order, however its weight lies, packed or not, on any number of threads. */
class OneRowTest {
  private final Random random = new Random(5);

  @BeforeAll
  static void wide() {
    int bits = Integer.getInteger("tenon.vector.bits", 0);
    int widest = FloatVector.SPECIES_PREFERRED.vectorBitSize();
    assumeTrue(bits <= widest, () -> "this machine's vectors are of " + widest + " bits, too short for a run with " + bits);
  }

  @ParameterizedTest
  @CsvSource({"1, 1, 1", "1, 5, 3", "1, 37, 1031", "1, 513, 40", "1, 2000, 33", "1, 1000, 770", "3, 70, 1500", "113, 300, 5"})
  void sumsRunInOrder(int m, int n, int k) {
    float[] expected = null;
    for (int threads = 1; threads <= 3; threads++) {
      try (Backend backend = Backends.open(Device.CPU, threads); Scope _ = Scope.open(backend)) {
        random.setSeed(m + n);
        Tensor x = draw(m, k);
        Tensor bias = draw(n);
        Tensor rows = draw(n, k);
        Tensor columns = draw(k, n).transpose(0, 1);
        Tensor part = draw(k + 1, n + 3).slice(0, 1, k + 1).slice(1, 2, n + 2).transpose(0, 1);
        Tensor gaps = draw(n, 2 * k).reshape(n, k, 2).select(2, 1);
        float[] all = {};
        for (Tensor weight : List.of(rows, columns, part, gaps)) {
          float[] sums = sums(x.toFloats(), weight.toFloats(), bias.toFloats(), k);
          assertThat(new Linear(true).apply(x, weight, bias).toFloats()).as("weight %s", weight.layout()).containsExactly(sums);
          List<Spec> inputs = List.of(new Spec(DType.F32, Shape.of(m, k)));
          Plan plan = Plan.of(in -> List.of(new Linear(true).apply(in.getFirst(), weight, bias)), inputs, WeightFormat.F32);
          backend.upload(x.bytes(), plan.inputs().getFirst().storage(), 0);
          assertThat(plan.run().getFirst().toFloats()).as("plan, weight %s", weight.layout()).containsExactly(sums);
          all = sums;
        }
        assertThat(all).as("%d threads", threads).isEqualTo(expected == null ? all : expected);
        expected = all;
      }
    }
  }

  private Tensor draw(long... shape) {
    float[] values = new float[(int) Shape.of(shape).size()];
    for (int i = 0; i < values.length; i++) {
      values[i] = random.nextFloat(-1, 1);
    }
    return Tensor.of(values, shape);
  }

  private static float[] sums(float[] x, float[] w, float[] bias, int k) {
    int n = bias.length;
    float[] sums = new float[x.length / k * n];
    for (int i = 0; i < sums.length; i++) {
      sums[i] = bias[i % n];
      for (int p = 0; p < k; p++) {
        sums[i] = Math.fma(x[i / n * k + p], w[i % n * k + p], sums[i]);
      }
    }
    return sums;
  }
}
