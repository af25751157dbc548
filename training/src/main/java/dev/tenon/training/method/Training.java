package dev.tenon.training.method;

import dev.tenon.engine.DType;
import dev.tenon.engine.Plan;
import dev.tenon.engine.Scope;
import dev.tenon.engine.TenonException;
import dev.tenon.engine.Tensor;
import dev.tenon.engine.autograd.Gradients;
import dev.tenon.engine.autograd.Tape;
import dev.tenon.engine.kernel.WeightFormat;
import dev.tenon.engine.op.Concat;
import dev.tenon.model.Fade;
import dev.tenon.model.Network;
import dev.tenon.training.checkpoint.Checkpoint;
import dev.tenon.training.data.Batch;
import dev.tenon.training.optim.GradientClip;
import dev.tenon.training.optim.Optimizer;
import dev.tenon.training.optim.WeightEma;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Supplier;

/**
 * A network while it learns: weights, optimizer, averages and bank, moved on one mini-batch at a time. Everything that a step depends
 * on is either here, and goes into a checkpoint, or a function of the step's number.
 *
 * <p>A step is recorded once for each size of batches, as a {@link Plan}: forward, backward and every update, which a GPU then runs
 * without the host.
 *
 * @param <N> kind of the network
 */
public final class Training<N extends Network> {
  private static final int IMAGES = 0;
  private static final int ALPHA = 1;
  private static final int RATES = 2;
  /** The first of what the objective is fed. */
  private static final int WANTED = 3;

  private final WorkingCopy<N> network;
  private final Objective objective;
  private final Optimizer optimizer;
  private final Optional<GradientClip> clip;
  private final Optional<WeightEma> ema;
  private final RouterFade fade;
  private final Scope scope = Scope.current();
  private final Map<Integer, Plan> plans = new HashMap<>();

  /**
   * In the current scope, which must be open, and on the thread of, every step.
   *
   * @param network its learning weights change in place
   * @param ema averaged weights, tracked beside
   */
  public Training(
      WorkingCopy<N> network, Objective objective, Optimizer optimizer, Optional<GradientClip> clip, Optional<WeightEma> ema,
      RouterFade fade) {
    this.network = network;
    this.objective = objective;
    this.optimizer = optimizer;
    this.clip = clip;
    this.ema = ema;
    this.fade = fade;
  }

  /** One that computes in the type of its weights. */
  public Training(
      N network, Objective objective, Optimizer optimizer, Optional<GradientClip> clip, Optional<WeightEma> ema, RouterFade fade) {
    this(new WorkingCopy<>(network, WorkingCopy.type(network)), objective, optimizer, clip, ema, fade);
  }

  /** The network that learns. */
  public N master() {
    return network.master();
  }

  /** What the network computes with. */
  WorkingCopy<N> network() {
    return network;
  }

  public Objective objective() {
    return objective;
  }

  public Optimizer optimizer() {
    return optimizer;
  }

  public Optional<WeightEma> ema() {
    return ema;
  }

  public RouterFade fade() {
    return fade;
  }

  /**
   * What a step tells.
   *
   * @param loss that was minimized
   * @param distillation its part from Quality Retaining; 0 without
   * @param gradientNorm before clipping; NaN when nothing is clipped and so nobody measured it
   * @param taskLoss running cross-entropy of each task; empty without Quality Retaining
   */
  public record Step(
      double loss, double crossEntropy, double distillation, double alpha, double gradientNorm, List<Double> taskLoss) {}

  /** One step; what it told. */
  public Step step(Batch batch, long number, double lr) {
    return start(batch, number, lr).get();
  }

  /**
   * Starts one step. What it told is waited for when asked for, so that who starts the next one first keeps a GPU busy.
   *
   * @param number of the step, from 0
   * @return throws {@link TenonException} when the loss is not finite; the weights are spoilt then, and what was saved before is not
   */
  public Supplier<Step> start(Batch batch, long number, double lr) {
    double alpha = fade.alpha(number);
    DType type = optimizer.type();
    int classes = (int) master().weights().get("head.weight").dim(0);
    List<Feed> fed = new ArrayList<>(List.of(Evaluator.feed(batch), Feed.of(type, alpha), Feed.of(type, optimizer.next(lr))));
    fed.addAll(objective.feed(new QualityRetaining.Targets(batch.labels(), batch.tasks()), classes));
    Plan plan = plans.computeIfAbsent(batch.count(),
        _ -> Plan.of(scope, this::results, fed.stream().map(Feed::spec).toList(), WeightFormat.F32));
    for (int i = 0; i < fed.size(); i++) {
      fed.get(i).into(plan.inputs().get(i));
    }
    Supplier<double[]> later = plan.run().getFirst().toDoublesLater();
    return () -> {
      double[] told = later.get();
      if (!Double.isFinite(told[0])) {
        throw new TenonException("the loss of step " + number + " is " + told[0] + "; lower optimizer.lr or set optimizer.clip");
      }
      return new Step(told[0], told[1], told[2], alpha, told[3], Arrays.stream(told).skip(4).boxed().toList());
    };
  }

  /** The whole of a step; one tensor, of loss, cross-entropy, distillation, the gradients' norm and the running losses of tasks. */
  private List<Tensor> results(List<Tensor> fed) {
    try (Tape tape = Tape.record()) {
      Tensor logits = network.next().forward(fed.get(IMAGES), new Fade.Read(fed.get(ALPHA)));
      Objective.Loss loss = objective.of(logits, fed.subList(WANTED, fed.size()));
      Tensor total = loss.total();
      Gradients gradients = tape.backward(total);
      Collection<Tensor> learning = optimizer.parameters().values();
      Optional<Tensor> norm = clip.map(_ -> GradientClip.norm(gradients, learning));
      optimizer.apply(gradients, clip.map(c -> c.apply(fed.get(RATES), norm.orElseThrow())).orElse(fed.get(RATES)));
      ema.ifPresent(WeightEma::update);
      List<Tensor> told = new ArrayList<>(List.of(
          total, loss.crossEntropy(), loss.distillation().orElseGet(() -> Tensor.scalar(total.dtype(), 0)),
          norm.orElseGet(() -> Tensor.scalar(total.dtype(), Double.NaN))));
      objective.retaining().ifPresent(r -> told.add(r.running()));
      return List.of(new Concat(0).applyAll(told.stream().map(t -> t.detach().cast(optimizer.type()).reshape(-1)).toList()).getFirst());
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
