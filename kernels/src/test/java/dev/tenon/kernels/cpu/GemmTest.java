package dev.tenon.kernels.cpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.tenon.engine.Backend;
import dev.tenon.engine.Backends;
import dev.tenon.engine.DType;
import dev.tenon.engine.Device;
import dev.tenon.engine.Scope;
import dev.tenon.engine.Shape;
import dev.tenon.engine.Tensor;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import jdk.incubator.vector.FloatVector;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Matrix products of awkward sizes, seen through every kind of stride, are within the bound of their sums, for any number of threads. */
class GemmTest {
  private static List<Backend> backends = List.of();

  @BeforeAll
  static void open() {
    int bits = Integer.getInteger("tenon.vector.bits", 0);
    int widest = FloatVector.SPECIES_PREFERRED.vectorBitSize();
    assumeTrue(bits <= widest, () -> "this machine's vectors are of " + widest + " bits, too short for a run with " + bits);
    backends = IntStream.rangeClosed(1, 3).mapToObj(threads -> Backends.open(Device.CPU, threads)).toList();
  }

  @AfterAll
  static void close() {
    backends.forEach(Backend::close);
  }

  /** Primes, single rows and columns, blocks and slices that are not full, and depths beyond what is packed at a time. */
  @ParameterizedTest
  @CsvSource({
      "1, 1, 1", "1, 1, 1031", "1, 521, 37", "521, 1, 37", "7, 13, 3", "47, 31, 257", "53, 67, 1030", "97, 33, 2053", "193, 521, 17",
      "49, 513, 129", "223, 135, 1031", "8, 32, 256", "200, 64, 1", "3, 1543, 5", "1543, 3, 5", "251, 131, 511"})
  void allTranspositions(int m, int n, int k) {
    for (boolean acrossA : new boolean[] {false, true}) {
      for (boolean acrossB : new boolean[] {false, true}) {
        check(new Operand(acrossA, false, m, k), new Operand(acrossB, false, k, n));
        check(new Operand(acrossA, true, m, k), new Operand(acrossB, true, k, n));
      }
    }
  }

  @ParameterizedTest
  @CsvSource({"5, 5", "5, 1", "1, 5", "1, 1"})
  void batches(int left, int right) {
    for (boolean across : new boolean[] {false, true}) {
      check(new Operand(across, true, left, 53, 67), new Operand(!across, false, right, 67, 29));
      check(new Operand(across, false, left, 1, 19, 259), new Operand(across, true, right, 259, 37));
    }
  }

  /**
   * How an operand lies in memory.
   *
   * @param across its last two dimensions are exchanged
   * @param gaps it is a part of a larger tensor
   */
  private record Operand(boolean across, boolean gaps, long... shape) {
    Tensor draw(Random random) {
      long[] dims = shape.clone();
      int last = dims.length - 1;
      if (across) {
        dims[last] = shape[last - 1];
        dims[last - 1] = shape[last];
      }
      long width = dims[last];
      if (gaps) {
        dims[last] = width + 3;
        dims[0]++;
      }
      double[] values = random.doubles(Shape.of(dims).size(), -1, 1).toArray();
      Tensor whole = Tensor.of(DType.F32, Shape.of(dims), values);
      Tensor seen = gaps ? whole.slice(0, 1, dims[0]).slice(last, 2, width + 2) : whole;
      return across ? seen.transpose(last - 1, last) : seen;
    }
  }

  private static void check(Operand left, Operand right) {
    double[] bits = null;
    for (Backend backend : backends) {
      try (Scope _ = Scope.open(backend)) {
        Random random = new Random(7);
        Tensor a = left.draw(random);
        Tensor b = right.draw(random);
        Tensor c = a.matmul(b);
        double[] values = c.toDoubles();
        if (bits == null) {
          bits = values;
          withinBound(a, b, c);
        }
        assertThat(values).as("bits of %s by %s with another number of threads", left, right).containsExactly(bits);
      }
    }
  }

  /** Each element against its sum in doubles: k products and k − 1 sums are each off by a roundoff of the sum of magnitudes. */
  private static void withinBound(Tensor a, Tensor b, Tensor c) {
    int m = (int) a.dim(-2);
    int k = (int) a.dim(-1);
    int n = (int) b.dim(-1);
    Shape batch = c.shape().slice(0, c.rank() - 2);
    double[] x = a.expand(batch.concat(Shape.of(m, k))).toDoubles();
    double[] y = b.expand(batch.concat(Shape.of(k, n))).toDoubles();
    double[] z = c.toDoubles();
    for (int t = 0; t < batch.size(); t++) {
      for (int i = 0; i < m; i++) {
        for (int j = 0; j < n; j++) {
          double sum = 0;
          double magnitude = 0;
          for (int p = 0; p < k; p++) {
            double product = x[(t * m + i) * k + p] * y[(t * k + p) * n + j];
            sum += product;
            magnitude += Math.abs(product);
          }
          double bound = (k + 1) * DType.F32.roundoff() * magnitude;
          double off = Math.abs(z[(t * m + i) * n + j] - sum);
          if (!(off <= bound)) {
            assertThat(off).as("%s by %s at [%d, %d, %d]", a.shape(), b.shape(), t, i, j).isLessThanOrEqualTo(bound);
          }
        }
      }
    }
  }
}
