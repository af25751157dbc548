package dev.tenon.model.adapter;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.Arrays;
import java.util.Random;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;

class BalancedAssignmentTest {
  @Property(tries = 300)
  void findsTheCheapestBalancedAssignment(
      @ForAll @IntRange(min = 1, max = 4) int clusters, @ForAll @IntRange(min = 1, max = 3) int capacity,
      @ForAll boolean tied, @ForAll long seed) {
    Random random = new Random(seed);
    double[][] costs = costs(clusters * capacity, clusters, random, tied);

    int[] labels = BalancedAssignment.solve(costs, new double[clusters]);

    assertBalanced(labels, clusters);
    assertThat(total(costs, labels))
        .isCloseTo(cheapest(costs, 0, new int[clusters], capacity), within(rounding(costs)));
  }

  @Property(tries = 60)
  void pricesProveTheOptimumFromAnyStart(
      @ForAll @IntRange(min = 1, max = 24) int clusters, @ForAll @IntRange(min = 1, max = 20) int capacity,
      @ForAll boolean tied, @ForAll long seed) {
    Random random = new Random(seed);
    double[][] costs = costs(clusters * capacity, clusters, random, tied);
    double[] prices = random.doubles(clusters, -2, 2).toArray();

    int[] labels = BalancedAssignment.solve(costs, prices);

    assertBalanced(labels, clusters);
    // Weak duality: no balanced assignment costs less than this, whatever the prices are.
    double bound = -capacity * Arrays.stream(prices).sum();
    for (double[] cost : costs) {
      double least = Double.POSITIVE_INFINITY;
      for (int k = 0; k < clusters; k++) {
        least = Math.min(least, cost[k] + prices[k]);
      }
      bound += least;
    }
    assertThat(total(costs, labels)).isCloseTo(bound, within(rounding(costs) * clusters));
  }

  @Test
  void solvesTheFullAssignmentProblemWhenEveryClusterHoldsOne() {
    // Each row prefers column 0, and only the anti-diagonal avoids the expensive entries.
    double[][] costs = {{0, 9, 1}, {0, 1, 9}, {0, 9, 9}};
    assertThat(BalancedAssignment.solve(costs, new double[3])).containsExactly(2, 1, 0);
  }

  private static double[][] costs(int points, int clusters, Random random, boolean tied) {
    double[][] costs = new double[points][clusters];
    for (double[] row : costs) {
      Arrays.setAll(row, _ -> tied ? random.nextInt(3) : random.nextDouble());
    }
    return costs;
  }

  private static void assertBalanced(int[] labels, int clusters) {
    int[] sizes = new int[clusters];
    for (int label : labels) {
      sizes[label]++;
    }
    assertThat(sizes).containsOnly(labels.length / clusters);
  }

  private static double total(double[][] costs, int[] labels) {
    double total = 0;
    for (int i = 0; i < labels.length; i++) {
      total += costs[i][labels[i]];
    }
    return total;
  }

  /** Brute force over all balanced assignments of the points from {@code i} on. */
  private static double cheapest(double[][] costs, int i, int[] sizes, int capacity) {
    if (i == costs.length) {
      return 0;
    }
    double best = Double.POSITIVE_INFINITY;
    for (int k = 0; k < sizes.length; k++) {
      if (sizes[k] < capacity) {
        sizes[k]++;
        best = Math.min(best, costs[i][k] + cheapest(costs, i + 1, sizes, capacity));
        sizes[k]--;
      }
    }
    return best;
  }

  /** Each of n terms is a sum of a cost and a price (at most 5 here), and n are added up. */
  private static double rounding(double[][] costs) {
    return 5 * Math.ulp(1.0) * (costs.length + 2) * (costs.length + 2);
  }
}
