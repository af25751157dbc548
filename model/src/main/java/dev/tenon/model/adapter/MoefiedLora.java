package dev.tenon.model.adapter;

import dev.tenon.engine.Shape;
import dev.tenon.engine.TenonException;
import dev.tenon.engine.Tensor;
import dev.tenon.engine.random.Philox;
import dev.tenon.model.vit.Vit;
import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.LongToDoubleFunction;

/**
 * Turns a plain network into EMTAL's (§2.1–2.3): hidden channels sorted into experts, a low-rank update on every linear layer of a
 * block, and a soft router.
 *
 * @param experts K, which divides the hidden width
 * @param lora the updates
 * @param restarts of the balanced k-means, of which the best is kept
 * @param iterations of the k-means at most, for each start
 */
public record MoefiedLora(int experts, Lora lora, int restarts, int iterations) {
  private static final double ROUTER_STD = 0.02;
  private static final double TOLERANCE = 1e-4;

  public MoefiedLora {
    if (experts < 1) {
      throw new TenonException("MoEfied LoRA needs at least one expert, not " + experts + "; change the method's settings");
    }
  }

  /** As in the paper: updates on all four layers, 10 starts of at most 300 iterations. */
  public static MoefiedLora of(int experts, int rank, long seed) {
    return new MoefiedLora(experts, new Lora(rank, EnumSet.allOf(Lora.Target.class), 0.02, seed), 10, 300);
  }

  /**
   * The adapted network in the current scope; its updates, routers and heads are trainable, the rest is frozen.
   *
   * @throws TenonException when {@code plain} is adapted already or K does not divide its hidden width
   */
  public Vit adapt(Vit plain) {
    Adapters.requirePlain(plain);
    Map<String, Tensor> added = new LinkedHashMap<>(lora.updates(plain));
    for (int i = 0; i < plain.depth(); i++) {
      String at = "blocks." + i + ".";
      sortIntoExperts(plain, at, added);
      String gate = at + "mlp.gate_weight_lora.weight";
      Tensor fc1 = plain.weights().get(at + "mlp.fc1.weight");
      LongToDoubleFunction values = Philox.of(lora.seed()).split(gate).truncatedNormal(ROUTER_STD, -2, 2);
      added.put(gate, Adapters.filled(fc1.dtype(), Shape.of(experts, fc1.dim(1)), values));
    }
    return Adapters.trainable(plain, added);
  }

  /** Sorts the hidden channels so that each expert's are neighbors; the network's function stays the same. */
  private void sortIntoExperts(Vit plain, String at, Map<String, Tensor> added) {
    Tensor fc1 = plain.weights().get(at + "mlp.fc1.weight");
    int hidden = (int) fc1.dim(0);
    int width = (int) fc1.dim(1);
    double[] w = fc1.toDoubles();
    double[][] rows = new double[hidden][width];
    for (int r = 0; r < hidden; r++) {
      System.arraycopy(w, r * width, rows[r], 0, width);
    }
    int[] order = clustering().fit(rows).permutation();
    added.put(at + "mlp.fc1.weight", reordered(fc1, order, width, false));
    Tensor bias = plain.weights().find(at + "mlp.fc1.bias").orElse(null);
    if (bias != null) {
      added.put(at + "mlp.fc1.bias", reordered(bias, order, 1, false));
    }
    added.put(at + "mlp.fc2.weight", reordered(plain.weights().get(at + "mlp.fc2.weight"), order, hidden, true));
  }

  /** Rows (or, under {@code columns}, columns) of a matrix with {@code width} columns, in another order. */
  private static Tensor reordered(Tensor t, int[] order, int width, boolean columns) {
    double[] from = t.toDoubles();
    double[] to = new double[from.length];
    for (int i = 0; i < to.length; i++) {
      int row = i / width;
      int column = i % width;
      to[i] = columns ? from[row * width + order[column]] : from[order[row] * width + column];
    }
    return Tensor.of(t.dtype(), t.shape(), to);
  }

  private BalancedKMeans clustering() {
    return new BalancedKMeans(experts, BalancedKMeans.Metric.EUCLIDEAN, restarts, iterations, TOLERANCE, lora.seed());
  }
}
