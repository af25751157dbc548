package dev.tenon.training.method;

import dev.tenon.engine.Scope;
import dev.tenon.engine.TenonException;
import dev.tenon.engine.Tensor;
import dev.tenon.engine.autograd.Gradients;
import dev.tenon.engine.autograd.Tape;
import dev.tenon.model.vit.Vit;
import dev.tenon.training.checkpoint.Checkpoint;
import dev.tenon.training.data.Batch;
import dev.tenon.training.optim.GradientClip;
import dev.tenon.training.optim.Optimizer;
import dev.tenon.training.optim.WeightEma;
import java.util.Map;
import java.util.Optional;

/**
 * A network while it learns: weights, optimizer, averages and bank, moved on one mini-batch at a time. Everything that a step depends
 * on is either here, and goes into a checkpoint, or a function of the step's number.
 *
 * @param network its learning weights change in place
 * @param ema averaged weights, tracked beside
 */
public record Training(
    WorkingCopy network, Objective objective, Optimizer optimizer, Optional<GradientClip> clip, Optional<WeightEma> ema, RouterFade fade) {

  /** One that computes in the type of its weights. */
  public Training(
      Vit vit, Objective objective, Optimizer optimizer, Optional<GradientClip> clip, Optional<WeightEma> ema, RouterFade fade) {
    this(new WorkingCopy(vit, vit.weights().get("pos_embed").dtype()), objective, optimizer, clip, ema, fade);
  }

  /** The network that learns. */
  public Vit vit() {
    return network.master();
  }

  /**
   * What a step tells.
   *
   * @param loss that was minimized
   * @param distillation its part from Quality Retaining; 0 without
   * @param gradientNorm before clipping; NaN when nothing is clipped and so nobody measured it
   */
  public record Step(double loss, double crossEntropy, double distillation, double alpha, double gradientNorm) {}

  /**
   * One step.
   *
   * @param number of the step, from 0
   * @throws TenonException when the loss is not finite
   */
  public Step step(Batch batch, long number, double lr) {
    double alpha = fade.alpha(number);
    try (Scope _ = Scope.open(); Tape tape = Tape.record()) {
      Tensor logits = network.vit().forward(Evaluator.images(batch), alpha);
      Objective.Loss loss = objective.of(logits, new QualityRetaining.Targets(batch.labels(), batch.tasks()));
      Tensor total = loss.total();
      double value = total.item();
      if (!Double.isFinite(value)) {
        throw new TenonException("the loss of step " + number + " is " + value + "; lower optimizer.lr or set optimizer.clip");
      }
      // Read before the host runs ahead of the device, so that nothing has to be waited for once the weights are on their way.
      double crossEntropy = loss.crossEntropy().item();
      double distillation = loss.distillation().map(Tensor::item).orElse(0.0);
      Gradients gradients = tape.backward(total);
      Map<String, Tensor> learning = optimizer.parameters();
      double norm = clip.isPresent() ? GradientClip.norm(gradients, learning.values()) : Double.NaN;
      Gradients applied = clip.map(c -> c.apply(gradients, learning.values(), norm)).orElse(gradients);
      optimizer.step(applied, lr);
      ema.ifPresent(WeightEma::update);
      return new Step(value, crossEntropy, distillation, alpha, norm);
    }
  }

  /** Puts all that changes while learning into {@code checkpoint}. */
  public void save(Checkpoint checkpoint) {
    checkpoint.put("model", optimizer.parameters());
    checkpoint.put("optimizer", optimizer.state());
    ema.ifPresent(e -> checkpoint.put("ema", e.averages()));
    objective.retaining().ifPresent(r -> {
      checkpoint.put("retaining.bank", r.bank());
      checkpoint.put("retaining.task_loss", r.taskLoss());
    });
  }

  /** Goes on from what {@link #save} put there. */
  public void restore(Checkpoint checkpoint) {
    checkpoint.restore("model", optimizer.parameters());
    try (Scope _ = Scope.open()) {
      Map<String, Tensor> state = optimizer.state();
      state.replaceAll((_, t) -> t.copy());
      checkpoint.restore("optimizer", state);
      optimizer.restore(state);
    }
    ema.ifPresent(e -> checkpoint.restore("ema", e.averages()));
    objective.retaining().ifPresent(
        r -> r.restore(checkpoint.floats("retaining.bank"), checkpoint.doubles("retaining.task_loss")));
  }
}
