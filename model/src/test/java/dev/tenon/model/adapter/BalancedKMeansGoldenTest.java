package dev.tenon.model.adapter;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.tenon.engine.io.Safetensors;
import dev.tenon.engine.io.SafetensorsFile;
import dev.tenon.engine.io.TensorEntry;
import dev.tenon.model.adapter.BalancedKMeans.Metric;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Replays the reference's clustering from the same centers, step by step. */
class BalancedKMeansGoldenTest {
  @ParameterizedTest
  @ValueSource(strings = {"planted", "random", "skewed"})
  void walksThePathOfTheReference(String name) {
    Path file = Path.of(System.getProperty("tenon.golden", "../../shared/golden"))
        .resolve("emtal_cluster_" + name + ".safetensors");
    assumeTrue(Files.exists(file), () -> file + " is not there; set tenon.golden to the folder of cases");
    try (SafetensorsFile golden = Safetensors.open(file)) {
      double[][] rows = BalancedKMeans.normalizedRows(rows(golden.entry("in.weight")));
      // The stored centers are rounded to f32; the rows they were taken from are not.
      double[][] start = Arrays.stream(ints(golden.entry("in.init_rows")))
          .mapToObj(i -> rows[i]).toArray(double[][]::new);
      BalancedKMeans kMeans = new BalancedKMeans(start.length, Metric.EUCLIDEAN, 1, 300, 1e-4, 0);
      double[][] squaredCosts =
          new BalancedKMeans(start.length, Metric.SQUARED_EUCLIDEAN, 1, 300, 1e-4, 0).costs(rows, start);

      assertThat(BalancedAssignment.solve(squaredCosts, new double[start.length]))
          .containsExactly(ints(golden.entry("out.labels_sq_iter0")));
      followsEachStep(kMeans, rows, start, golden);
      Clustering result = kMeans.fit(rows, start);
      assertThat(result.labels()).containsExactly(ints(golden.entry("out.labels")));
      assertThat(result.permutation()).containsExactly(ints(golden.entry("out.idx")));
      assertThat(result.iterations()).isEqualTo((int) golden.entry("out.cost_iter").shape().size());
      double inertia = golden.entry("out.inertia").valueAt(0);
      assertThat(result.inertia()).isCloseTo(inertia, within(rounding(rows, inertia)));
    }
  }

  private static void followsEachStep(
      BalancedKMeans kMeans, double[][] rows, double[][] start, SafetensorsFile golden) {
    int[] labels = ints(golden.entry("out.labels_iter"));
    double[][] centers = start;
    double[] prices = new double[start.length];
    for (int step = 0; step < labels.length / rows.length; step++) {
      double[][] costs = kMeans.costs(rows, centers);
      int[] actual = BalancedAssignment.solve(costs, prices);
      assertThat(actual).as("labels of step %d", step)
          .containsExactly(Arrays.copyOfRange(labels, step * rows.length, (step + 1) * rows.length));
      double cost = 0;
      for (int i = 0; i < rows.length; i++) {
        cost += costs[i][actual[i]];
      }
      double expected = golden.entry("out.cost_iter").valueAt(step);
      assertThat(cost).as("cost of step %d", step).isCloseTo(expected, within(rounding(rows, expected)));
      centers = kMeans.means(rows, actual);
    }
  }

  /** Sums of n terms of d + 2 operations each, on values of magnitude 1, rounded in two implementations. */
  private static double rounding(double[][] rows, double sum) {
    return 2 * Math.ulp(1.0) * (rows.length + rows[0].length + 2) * Math.max(1, sum);
  }

  private static double[][] rows(TensorEntry entry) {
    int columns = (int) entry.shape().dim(1);
    double[][] rows = new double[(int) entry.shape().dim(0)][columns];
    for (int i = 0; i < rows.length; i++) {
      for (int j = 0; j < columns; j++) {
        rows[i][j] = entry.valueAt((long) i * columns + j);
      }
    }
    return rows;
  }

  private static int[] ints(TensorEntry entry) {
    int[] values = new int[(int) entry.shape().size()];
    Arrays.setAll(values, i -> (int) entry.valueAt(i));
    return values;
  }
}
