package dev.tenon.training.run;

import dev.tenon.engine.Tensor;
import dev.tenon.training.data.Batch;
import dev.tenon.training.method.Evaluation;
import dev.tenon.training.method.Evaluator;
import dev.tenon.training.method.Tally;
import java.util.ArrayList;
import java.util.List;
import java.util.function.UnaryOperator;

/**
 * An adapted network beside the plain one it was merged into, on all test images.
 *
 * @param largestDifference of any two logits
 * @param sameAnswers share of the images of which both say the same
 */
record Comparison(Evaluation adapted, Evaluation plain, double largestDifference, double sameAnswers) {
  static Comparison of(Evaluator evaluator, UnaryOperator<Tensor> adapted, UnaryOperator<Tensor> plain) {
    Count count = new Count(evaluator.data().classCount());
    List<Evaluation.Task> before = new ArrayList<>();
    List<Evaluation.Task> after = new ArrayList<>();
    for (int task = 0; task < evaluator.data().tasks().size(); task++) {
      Tally tallyBefore = new Tally(evaluator.data(), task);
      Tally tallyAfter = new Tally(evaluator.data(), task);
      evaluator.forEachBatch(evaluator.data().test(task), batch -> {
        float[] one = Evaluator.logits(batch, adapted);
        float[] other = Evaluator.logits(batch, plain);
        tallyBefore.add(batch, one);
        tallyAfter.add(batch, other);
        count.add(batch, one, other);
      });
      before.add(tallyBefore.result());
      after.add(tallyAfter.result());
    }
    return new Comparison(
        new Evaluation(before), new Evaluation(after), count.largest, (double) count.same / count.images);
  }

  /** What two networks differ in, so far. */
  private static final class Count {
    private final int classes;
    private double largest;
    private int same;
    private int images;

    Count(int classes) {
      this.classes = classes;
    }

    void add(Batch batch, float[] one, float[] other) {
      for (int i = 0; i < one.length; i++) {
        largest = Math.max(largest, Math.abs((double) one[i] - other[i]));
      }
      for (int row = 0; row < one.length; row += classes) {
        same += Tally.best(one, row, row + classes) == Tally.best(other, row, row + classes) ? 1 : 0;
      }
      images += batch.count();
    }
  }
}
