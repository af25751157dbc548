package dev.tenon.model.adapter;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.tenon.engine.TenonException;
import dev.tenon.model.adapter.BalancedKMeans.Metric;
import java.util.Arrays;
import java.util.Random;
import java.util.concurrent.ForkJoinPool;
import java.util.stream.IntStream;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;

class BalancedKMeansTest {
  @Property(tries = 40)
  void clustersAreEqualAndThePermutationIsAStableSort(
      @ForAll @IntRange(min = 1, max = 8) int clusters, @ForAll @IntRange(min = 1, max = 12) int capacity,
      @ForAll @IntRange(min = 1, max = 6) int columns, @ForAll Metric metric, @ForAll long seed) {
    double[][] matrix = gaussian(clusters * capacity, columns, seed);
    Clustering result = new BalancedKMeans(clusters, metric, 2, 50, 1e-4, seed).fit(matrix);

    int[] labels = result.labels();
    int[] sorted = IntStream.range(0, labels.length).boxed()
        .sorted((a, b) -> Integer.compare(labels[a], labels[b]))
        .mapToInt(Integer::intValue).toArray();
    assertThat(result.permutation()).containsExactly(sorted);
    for (int j = 0; j < labels.length; j++) {
      assertThat(labels[sorted[j]]).isEqualTo(j / capacity);
    }
  }

  @Test
  void recoversPlantedClustersWhateverTheLengthOfTheRows() {
    Random random = new Random(3);
    double[][] directions = BalancedKMeans.normalizedRows(gaussian(6, 20, 4));
    double[][] matrix = new double[60][20];
    for (int i = 0; i < matrix.length; i++) {
      double length = 0.01 + 100 * random.nextDouble();
      for (int j = 0; j < 20; j++) {
        matrix[i][j] = length * (directions[i % 6][j] + 0.02 * random.nextGaussian());
      }
    }
    Clustering result = BalancedKMeans.of(6, 7).fit(matrix);

    assertThat(result.converged()).isTrue();
    for (int i = 0; i < matrix.length; i++) {
      assertThat(result.labels()[i]).as("row %d", i).isEqualTo(result.labels()[i % 6]);
    }
    assertThat(Arrays.stream(result.labels()).limit(6).distinct().count()).isEqualTo(6);
  }

  @Test
  void isTheSameForAnyNumberOfThreads() throws Exception {
    double[][] matrix = gaussian(240, 10, 11);
    BalancedKMeans kMeans = BalancedKMeans.of(8, 5);
    Clustering one = fitOn(1, kMeans, matrix);
    Clustering seven = fitOn(7, kMeans, matrix);
    assertThat(seven).usingRecursiveComparison().isEqualTo(one);
  }

  @Test
  void restartsKeepTheLeastInertia() {
    double[][] matrix = gaussian(120, 6, 2);
    double one = new BalancedKMeans(10, Metric.EUCLIDEAN, 1, 300, 1e-4, 9).fit(matrix).inertia();
    double twenty = new BalancedKMeans(10, Metric.EUCLIDEAN, 20, 300, 1e-4, 9).fit(matrix).inertia();
    assertThat(twenty).isLessThan(one);
  }

  @Test
  void squaredDistancesNeverRaiseTheInertia() {
    double[][] matrix = gaussian(96, 5, 8);
    double[][] centers = Arrays.copyOf(BalancedKMeans.normalizedRows(matrix), 6);
    double before = Double.POSITIVE_INFINITY;
    for (int moves = 1; moves < 12; moves++) {
      BalancedKMeans kMeans = new BalancedKMeans(6, Metric.SQUARED_EUCLIDEAN, 1, moves, 0, 0);
      double inertia = kMeans.fit(matrix, centers).inertia();
      assertThat(inertia).isLessThanOrEqualTo(before * (1 + 96 * Math.ulp(1.0)));
      before = inertia;
    }
  }

  @Test
  void zeroRowsStayZeroAndAreDealtLikeAnyOther() {
    double[][] matrix = gaussian(12, 3, 1);
    matrix[2] = new double[3];
    matrix[7] = new double[3];
    assertThat(BalancedKMeans.normalizedRows(matrix)[2]).containsOnly(0);
    assertThat(sizes(BalancedKMeans.of(4, 0).fit(matrix), 4)).containsOnly(3);
    assertThat(sizes(BalancedKMeans.of(4, 0).fit(new double[12][3]), 4)).containsOnly(3);
  }

  @Test
  void rowsOfAnyMagnitudeAreNormalized() {
    double[][] matrix = {{3e-320, 4e-320}, {-3e300, 4e300}, {3, 4}};
    double[][] rows = BalancedKMeans.normalizedRows(matrix);
    double eps = 4 * Math.ulp(1.0);
    assertThat(rows[1]).containsExactly(new double[] {-0.6, 0.8}, within(eps));
    assertThat(rows[2]).containsExactly(new double[] {0.6, 0.8}, within(eps));
    // A subnormal has few bits: these two carry about 6000 and 8000 steps of the smallest number.
    assertThat(rows[0]).containsExactly(new double[] {0.6, 0.8}, within(1.0 / 6000));
  }

  @Test
  void oneClusterHoldsAllAndAsManyClustersAsRowsHoldOneEach() {
    double[][] matrix = gaussian(30, 4, 6);
    Clustering all = BalancedKMeans.of(1, 0).fit(matrix);
    assertThat(all.labels()).containsOnly(0);
    assertThat(all.permutation()).containsExactly(IntStream.range(0, 30).toArray());

    Clustering each = BalancedKMeans.of(30, 0).fit(matrix);
    assertThat(sizes(each, 30)).containsOnly(1);
    assertThat(each.inertia()).isZero();
  }

  @Test
  void refusesWhatCannotBeClustered() {
    assertThatThrownBy(() -> BalancedKMeans.of(16, 0).fit(gaussian(100, 4, 0)))
        .isInstanceOf(TenonException.class).hasMessageContainingAll("100 rows", "16 clusters");
    assertThatThrownBy(() -> BalancedKMeans.of(16, 0).fit(new double[0][]))
        .isInstanceOf(TenonException.class).hasMessageContaining("0 rows");
    assertThatThrownBy(() -> BalancedKMeans.of(2, 0).fit(new double[][] {{1, 2}, {1, Double.NaN}}))
        .isInstanceOf(TenonException.class).hasMessageContaining("row 1");
    assertThatThrownBy(() -> BalancedKMeans.of(2, 0).fit(gaussian(4, 3, 0), gaussian(2, 2, 0)))
        .isInstanceOf(TenonException.class).hasMessageContaining("2 rows of 3 values");
    assertThatThrownBy(() -> BalancedKMeans.of(0, 0))
        .isInstanceOf(TenonException.class).hasMessageContaining("clusters");
  }

  private static Clustering fitOn(int threads, BalancedKMeans kMeans, double[][] matrix) throws Exception {
    try (ForkJoinPool pool = new ForkJoinPool(threads)) {
      return pool.submit(() -> kMeans.fit(matrix)).get();
    }
  }

  private static int[] sizes(Clustering clustering, int clusters) {
    int[] sizes = new int[clusters];
    for (int label : clustering.labels()) {
      sizes[label]++;
    }
    return sizes;
  }

  private static double[][] gaussian(int rows, int columns, long seed) {
    Random random = new Random(seed);
    double[][] matrix = new double[rows][columns];
    for (double[] row : matrix) {
      Arrays.setAll(row, _ -> random.nextGaussian());
    }
    return matrix;
  }
}
