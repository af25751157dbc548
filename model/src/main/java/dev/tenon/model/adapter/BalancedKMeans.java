package dev.tenon.model.adapter;

import dev.tenon.engine.TenonException;
import dev.tenon.engine.random.Philox;
import java.util.Arrays;
import java.util.Comparator;
import java.util.stream.IntStream;

/**
 * Finds the experts of a pretrained feed-forward layer: k-means on its L2-normalized {@code fc1} rows in
 * which every cluster has exactly n/K members (EMTAL, arXiv:2501.06884, section 2.3, equations 3–5).
 *
 * <p>Each assignment is the exact optimum for the current centers, each center the plain mean of its members.
 * Results depend on the rows and the settings only, not on the number of threads.
 *
 * @param clusters K, the number of experts
 * @param metric what an assignment minimizes the sum of
 * @param restarts how many k-means++ starts are tried; the one of least inertia is kept
 * @param maxIterations the most center moves of one start
 * @param tolerance a start has converged when the squared shift of all centers is at most this times the mean
 *     variance of the columns
 * @param seed of the k-means++ starts
 */
public record BalancedKMeans(
    int clusters, Metric metric, int restarts, int maxIterations, double tolerance, long seed) {

  /** What an assignment minimizes the sum of; the inertia is the sum of squares in either case. */
  public enum Metric {
    /** Plain distances, as the published EMTAL clustering does. */
    EUCLIDEAN,
    /** Squared distances, the textbook objective, under which the inertia never rises. */
    SQUARED_EUCLIDEAN
  }

  public BalancedKMeans {
    require(clusters > 0, "clusters", clusters);
    require(restarts > 0, "restarts", restarts);
    require(maxIterations > 0, "maxIterations", maxIterations);
  }

  /** K clusters as published for EMTAL: 10 restarts, at most 300 iterations, tolerance 1e-4. */
  public static BalancedKMeans of(int clusters, long seed) {
    return new BalancedKMeans(clusters, Metric.EUCLIDEAN, 10, 300, 1e-4, seed);
  }

  /** The same with another number of restarts. */
  public BalancedKMeans withRestarts(int other) {
    return new BalancedKMeans(clusters, metric, other, maxIterations, tolerance, seed);
  }

  /**
   * Clusters the rows of {@code matrix}, the best of all restarts.
   *
   * @param matrix {@code [n][d]}, such as {@code fc1.weight}; rows need not be normalized
   * @throws TenonException when n is not a positive multiple of K, or a value is not finite
   */
  public Clustering fit(double[][] matrix) {
    double[][] rows = normalizedRows(checked(matrix));
    Philox random = Philox.of(seed).split("balanced-k-means");
    // Restarts share nothing, and equal inertias go to the earlier one: threads cannot change the outcome.
    return IntStream.range(0, restarts)
        .parallel()
        .mapToObj(restart -> iterate(rows, plusPlusCenters(rows, random.split(restart))))
        .toList()
        .stream()
        .min(Comparator.comparingDouble(Clustering::inertia))
        .orElseThrow();
  }

  /**
   * Clusters the rows of {@code matrix} from given centers, without restarts.
   *
   * @param matrix {@code [n][d]}; rows need not be normalized
   * @param centers {@code [K][d]}, compared with the normalized rows
   * @throws TenonException when n is not a positive multiple of K, a value is not finite, or the centers do
   *     not fit
   */
  public Clustering fit(double[][] matrix, double[][] centers) {
    double[][] rows = normalizedRows(checked(matrix));
    if (centers.length != clusters || Arrays.stream(centers).anyMatch(c -> c.length != rows[0].length)) {
      throw new TenonException("initial centers must be " + clusters + " rows of " + rows[0].length
          + " values, one row per cluster.");
    }
    return iterate(rows, centers);
  }

  /** Rows of length 1; a zero row stays zero. */
  static double[][] normalizedRows(double[][] matrix) {
    double[][] rows = new double[matrix.length][];
    for (int i = 0; i < rows.length; i++) {
      // Scaling by the largest value first keeps tiny and huge rows from under- or overflowing.
      double largest = Arrays.stream(matrix[i]).map(Math::abs).max().orElse(0);
      double scale = largest == 0 ? 1 : Math.scalb(1.0, -Math.getExponent(largest));
      double squares = Arrays.stream(matrix[i]).map(v -> v * scale * (v * scale)).sum();
      double norm = squares == 0 ? 1 : Math.sqrt(squares);
      rows[i] = Arrays.stream(matrix[i]).map(v -> v * scale / norm).toArray();
    }
    return rows;
  }

  private Clustering iterate(double[][] rows, double[][] start) {
    double threshold = tolerance * meanVariance(rows);
    double[][] centers = start;
    double[] prices = new double[clusters];
    int[] labels = assign(rows, centers, prices);
    double shift = Double.POSITIVE_INFINITY;
    int iterations = 0;
    while (shift > threshold && iterations < maxIterations) {
      double[][] moved = means(rows, labels);
      shift = sumOfSquares(centers, moved);
      centers = moved;
      labels = assign(rows, centers, prices);
      iterations++;
    }
    double inertia = 0;
    for (int i = 0; i < rows.length; i++) {
      inertia += squaredDistance(rows[i], centers[labels[i]]);
    }
    int[] permutation = Clustering.stableOrder(labels, clusters);
    return new Clustering(labels, permutation, centers, inertia, iterations, shift <= threshold);
  }

  /** The E-step; {@code prices} carries the dual values to the next call, which has less to mend. */
  int[] assign(double[][] rows, double[][] centers, double[] prices) {
    return BalancedAssignment.solve(costs(rows, centers), prices);
  }

  /** {@code [n][K]}, the cost of each row in each cluster. */
  double[][] costs(double[][] rows, double[][] centers) {
    double[][] costs = new double[rows.length][clusters];
    for (int i = 0; i < rows.length; i++) {
      squaredDistances(rows[i], centers, costs[i]);
      if (metric == Metric.EUCLIDEAN) {
        for (int k = 0; k < clusters; k++) {
          costs[i][k] = Math.sqrt(costs[i][k]);
        }
      }
    }
    return costs;
  }

  /** The M-step: plain means, not normalized again. */
  double[][] means(double[][] rows, int[] labels) {
    double[][] means = new double[clusters][rows[0].length];
    for (int i = 0; i < rows.length; i++) {
      double[] mean = means[labels[i]];
      for (int j = 0; j < mean.length; j++) {
        mean[j] += rows[i][j];
      }
    }
    double size = (double) rows.length / clusters;
    for (double[] mean : means) {
      for (int j = 0; j < mean.length; j++) {
        mean[j] /= size;
      }
    }
    return means;
  }

  /** The k-means++ start (Arthur and Vassilvitskii, 2007): rows drawn by their squared distance. */
  private double[][] plusPlusCenters(double[][] rows, Philox random) {
    double[][] centers = new double[clusters][];
    double[] nearest = new double[rows.length];
    Arrays.fill(nearest, Double.POSITIVE_INFINITY);
    int chosen = random.nextInt(0, rows.length);
    for (int k = 0; k < clusters; k++) {
      centers[k] = rows[chosen];
      double total = 0;
      for (int i = 0; i < rows.length; i++) {
        nearest[i] = Math.min(nearest[i], squaredDistance(rows[i], centers[k]));
        total += nearest[i];
      }
      chosen = draw(nearest, random.uniformDouble(k + 1) * total);
    }
    return centers;
  }

  /** The index at which the running sum of weights exceeds {@code target}. */
  private static int draw(double[] weights, double target) {
    int last = 0;
    double sum = 0;
    for (int i = 0; i < weights.length; i++) {
      if (weights[i] > 0) {
        last = i;
        sum += weights[i];
        if (sum > target) {
          return i;
        }
      }
    }
    return last;
  }

  /** Four centers at a time: one sum alone would wait for each of its additions. */
  private static void squaredDistances(double[] row, double[][] centers, double[] out) {
    int k = 0;
    for (; k + 4 <= centers.length; k += 4) {
      double[] a = centers[k];
      double[] b = centers[k + 1];
      double[] c = centers[k + 2];
      double[] d = centers[k + 3];
      double sumA = 0;
      double sumB = 0;
      double sumC = 0;
      double sumD = 0;
      for (int j = 0; j < row.length; j++) {
        double v = row[j];
        sumA += (v - a[j]) * (v - a[j]);
        sumB += (v - b[j]) * (v - b[j]);
        sumC += (v - c[j]) * (v - c[j]);
        sumD += (v - d[j]) * (v - d[j]);
      }
      out[k] = sumA;
      out[k + 1] = sumB;
      out[k + 2] = sumC;
      out[k + 3] = sumD;
    }
    for (; k < centers.length; k++) {
      out[k] = squaredDistance(row, centers[k]);
    }
  }

  private static double squaredDistance(double[] a, double[] b) {
    double sum = 0;
    for (int j = 0; j < a.length; j++) {
      sum += (a[j] - b[j]) * (a[j] - b[j]);
    }
    return sum;
  }

  private static double sumOfSquares(double[][] from, double[][] to) {
    double sum = 0;
    for (int k = 0; k < from.length; k++) {
      sum += squaredDistance(from[k], to[k]);
    }
    return sum;
  }

  private static double meanVariance(double[][] rows) {
    int columns = rows[0].length;
    double sum = 0;
    for (int j = 0; j < columns; j++) {
      int column = j;
      double mean = Arrays.stream(rows).mapToDouble(row -> row[column]).sum() / rows.length;
      sum += Arrays.stream(rows).mapToDouble(row -> (row[column] - mean) * (row[column] - mean)).sum();
    }
    return columns == 0 ? 0 : sum / rows.length / columns;
  }

  private double[][] checked(double[][] matrix) {
    if (matrix.length == 0 || matrix.length % clusters != 0) {
      throw new TenonException(matrix.length + " rows cannot be dealt evenly to " + clusters
          + " clusters; choose a number of clusters that divides the number of rows.");
    }
    for (int i = 0; i < matrix.length; i++) {
      if (matrix[i].length != matrix[0].length || !Arrays.stream(matrix[i]).allMatch(Double::isFinite)) {
        throw new TenonException("row " + i + " of the matrix to cluster must hold " + matrix[0].length
            + " finite values; check the weights it comes from.");
      }
    }
    return matrix;
  }

  private static void require(boolean holds, String name, int value) {
    if (!holds) {
      throw new TenonException("balanced k-means needs at least one of " + name + ", not " + value + ".");
    }
  }
}
