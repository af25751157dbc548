package dev.tenon.training.recipe;

import java.util.List;

/** How the backbone is adapted: EMTAL, or one of the baselines it is compared with. */
public sealed interface MethodSpec {

  /** The word after {@code method.kind}. */
  Kind kind();

  /** Names of the methods. */
  enum Kind {
    LINEAR_PROBE,
    FULL,
    LORA,
    MOEFIED_LORA,
    EMTAL
  }

  /** The linear layers of a block that can carry an adapter. */
  enum Target {
    QKV,
    PROJ,
    FC1,
    FC2
  }

  /** Trains the shared classifier on frozen features. */
  record LinearProbe() implements MethodSpec {
    @Override
    public Kind kind() {
      return Kind.LINEAR_PROBE;
    }
  }

  /**
   * Trains every weight.
   *
   * @param separate one network a task instead of one for their union
   */
  record Full(boolean separate) implements MethodSpec {
    @Override
    public Kind kind() {
      return Kind.FULL;
    }
  }

  /**
   * Low-rank adapters on frozen layers (EMTAL §2.2: scale 1, both factors drawn from N(0, {@code initStd}²)).
   *
   * @param targets layers of each block that carry one
   */
  record Lora(int rank, List<Target> targets, double initStd) implements MethodSpec {
    static final Lora DEFAULT = new Lora(4, List.of(Target.values()), 0.02);
    static final Lora BASELINE = new Lora(16, DEFAULT.targets, DEFAULT.initStd);

    @Override
    public Kind kind() {
      return Kind.LORA;
    }

    static Lora visit(Section s, Lora d) {
      var spec = new Lora(
          s.integer("rank", d.rank, 1, 4096),
          s.choices("targets", d.targets, Target.class),
          s.number("init-std", d.initStd, 0, 1));
      s.check(!spec.targets.isEmpty(), "targets", "is empty; name at least one of qkv, proj, fc1, fc2");
      return spec;
    }
  }

  /**
   * LoRA with the MLP's hidden channels clustered into softly routed experts whose router fades to 1
   * (§2.1–2.5).
   *
   * @param experts K, which divides the hidden width
   * @param routerTemperature τ of the router's softmax
   * @param fadeStart share of all steps, cool-down included, at which fading begins
   * @param fadeEnd share of all steps at which the router is the constant 1 and the model can be merged
   * @param clusterRestarts starts of the balanced k-means, of which the best is kept; 0 takes weights sorted by {@code tenon cluster}
   * @param clusterIterations at most, for each start
   */
  record MoefiedLora(
      Lora lora,
      int experts,
      double routerTemperature,
      double fadeStart,
      double fadeEnd,
      int clusterRestarts,
      int clusterIterations)
      implements MethodSpec {
    static final MoefiedLora DEFAULT = new MoefiedLora(Lora.DEFAULT, 16, 5, 0, 0.5, 10, 300);

    @Override
    public Kind kind() {
      return Kind.MOEFIED_LORA;
    }

    static MoefiedLora visit(Section s, MoefiedLora d) {
      var spec = new MoefiedLora(
          Lora.visit(s, d.lora),
          s.integer("experts", d.experts, 1, 65_536),
          s.number("router-temperature", d.routerTemperature, 1e-3, 1e6),
          s.number("fade-start", d.fadeStart, 0, 1),
          s.number("fade-end", d.fadeEnd, 0, 1),
          s.integer("cluster-restarts", d.clusterRestarts, 0, 1000),
          s.integer("cluster-iterations", d.clusterIterations, 1, 100_000));
      s.check(spec.fadeEnd >= spec.fadeStart, "fade-end",
          "is " + spec.fadeEnd + ", before 'fade-start' " + spec.fadeStart + "; put it after that");
      return spec;
    }
  }

  /** MoEfied LoRA trained with Quality Retaining: the paper's method. */
  record Emtal(MoefiedLora adapter, RetainingSpec retaining) implements MethodSpec {
    static final Emtal DEFAULT = new Emtal(MoefiedLora.DEFAULT, RetainingSpec.DEFAULT);

    @Override
    public Kind kind() {
      return Kind.EMTAL;
    }
  }

  static MethodSpec visit(Section s, MethodSpec d) {
    return switch (s.choice("kind", d.kind())) {
      case LINEAR_PROBE -> new LinearProbe();
      case FULL -> new Full(s.flag("separate", d instanceof Full full && full.separate));
      case LORA -> Lora.visit(s, d instanceof Lora lora ? lora : Lora.BASELINE);
      case MOEFIED_LORA -> MoefiedLora.visit(s, d instanceof MoefiedLora moe ? moe : MoefiedLora.DEFAULT);
      case EMTAL -> {
        var emtal = d instanceof Emtal e ? e : Emtal.DEFAULT;
        yield new Emtal(
            MoefiedLora.visit(s, emtal.adapter),
            s.section("retaining", emtal.retaining, RetainingSpec::visit));
      }
    };
  }
}
