package dev.tenon.model.adapter;

import dev.tenon.engine.Tensor;
import dev.tenon.engine.op.IndexSelect;
import dev.tenon.model.Weights;
import dev.tenon.model.vit.Vit;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Sorts the hidden channels of every MLP so that similar ones, an expert's, are neighbors (EMTAL §2.1). The network's function stays
 * the same; an adapted network keeps the order beside its weights, so that its adapters can be put on the unsorted network again.
 */
public final class ExpertOrder {
  private static final String NAME = "mlp.expert_order";

  private ExpertOrder() {}

  /** The experts of each block; results do not depend on the number of threads. */
  public static List<Clustering> find(Vit plain, BalancedKMeans kMeans) {
    List<double[][]> matrices = new ArrayList<>();
    for (int i = 0; i < plain.depth(); i++) {
      matrices.add(rows(plain.weights().get(block(i) + "mlp.fc1.weight")));
    }
    return matrices.stream().parallel().map(kMeans::fit).toList();
  }

  /** The weights that change when every block of {@code plain} is sorted, and the orders, all in the current scope. */
  public static Map<String, Tensor> sorted(Vit plain, List<Clustering> blocks) {
    Map<String, Tensor> changed = new LinkedHashMap<>();
    for (int i = 0; i < blocks.size(); i++) {
      changed.putAll(sorted(plain.weights(), i, tensor(blocks.get(i))));
    }
    return changed;
  }

  /**
   * The weights that change when block {@code i} of {@code plain} is sorted, and the order itself, all in the current scope.
   *
   * @param order [hidden], I64: channel {@code order[j]} becomes channel j
   */
  public static Map<String, Tensor> sorted(Weights plain, int i, Tensor order) {
    Map<String, Tensor> changed = new LinkedHashMap<>();
    String mlp = block(i) + "mlp.";
    changed.put(mlp + "fc1.weight", new IndexSelect(0).apply(plain.get(mlp + "fc1.weight").detach(), order));
    plain.find(mlp + "fc1.bias").ifPresent(b -> changed.put(mlp + "fc1.bias", new IndexSelect(0).apply(b.detach(), order)));
    changed.put(mlp + "fc2.weight", new IndexSelect(1).apply(plain.get(mlp + "fc2.weight").detach(), order));
    changed.put(block(i) + NAME, order);
    return changed;
  }

  /** Whether a weight of that name is an order. */
  public static boolean isOrder(String name) {
    return name.endsWith(NAME);
  }

  /** The order of block {@code i} among {@code weights}, if its channels were sorted. */
  public static Optional<Tensor> of(Weights weights, int i) {
    return weights.find(block(i) + NAME);
  }

  private static Tensor tensor(Clustering clustering) {
    int[] permutation = clustering.permutation();
    long[] order = new long[permutation.length];
    for (int j = 0; j < order.length; j++) {
      order[j] = permutation[j];
    }
    return Tensor.of(order, order.length);
  }

  private static double[][] rows(Tensor matrix) {
    double[] values = matrix.toDoubles();
    int width = (int) matrix.dim(1);
    double[][] rows = new double[(int) matrix.dim(0)][width];
    for (int r = 0; r < rows.length; r++) {
      System.arraycopy(values, r * width, rows[r], 0, width);
    }
    return rows;
  }

  private static String block(int i) {
    return "blocks." + i + ".";
  }
}
