package dev.tenon.kernels.conformance;

import static dev.tenon.kernels.conformance.AffinityBound.each;
import static dev.tenon.kernels.conformance.AffinityBound.product;
import static dev.tenon.kernels.conformance.AffinityBound.transposed;
import static org.assertj.core.api.Assertions.assertThat;

import dev.tenon.engine.BFloat16;
import dev.tenon.engine.Backend;
import dev.tenon.engine.Backends;
import dev.tenon.engine.DType;
import dev.tenon.engine.Device;
import dev.tenon.engine.Scope;
import dev.tenon.engine.kernel.Elements;
import dev.tenon.engine.op.Affinity;
import dev.tenon.engine.op.AffinityGrad;
import dev.tenon.engine.op.Attention;
import dev.tenon.engine.op.AttentionGrad;
import dev.tenon.engine.op.Op;
import dev.tenon.engine.op.Ref;
import dev.tenon.engine.op.Spec;
import dev.tenon.kernels.conformance.AttentionBound.Heads;
import dev.tenon.kernels.conformance.AttentionBound.Scores;
import java.util.List;
import java.util.function.DoubleUnaryOperator;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

/**
 * Bounds in BF16 cover what becomes of results when factors are rounded for tensor cores, and little more. The kernels that do so are
 * followed here in doubles, so that no other rounding hides these.
 */
class TensorCoreBoundTest {
  /** Of a bound, what the error of the worst element is at least. */
  private static final double LEAST = 0.1;

  private static Backend backend;

  @BeforeAll
  static void open() {
    backend = Backends.open(Device.CPU, 2);
  }

  @AfterAll
  static void close() {
    backend.close();
  }

  @TestFactory
  Stream<DynamicTest> errorsOfRoundedFactorsAreWithinTheirBoundsAndNotFarWithin() {
    return NetworkCalls.ALL.stream().filter(n -> isFollowed(n.op())).map(n -> DynamicTest.dynamicTest(n.name(), () -> {
      List<Ref> in = operands(n);
      List<Ref> expected = n.op().infer(in.stream().map(r -> new Spec(r.dtype(), r.shape())).toList()).stream()
          .map(s -> Ref.zeros(s.dtype(), s.shape())).toList();
      n.op().reference(in, expected);
      List<double[]> actual = follow(n.op(), in);
      List<double[]> bounds = ErrorBound.of(n.op(), in, expected);
      List<double[]> ofF32 = ErrorBound.of(n.op(), in.stream().map(r -> new Ref(DType.F32, r.shape(), r.v())).toList(), expected);
      for (int o = 0; o < actual.size(); o++) {
        assertThat(errorToBound(actual.get(o), expected.get(o).v(), bounds.get(o))).as("of result %d", o).isBetween(LEAST, 1.0);
        assertThat(errorToBound(actual.get(o), expected.get(o).v(), ofF32.get(o))).as("of result %d, in F32", o).isGreaterThan(1);
      }
    }));
  }

  private static List<Ref> operands(NetworkCalls.Network network) {
    try (Scope _ = Scope.open(backend)) {
      return network.draw().inputs().stream().map(t -> Elements.unpack(t.cast(DType.BF16))).toList();
    }
  }

  private static double errorToBound(double[] actual, double[] expected, double[] bound) {
    return IntStream.range(0, actual.length).filter(i -> actual[i] != expected[i])
        .mapToDouble(i -> Math.abs(actual[i] - expected[i]) / bound[i]).max().orElse(0);
  }

  private static boolean isFollowed(Op op) {
    return op instanceof Attention || op instanceof AttentionGrad || op instanceof Affinity || op instanceof AffinityGrad;
  }

  /** The results that are products of rounded factors, before they are rounded themselves. */
  private static List<double[]> follow(Op op, List<Ref> in) {
    return switch (op) {
      case Attention attention -> attention(attention, in);
      case AttentionGrad grad -> attentionGrad(grad, in);
      case Affinity _ -> affinity(in);
      case AffinityGrad _ -> affinityGrad(in);
      default -> throw new AssertionError(op);
    };
  }

  private static double rounded(double x) {
    return BFloat16.toFloat(BFloat16.fromFloat((float) x));
  }

  private static double[][] rounded(double[][] x) {
    return each(x, TensorCoreBoundTest::rounded);
  }

  private static List<double[]> attention(Attention op, List<Ref> in) {
    AttentionBound rows = new AttentionBound(op.scale(), op.causal(), op.bias(), 0);
    Heads at = Heads.of(in.get(0), in.get(1));
    double[] v = in.get(2).v();
    double[] o = new double[in.get(0).size()];
    for (int row = 0; row < o.length / at.d(); row++) {
      Scores s = rows.scores(at, row, in.get(0), in.get(1), op.bias() ? in.get(3) : null);
      for (int j = 0; j < at.keys(); j++) {
        double p = rounded(s.probability(j, s.max())) / Math.exp(s.lse() - s.max());
        for (int c = 0; c < at.d(); c++) {
          o[at.query(row) + c] += p * v[at.key(row, j) + c];
        }
      }
    }
    return List.of(o);
  }

  private static List<double[]> attentionGrad(AttentionGrad op, List<Ref> in) {
    AttentionBound rows = new AttentionBound(op.scale(), op.causal(), op.bias(), 0);
    Heads at = Heads.of(in.get(1), in.get(2));
    double[] lse = in.get(5).v();
    List<double[]> out = in.subList(1, 4).stream().map(r -> new double[r.size()]).toList();
    for (int row = 0; row < lse.length; row++) {
      Scores s = rows.scores(at, row, in.get(1), in.get(2), op.bias() ? in.get(6) : null);
      for (int j = 0; j < at.keys(); j++) {
        double p = s.probability(j, lse[row]);
        double slope = AttentionBound.slope(at, row, j, in);
        int qi = at.query(row);
        int kj = at.key(row, j);
        for (int c = 0; c < at.d(); c++) {
          out.get(0)[qi + c] += op.scale() * rounded(p * slope) * in.get(2).v()[kj + c];
          out.get(1)[kj + c] += op.scale() * rounded(rounded(p) * slope) * in.get(1).v()[qi + c];
          out.get(2)[kj + c] += rounded(p) * in.get(0).v()[qi + c];
        }
      }
    }
    return out;
  }

  private static List<double[]> affinity(List<Ref> in) {
    AffinityBound maps = new AffinityBound(in.get(0), in.get(1), in.get(2), in.get(3), DoubleUnaryOperator.identity());
    Ref v = in.get(1);
    double[] y = new double[v.size()];
    for (int image = 0; image < v.dim(0); image++) {
      double[][] moments = rounded(product(maps.shifted(image), transposed(maps.planes(v, image))));
      maps.put(y, image, product(transposed(moments), rounded(maps.weighted(image))));
    }
    return List.of(y);
  }

  private static List<double[]> affinityGrad(List<Ref> in) {
    AffinityBound maps = new AffinityBound(in.get(1), in.get(2), in.get(3), in.get(4), DoubleUnaryOperator.identity());
    List<double[]> out = in.subList(1, 5).stream().map(r -> new double[r.size()]).toList();
    for (int image = 0; image < in.getFirst().dim(0); image++) {
      double[][] s = maps.shifted(image);
      double[][] v = maps.planes(in.get(2), image);
      double[][] g = maps.planes(in.get(0), image);
      double[][] moments = rounded(product(s, transposed(v)));
      double[][] gradMoments = rounded(product(rounded(maps.weighted(image)), transposed(g)));
      maps.put(out.get(1), image, product(transposed(gradMoments), s));
      maps.gather(image, rounded(product(moments, g)), rounded(product(gradMoments, v)), out);
    }
    return out;
  }
}
