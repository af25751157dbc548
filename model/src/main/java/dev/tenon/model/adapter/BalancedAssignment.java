package dev.tenon.model.adapter;

import java.util.Arrays;

/**
 * Deals n points to K clusters of exactly n/K members each at the least total cost, because experts of a
 * MoEfied layer must be equally wide and a greedy deal would leave the last ones with what nobody wanted.
 *
 * <p>This is a transportation problem, solved exactly. Given a price per cluster, every point first goes to
 * the cluster where cost plus price is lowest; that is optimal but for the cluster sizes. Then, one unit at a
 * time, a chain of moves along the cheapest path from an overfull to an underfull cluster mends the sizes and
 * keeps the optimum (successive shortest paths with Dijkstra potentials, on K nodes instead of n + K, since
 * only the cheapest member of a cluster can move along each of its edges). The prices left by one solution
 * are a good start for a similar problem.
 */
final class BalancedAssignment {
  private static final int NONE = -1;

  private final double[][] costs;
  private final int clusters;
  private final int capacity;
  private final int[] labels;
  private final double[] prices;
  private final int[][] members;
  private final int[] sizes;
  /** Where a point stands in the member list of its cluster. */
  private final int[] slots;
  /** {@code cheapest[a][b]} is the member of a that loses least by moving to b, {@code loss[a][b]}. */
  private final int[][] cheapest;
  private final double[][] loss;
  /** Dijkstra's state: distance from any overfull cluster, whether it is final, the cluster before. */
  private final double[] distance;
  private final boolean[] settled;
  private final int[] previous;

  /**
   * @param costs {@code [n][K]}, finite, n a multiple of K
   * @param prices {@code [K]}, any finite values; on return of {@link #solve} they support the optimum
   */
  private BalancedAssignment(double[][] costs, double[] prices) {
    this.costs = costs;
    this.prices = prices;
    clusters = prices.length;
    capacity = costs.length / clusters;
    labels = new int[costs.length];
    slots = new int[costs.length];
    sizes = new int[clusters];
    members = new int[clusters][capacity];
    cheapest = new int[clusters][clusters];
    loss = new double[clusters][clusters];
    distance = new double[clusters];
    settled = new boolean[clusters];
    previous = new int[clusters];
  }

  /** The labels of the cheapest balanced assignment; {@code prices} is the start and is updated. */
  static int[] solve(double[][] costs, double[] prices) {
    BalancedAssignment problem = new BalancedAssignment(costs, prices);
    problem.assignFreely();
    for (int end = problem.shortestPath(); end != NONE; end = problem.shortestPath()) {
      problem.moveAlongPath(end);
    }
    return problem.labels;
  }

  private void assignFreely() {
    for (int a = 0; a < clusters; a++) {
      Arrays.fill(cheapest[a], NONE);
      Arrays.fill(loss[a], Double.POSITIVE_INFINITY);
    }
    for (int i = 0; i < costs.length; i++) {
      int best = 0;
      for (int k = 1; k < clusters; k++) {
        if (costs[i][k] + prices[k] < costs[i][best] + prices[best]) {
          best = k;
        }
      }
      add(i, best);
    }
  }

  /**
   * Finds the underfull cluster nearest to any overfull one, leaves the path in {@link #previous} and raises
   * the prices so that every edge of the path costs nothing. Returns {@link #NONE} when all sizes are right.
   */
  private int shortestPath() {
    for (int k = 0; k < clusters; k++) {
      distance[k] = sizes[k] > capacity ? 0 : Double.POSITIVE_INFINITY;
      settled[k] = false;
      previous[k] = NONE;
    }
    for (int a = nearestUnsettled(); a != NONE; a = nearestUnsettled()) {
      settled[a] = true;
      if (sizes[a] < capacity) {
        for (int k = 0; k < clusters; k++) {
          prices[k] -= Math.min(distance[k], distance[a]);
        }
        return a;
      }
      for (int b = 0; b < clusters; b++) {
        // Reduced costs are never negative but for rounding, which must not undo a settled node.
        double through = distance[a] + Math.max(0, loss[a][b] + prices[b] - prices[a]);
        if (!settled[b] && through < distance[b]) {
          distance[b] = through;
          previous[b] = a;
        }
      }
    }
    return NONE;
  }

  private int nearestUnsettled() {
    int nearest = NONE;
    double best = Double.POSITIVE_INFINITY;
    for (int k = 0; k < clusters; k++) {
      if (!settled[k] && distance[k] < best) {
        best = distance[k];
        nearest = k;
      }
    }
    return nearest;
  }

  private void moveAlongPath(int end) {
    for (int to = end; previous[to] != NONE; to = previous[to]) {
      int from = previous[to];
      int mover = cheapest[from][to];
      remove(mover);
      add(mover, to);
    }
  }

  private void add(int point, int cluster) {
    if (sizes[cluster] == members[cluster].length) {
      members[cluster] = Arrays.copyOf(members[cluster], 2 * sizes[cluster]);
    }
    labels[point] = cluster;
    slots[point] = sizes[cluster];
    members[cluster][sizes[cluster]++] = point;
    for (int to = 0; to < clusters; to++) {
      offer(point, cluster, to);
    }
  }

  private void remove(int point) {
    int cluster = labels[point];
    int last = members[cluster][--sizes[cluster]];
    members[cluster][slots[point]] = last;
    slots[last] = slots[point];
    for (int to = 0; to < clusters; to++) {
      if (cheapest[cluster][to] == point) {
        cheapest[cluster][to] = NONE;
        loss[cluster][to] = Double.POSITIVE_INFINITY;
        for (int m = 0; m < sizes[cluster]; m++) {
          offer(members[cluster][m], cluster, to);
        }
      }
    }
  }

  /** Ties go to the lowest point, so that the solution does not depend on the order of the member lists. */
  private void offer(int point, int from, int to) {
    double lost = costs[point][to] - costs[point][from];
    if (from != to
        && (lost < loss[from][to] || lost == loss[from][to] && point < cheapest[from][to])) {
      loss[from][to] = lost;
      cheapest[from][to] = point;
    }
  }
}
