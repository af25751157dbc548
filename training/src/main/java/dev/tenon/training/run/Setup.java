package dev.tenon.training.run;

import dev.tenon.engine.DType;
import dev.tenon.engine.Precision;
import dev.tenon.engine.Tensor;
import dev.tenon.model.vit.Vit;
import dev.tenon.training.data.MultiTask;
import dev.tenon.training.method.Adaptation;
import dev.tenon.training.method.Objective;
import dev.tenon.training.method.QualityRetaining;
import dev.tenon.training.method.RouterFade;
import dev.tenon.training.method.Training;
import dev.tenon.training.method.WorkingCopy;
import dev.tenon.training.optim.GradientClip;
import dev.tenon.training.optim.Optimizer;
import dev.tenon.training.optim.Rule;
import dev.tenon.training.optim.Schedule;
import dev.tenon.training.optim.WeightEma;
import dev.tenon.training.recipe.MethodSpec;
import dev.tenon.training.recipe.OptimizerSpec;
import dev.tenon.training.recipe.Recipe;
import dev.tenon.training.recipe.ScheduleSpec;
import java.util.Map;
import java.util.Optional;

/** From what a recipe says about learning to the parts that learn. */
final class Setup {
  private Setup() {}

  /**
   * A network ready for its first step, in the current scope.
   *
   * @param totalSteps of the whole run, which the fade counts in
   */
  static Training<Vit> training(Recipe recipe, MultiTask data, Vit pretrained, long totalSteps) {
    Vit vit = Adaptation.of(recipe.method(), pretrained, data.classCount(), recipe.seed());
    OptimizerSpec spec = recipe.optimizer();
    Map<String, Tensor> learning = Adaptation.learning(vit);
    return new Training<>(
        new WorkingCopy<>(vit, recipe.precision() == Precision.BF16 ? DType.BF16 : DType.F32),
        new Objective(spec.labelSmoothing(), retaining(recipe.method(), data)),
        new Optimizer(rule(spec), learning),
        spec.clip() > 0 ? Optional.of(new GradientClip(spec.clip())) : Optional.empty(),
        spec.weightEma() > 0 ? Optional.of(new WeightEma(spec.weightEma(), learning)) : Optional.empty(),
        fade(recipe.method(), totalSteps));
  }

  private static Optional<QualityRetaining> retaining(MethodSpec method, MultiTask data) {
    return method instanceof MethodSpec.Emtal emtal
        ? Optional.of(new QualityRetaining(emtal.retaining(), data.classCount(), data.tasks().size()))
        : Optional.empty();
  }

  private static Rule rule(OptimizerSpec spec) {
    return switch (spec.kind()) {
      case ADAMW -> new Rule.AdamW(spec.beta1(), spec.beta2(), spec.eps(), spec.weightDecay(), false);
      case ADAM -> new Rule.Adam(spec.beta1(), spec.beta2(), spec.eps(), spec.weightDecay(), false);
      case SGD -> new Rule.Sgd(spec.momentum(), 0, spec.nesterov(), spec.weightDecay());
    };
  }

  private static RouterFade fade(MethodSpec method, long totalSteps) {
    return switch (method) {
      case MethodSpec.MoefiedLora moe -> new RouterFade(moe.fadeStart(), moe.fadeEnd(), totalSteps);
      case MethodSpec.Emtal emtal -> fade(emtal.adapter(), totalSteps);
      case MethodSpec.LinearProbe _, MethodSpec.Full _, MethodSpec.Lora _ -> new RouterFade(0, 0, totalSteps);
    };
  }

  /** The learning rate of each epoch: warm-up, decay on the clock of the whole run, cool-down (EMTAL §3.2). */
  static Schedule schedule(ScheduleSpec spec) {
    Schedule decay = switch (spec.kind()) {
      case COSINE -> new Schedule.Cosine(spec.epochs(), spec.minLr());
      case STEP -> new Schedule.Step(spec.stepEpochs(), spec.stepFactor());
      case POLYNOMIAL -> new Schedule.Polynomial(spec.epochs(), spec.minLr(), spec.power());
      case CONSTANT -> new Schedule.Constant();
    };
    Schedule warm = spec.warmupEpochs() == 0
        ? decay
        : new Schedule.WarmUp(decay, spec.warmupEpochs(), spec.warmupLr(), false);
    return new Schedule.CoolDown(warm, spec.epochs(), spec.minLr());
  }
}
