package dev.tenon.kernels.conformance;

import static dev.tenon.kernels.conformance.ErrorBound.SLACK;

import dev.tenon.engine.DType;
import dev.tenon.engine.op.Ref;
import java.util.List;
import java.util.function.DoubleUnaryOperator;
import java.util.function.Function;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/**
 * What roundings to BF16 on the way add to the error of affinity. Tensor cores multiply matrices of that type: S of the features around
 * each pixel, X of features times weights, moments G = S·vᵀ and H = X·gᵀ, and the gradients U = G·g of X and V = H·v of S, where g is
 * the gradient of y = Gᵀ·X. All but S are rounded (the biases, a row of X, count as if they were), so that an error is the sum of many
 * roundings, each times what it is multiplied with on its way.
 *
 * <p>It is no more than all their sizes together. As each goes up or down independently of the others, it is also no more than
 * {@link #LIKELY} times the root of the sum of their squares: by Hoeffding's inequality less than one element in 10^13 is beyond that,
 * {@code 2·exp(−8²/2)}.
 *
 * @param size what to sum: sizes, or squares
 */
record AffinityBound(Ref f, Ref v, Ref weight, Ref bias, DoubleUnaryOperator size) {
  private static final double LIKELY = 8;
  private static final int TAPS = 9;

  static List<double[]> forward(List<Ref> in) {
    return bound(size -> new AffinityBound(in.get(0), in.get(1), in.get(2), in.get(3), size).values());
  }

  static List<double[]> backward(List<Ref> in) {
    return bound(size -> new AffinityBound(in.get(1), in.get(2), in.get(3), in.get(4), size).gradients(in.get(0)));
  }

  private static List<double[]> bound(Function<DoubleUnaryOperator, List<double[]>> sums) {
    List<double[]> sizes = sums.apply(Math::abs);
    List<double[]> squares = sums.apply(x -> x * x);
    return IntStream.range(0, sizes.size()).mapToObj(o -> IntStream.range(0, sizes.get(o).length)
        .mapToDouble(i -> SLACK * Math.min(sizes.get(o)[i], LIKELY * Math.sqrt(squares.get(o)[i]))).toArray()).toList();
  }

  private List<double[]> values() {
    double[] y = new double[v.size()];
    for (int image = 0; image < v.dim(0); image++) {
      double[][] x = weighted(image);
      double[][] moments = product(shifted(image), transposed(planes(v, image)));
      put(y, image, sum(product(transposed(rounding(moments)), sized(x)), product(transposed(sized(moments)), rounding(x))));
    }
    return List.of(y);
  }

  private List<double[]> gradients(Ref gradY) {
    List<double[]> out = Stream.of(f, v, weight, bias).map(r -> new double[r.size()]).toList();
    for (int image = 0; image < v.dim(0); image++) {
      double[][] s = shifted(image);
      double[][] x = weighted(image);
      double[][] values = planes(v, image);
      double[][] g = planes(gradY, image);
      double[][] moments = product(s, transposed(values));
      double[][] gradMoments = product(x, transposed(g));
      double[][] ofH = sum(product(rounding(x), sized(transposed(g))), rounding(gradMoments));
      put(out.get(1), image, product(transposed(ofH), sized(s)));
      double[][] ofU = sum(product(rounding(moments), sized(g)), rounding(product(moments, g)));
      // A rounding of X goes through all channels, where its parts may cancel.
      double[][] ofV = sum(product(rounding(x), sized(product(transposed(g), values))),
          product(rounding(gradMoments), sized(values)), rounding(product(gradMoments, values)));
      gather(image, ofU, ofV, out);
    }
    return out;
  }

  /** Adds up what the gradients of features, weights and biases are sums of. */
  void gather(int image, double[][] ofU, double[][] ofV, List<double[]> out) {
    for (int r = 0; r < last(); r++) {
      for (int q = 0; q < pixels(); q++) {
        out.get(0)[feature(image, r) + q] += size.applyAsDouble(weight.v()[kernel(r, q)]) * ofU[r][q];
        out.get(2)[kernel(r, q)] += size.applyAsDouble(f.v()[feature(image, r) + q]) * ofU[r][q];
        int read = neighbor(r, q);
        if (read >= 0) {
          out.get(0)[feature(image, r) + read] += ofV[r][q];
        }
      }
    }
    for (int q = 0; q < pixels(); q++) {
      out.get(3)[q] += ofU[last()][q];
    }
  }

  int pixels() {
    return f.dim(3) * f.dim(4);
  }

  /** The row of the bias; those before it are of a task, an element of its kernel and a channel. */
  int last() {
    return f.dim(1) * TAPS * f.dim(2);
  }

  int feature(int image, int r) {
    int channels = f.dim(2);
    return ((image * f.dim(1) + r / channels / TAPS) * channels + r % channels) * pixels();
  }

  int kernel(int r, int q) {
    return q * f.dim(1) * TAPS + r / f.dim(2);
  }

  /** The pixel that row {@code r} reads beside pixel {@code p}, or −1 where that is outside. */
  int neighbor(int r, int p) {
    int k = r / f.dim(2) % TAPS;
    int y = p / f.dim(4) + k / 3 - 1;
    int x = p % f.dim(4) + k % 3 - 1;
    return y >= 0 && y < f.dim(3) && x >= 0 && x < f.dim(4) ? y * f.dim(4) + x : -1;
  }

  /** S. */
  double[][] shifted(int image) {
    return matrix(last() + 1, pixels(), (r, p) -> {
      int read = r == last() ? -1 : neighbor(r, p);
      return r == last() ? 1 : read < 0 ? 0 : f.v()[feature(image, r) + read];
    });
  }

  /** X. */
  double[][] weighted(int image) {
    return matrix(last() + 1, pixels(), (r, q) -> r == last() ? bias.v()[q] : weight.v()[kernel(r, q)] * f.v()[feature(image, r) + q]);
  }

  /** An image's values, or their gradients. */
  double[][] planes(Ref values, int image) {
    int planes = values.dim(1) * values.dim(2);
    return matrix(planes, pixels(), (d, p) -> values.v()[(image * planes + d) * pixels() + p]);
  }

  /** The reverse of {@link #planes}. */
  void put(double[] values, int image, double[][] planes) {
    for (int d = 0; d < planes.length; d++) {
      System.arraycopy(planes[d], 0, values, (image * planes.length + d) * pixels(), pixels());
    }
  }

  private double[][] rounding(double[][] x) {
    return each(x, value -> size.applyAsDouble(DType.BF16.roundoff() * value));
  }

  private double[][] sized(double[][] x) {
    return each(x, size);
  }

  /** An element of a matrix. */
  private interface Element {
    double at(int i, int j);
  }

  private static double[][] matrix(int rows, int columns, Element element) {
    return IntStream.range(0, rows)
        .mapToObj(i -> IntStream.range(0, columns).mapToDouble(j -> element.at(i, j)).toArray()).toArray(double[][]::new);
  }

  static double[][] each(double[][] x, DoubleUnaryOperator fn) {
    return matrix(x.length, x[0].length, (i, j) -> fn.applyAsDouble(x[i][j]));
  }

  static double[][] transposed(double[][] x) {
    return matrix(x[0].length, x.length, (i, j) -> x[j][i]);
  }

  private static double[][] sum(double[][]... all) {
    return matrix(all[0].length, all[0][0].length, (i, j) -> Stream.of(all).mapToDouble(x -> x[i][j]).sum());
  }

  static double[][] product(double[][] x, double[][] y) {
    double[][] product = new double[x.length][y[0].length];
    for (int i = 0; i < x.length; i++) {
      for (int k = 0; k < y.length; k++) {
        for (int j = 0; j < product[i].length; j++) {
          product[i][j] += x[i][k] * y[k][j];
        }
      }
    }
    return product;
  }
}
