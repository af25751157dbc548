package dev.tenon.training.method;

import dev.tenon.engine.DType;
import dev.tenon.engine.Shape;
import dev.tenon.engine.TenonException;
import dev.tenon.engine.Tensor;
import dev.tenon.engine.op.LogSoftmax;
import dev.tenon.training.recipe.RetainingSpec;
import java.util.Arrays;

/**
 * Quality Retaining: each sample is distilled from what the network lately said about its class, the harder the better its task is
 * already learnt (EMTAL §2.4, Eq. 10–11; the arithmetic follows the released code).
 */
public final class QualityRetaining {
  private final RetainingSpec spec;
  private final int classes;
  private final int slots;
  private final float[] bank;
  private final double[] taskLoss;

  /** What a mini-batch is about: labels over the union of all tasks, and the task of each sample. */
  public record Targets(int[] labels, int[] tasks) {
    public Targets {
      if (labels.length != tasks.length) {
        throw new IllegalArgumentException(labels.length + " labels for " + tasks.length + " tasks");
      }
    }

    int size() {
      return labels.length;
    }
  }

  /** An empty bank for {@code classes} classes of {@code tasks} tasks: all rows zero, a uniform teacher. */
  public QualityRetaining(RetainingSpec spec, int classes, int tasks) {
    this.spec = spec;
    this.classes = classes;
    this.slots = spec.mode() == RetainingSpec.Mode.TWO_SAMPLE ? 2 : 1;
    this.bank = new float[classes * slots * classes];
    this.taskLoss = new double[tasks];
    Arrays.fill(taskLoss, spec.initialLoss());
  }

  /**
   * The distillation term of one mini-batch, and the trackers and the bank moved on by it.
   *
   * @param logits [batch, classes], on the tape
   * @return a scalar of the type of {@code logits}: the mean over samples of {@code kl / L_task}
   */
  public Tensor step(Tensor logits, Targets targets) {
    if (logits.rank() != 2 || logits.dim(0) != targets.size() || logits.dim(1) != classes) {
      throw new TenonException(
          "Quality Retaining: logits must be [" + targets.size() + ", " + classes + "], but are " + logits.shape());
    }
    double[] values = logits.toDoubles();
    track(values, targets);
    Tensor loss = distill(logits, targets);
    remember(values, targets);
    return loss;
  }

  /** Running cross-entropy of each task. */
  public double[] taskLoss() {
    return taskLoss.clone();
  }

  /** The bank, [classes, slots, classes] row-major, for checkpoints. */
  public float[] bank() {
    return bank.clone();
  }

  /** Puts back what {@link #bank} and {@link #taskLoss} gave. */
  public void restore(float[] savedBank, double[] savedTaskLoss) {
    if (savedBank.length != bank.length || savedTaskLoss.length != taskLoss.length) {
      throw new TenonException("the checkpoint's bank is of " + savedBank.length + " values and " + savedTaskLoss.length
          + " tasks, but this run needs " + bank.length + " and " + taskLoss.length + "; resume with the recipe it was made by");
    }
    System.arraycopy(savedBank, 0, bank, 0, bank.length);
    System.arraycopy(savedTaskLoss, 0, taskLoss, 0, taskLoss.length);
  }

  private void track(double[] logits, Targets targets) {
    double[] sum = new double[taskLoss.length];
    int[] count = new int[taskLoss.length];
    for (int s = 0; s < targets.size(); s++) {
      double[] row = Arrays.copyOfRange(logits, s * classes, (s + 1) * classes);
      sum[targets.tasks[s]] += logSumExp(row) - row[targets.labels[s]];
      count[targets.tasks[s]]++;
    }
    double keep = spec.lossMomentum();
    for (int t = 0; t < taskLoss.length; t++) {
      if (count[t] > 0) {
        taskLoss[t] = keep * taskLoss[t] + (1 - keep) * sum[t] / count[t];
      }
    }
  }

  /** {@code mean_s(weight_s · Σ_slots Σ_j q·(ln q − ln p))}: the entropy of q is a constant beside {@code −Σ q·ln p}. */
  private Tensor distill(Tensor logits, Targets targets) {
    double temperature = spec.temperature();
    double each = temperature * temperature * 2 / slots / targets.size();
    double[] teacher = new double[targets.size() * classes];
    double entropy = 0;
    for (int s = 0; s < targets.size(); s++) {
      double weight = each / Math.max(taskLoss[targets.tasks[s]], spec.floor());
      for (int slot = 0; slot < slots; slot++) {
        double[] row = row(targets.labels[s], slot, temperature);
        double norm = logSumExp(row);
        for (int j = 0; j < classes; j++) {
          double logQ = row[j] - norm;
          double q = Math.exp(logQ);
          teacher[s * classes + j] += weight * q;
          entropy += weight * q * logQ;
        }
      }
    }
    DType dtype = logits.dtype();
    Tensor logP = new LogSoftmax(1).apply(logits.mul(1 / temperature));
    Tensor cross = logP.mul(Tensor.of(dtype, Shape.of(targets.size(), classes), teacher)).sum();
    return cross.affine(-1, entropy);
  }

  private double[] row(int label, int slot, double temperature) {
    double[] row = new double[classes];
    for (int j = 0; j < classes; j++) {
      row[j] = bank[(label * slots + slot) * classes + j] / temperature;
    }
    return row;
  }

  /** With several samples of one class the last in batch order wins, and slot 0 receives the slot 1 of before the batch. */
  private void remember(double[] logits, Targets targets) {
    float[] before = bank.clone();
    for (int s = 0; s < targets.size(); s++) {
      int first = targets.labels[s] * slots * classes;
      for (int j = 0; j < classes; j++) {
        float z = (float) logits[s * classes + j];
        if (slots == 2) {
          bank[first + j] = before[first + classes + j];
          bank[first + classes + j] = z;
        } else {
          double keep = spec.bankMomentum();
          bank[first + j] = (float) (keep * before[first + j] + (1 - keep) * z);
        }
      }
    }
  }

  private static double logSumExp(double[] row) {
    double max = Arrays.stream(row).max().orElseThrow();
    return max + Math.log(Arrays.stream(row).map(x -> Math.exp(x - max)).sum());
  }
}
