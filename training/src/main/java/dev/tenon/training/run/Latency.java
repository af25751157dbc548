package dev.tenon.training.run;

import dev.tenon.engine.Scope;
import dev.tenon.engine.Tensor;
import dev.tenon.engine.autograd.Tape;
import java.util.ArrayList;
import java.util.List;
import java.util.function.UnaryOperator;

/** Times networks side by side, in turns, so that whatever else the machine does hits them alike. */
final class Latency {
  private static final int WARM_UPS = 2;
  private static final int LEAST_ROUNDS = 5;
  private static final int MOST_ROUNDS = 30;
  private static final long ENOUGH_NANOS = 1_000_000_000L;

  private Latency() {}

  /**
   * Median time of each network on one image of a batch, in milliseconds.
   *
   * @param images [B, 3, S, S]
   */
  static double[] millisPerImage(Tensor images, List<UnaryOperator<Tensor>> networks) {
    List<double[]> rounds = new ArrayList<>();
    long begin = System.nanoTime();
    for (int round = 0; round < WARM_UPS + MOST_ROUNDS; round++) {
      if (round >= WARM_UPS + LEAST_ROUNDS && System.nanoTime() - begin > ENOUGH_NANOS) {
        break;
      }
      double[] millis = networks.stream().mapToDouble(network -> once(images, network)).toArray();
      if (round >= WARM_UPS) {
        rounds.add(millis);
      }
    }
    double[] medians = new double[networks.size()];
    for (int n = 0; n < medians.length; n++) {
      int network = n;
      double[] times = rounds.stream().mapToDouble(round -> round[network]).sorted().toArray();
      medians[n] = times[times.length / 2] / images.dim(0);
    }
    return medians;
  }

  private static double once(Tensor images, UnaryOperator<Tensor> network) {
    try (Scope scope = Scope.open(); Tape _ = Tape.pause()) {
      long begin = System.nanoTime();
      Tensor _ = network.apply(images);
      scope.backend().synchronize();
      return (System.nanoTime() - begin) / 1e6;
    }
  }
}
