package dev.tenon.training.method;

import dev.tenon.engine.DType;
import dev.tenon.engine.Shape;
import dev.tenon.engine.TenonException;
import dev.tenon.engine.Tensor;
import dev.tenon.engine.autograd.Tape;
import dev.tenon.engine.op.Assign;
import dev.tenon.engine.op.Binary;
import dev.tenon.engine.op.Concat;
import dev.tenon.engine.op.Gather;
import dev.tenon.engine.op.IndexSelect;
import dev.tenon.engine.op.LogSoftmax;
import dev.tenon.engine.op.Unary;
import dev.tenon.training.recipe.RetainingSpec;
import java.util.Arrays;
import java.util.List;

/**
 * Quality Retaining: each sample is distilled from what the network lately said about its class, the harder the better its task is
 * already learnt (EMTAL §2.4, Eq. 10–11; the arithmetic follows the released code).
 */
public final class QualityRetaining {
  private final RetainingSpec spec;
  private final int classes;
  private final int slots;
  private final Tensor bank;
  private final Tensor taskLoss;

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

  /** An empty bank for {@code classes} classes of {@code tasks} tasks, in the current scope: all rows zero, a uniform teacher. */
  public QualityRetaining(RetainingSpec spec, int classes, int tasks) {
    this.spec = spec;
    this.classes = classes;
    this.slots = spec.mode() == RetainingSpec.Mode.TWO_SAMPLE ? 2 : 1;
    this.bank = Tensor.zeros(DType.F32, Shape.of(classes, slots, classes));
    this.taskLoss = Tensor.full(DType.F32, Shape.of(tasks), spec.initialLoss());
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
    return step(logits, feed(targets).stream().map(Feed::tensor).toList());
  }

  /**
   * What a step needs of a mini-batch: labels and tasks of its samples, what each sample adds to the running loss of each task, what
   * each task keeps of it, and which row of bank and logits, one after the other, each row of the bank becomes.
   */
  List<Feed> feed(Targets targets) {
    int batch = targets.size();
    int tasks = (int) taskLoss.dim(0);
    int[] count = new int[tasks];
    Arrays.stream(targets.tasks).forEach(t -> count[t]++);
    float[] keeps = new float[tasks];
    for (int t = 0; t < tasks; t++) {
      keeps[t] = count[t] > 0 ? (float) spec.lossMomentum() : 1;
    }
    float[] adds = new float[tasks * batch];
    for (int s = 0; s < batch; s++) {
      adds[targets.tasks[s] * batch + s] = (float) ((1 - spec.lossMomentum()) / count[targets.tasks[s]]);
    }
    return List.of(
        Feed.of(Arrays.stream(targets.labels).asLongStream().toArray(), batch),
        Feed.of(Arrays.stream(targets.tasks).asLongStream().toArray(), batch),
        Feed.of(adds, tasks, batch), Feed.of(keeps, tasks), Feed.of(successors(targets), (long) classes * slots));
  }

  /** With several samples of one class the last in batch order wins, and slot 0 receives the slot 1 of before the batch. */
  private long[] successors(Targets targets) {
    long[] rows = new long[classes * slots];
    Arrays.setAll(rows, i -> i);
    for (int s = 0; s < targets.size(); s++) {
      int last = targets.labels[s] * slots + slots - 1;
      if (slots == 2) {
        rows[last - 1] = last;
      }
      rows[last] = (long) classes * slots + s;
    }
    return rows;
  }

  /** As {@link #step(Tensor, Targets)}, with what {@link #feed} gave. */
  Tensor step(Tensor logits, List<Tensor> fed) {
    DType type = logits.dtype();
    double temperature = spec.temperature();
    Tensor teacher;
    Tensor entropy;
    try (Tape _ = Tape.pause()) {
      Tensor weights = weights(track(logits, fed), fed.get(1), temperature * temperature * 2 / slots / logits.dim(0));
      Tensor rows = new IndexSelect(0).apply(bank, fed.get(0)).cast(type).mul(1 / temperature);
      Tensor logQ = new LogSoftmax(2).apply(rows);
      Tensor q = logQ.map(Unary.Fn.EXP).mul(weights.reshape(-1, 1, 1));
      teacher = q.sum(1);
      entropy = q.mul(logQ).sum();
      remember(logits, fed.get(4));
    }
    // Σ q·(ln q − ln p), of which only the second term has a gradient.
    Tensor logP = new LogSoftmax(1).apply(logits.mul(1 / temperature));
    return entropy.sub(logP.mul(teacher).sum());
  }

  /** Moves the tasks' running cross-entropies on; answers them in the type of {@code logits}. */
  private Tensor track(Tensor logits, List<Tensor> fed) {
    DType type = logits.dtype();
    Tensor labels = fed.get(0).reshape(-1, 1);
    Tensor crossEntropy = new Gather(1).apply(new LogSoftmax(1).apply(logits), labels).neg();
    Tensor added = fed.get(2).cast(type).matmul(crossEntropy).reshape(-1);
    Tensor next = taskLoss.cast(type).mul(fed.get(3).cast(type)).add(added);
    new Assign().apply(taskLoss, next.cast(DType.F32));
    return next;
  }

  private Tensor weights(Tensor losses, Tensor tasks, double each) {
    Tensor ofSamples = new IndexSelect(0).apply(losses, tasks);
    Tensor floored = new Binary(Binary.Fn.MAX).apply(ofSamples, Tensor.scalar(losses.dtype(), spec.floor()));
    return Tensor.scalar(losses.dtype(), each).div(floored);
  }

  private void remember(Tensor logits, Tensor successors) {
    Tensor rows = bank.reshape((long) classes * slots, classes);
    Tensor next = new IndexSelect(0).apply(new Concat(0).apply(rows, logits.detach().cast(DType.F32)), successors);
    // A class without a sample has itself for its successor, and keeps its bits.
    Tensor moved = slots == 2 ? next : rows.add(next.sub(rows).mul(1 - spec.bankMomentum()));
    new Assign().apply(bank, moved.reshape(bank.shape()));
  }

  /** Running cross-entropy of each task, which a step changes. */
  Tensor running() {
    return taskLoss;
  }

  /** Its values. */
  public double[] taskLoss() {
    return taskLoss.toDoubles();
  }

  /** The bank, [classes, slots, classes] row-major, for checkpoints. */
  public float[] bank() {
    return bank.toFloats();
  }

  /** Puts back what {@link #bank} and {@link #taskLoss} gave. */
  public void restore(float[] savedBank, double[] savedTaskLoss) {
    if (savedBank.length != bank.size() || savedTaskLoss.length != taskLoss.size()) {
      throw new TenonException("the checkpoint's bank is of " + savedBank.length + " values and " + savedTaskLoss.length
          + " tasks, but this run needs " + bank.size() + " and " + taskLoss.size() + "; resume with the recipe it was made by");
    }
    float[] losses = new float[savedTaskLoss.length];
    for (int t = 0; t < losses.length; t++) {
      losses[t] = (float) savedTaskLoss[t];
    }
    Feed.of(savedBank, savedBank.length).into(bank);
    Feed.of(losses, losses.length).into(taskLoss);
  }
}
