package dev.tenon.training.run;

import dev.tenon.engine.Scope;
import dev.tenon.engine.Tensor;
import dev.tenon.engine.autograd.Tape;
import dev.tenon.model.vit.Vit;
import dev.tenon.training.data.Batch;
import dev.tenon.training.data.UnionSample;
import dev.tenon.training.method.Evaluator;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;

/** Measures how much of the routing each expert of each block receives. */
final class Routing {
  private static final int IMAGES_PER_TASK = 32;

  private Routing() {}

  /** Mean shares over the tokens of some test images of every task, {@code [block][expert]}; empty without routers. */
  static List<List<Double>> shares(Vit vit, Evaluator evaluator, double alpha) {
    List<UnionSample> samples = IntStream.range(0, evaluator.data().tasks().size())
        .boxed()
        .flatMap(task -> evaluator.data().someTest(task, IMAGES_PER_TASK).stream())
        .toList();
    List<double[]> sums = new ArrayList<>();
    evaluator.forEachBatch(samples, batch -> add(vit, batch, alpha, sums));
    return sums.stream()
        .map(sum -> IntStream.range(0, sum.length).mapToObj(k -> sum[k] / samples.size()).toList())
        .toList();
  }

  private static void add(Vit vit, Batch batch, double alpha, List<double[]> sums) {
    try (Scope _ = Scope.open(); Tape _ = Tape.pause()) {
      List<Tensor> routing = vit.routing(Evaluator.images(batch), alpha);
      for (int block = 0; block < routing.size(); block++) {
        double[] means = routing.get(block).toDoubles();
        if (sums.size() == block) {
          sums.add(new double[means.length]);
        }
        for (int k = 0; k < means.length; k++) {
          sums.get(block)[k] += means[k] * batch.count();
        }
      }
    }
  }
}
