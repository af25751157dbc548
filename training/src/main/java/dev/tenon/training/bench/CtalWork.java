package dev.tenon.training.bench;

import dev.tenon.engine.DType;
import dev.tenon.engine.Plan;
import dev.tenon.engine.Scope;
import dev.tenon.engine.Shape;
import dev.tenon.engine.Tensor;
import dev.tenon.engine.autograd.Gradients;
import dev.tenon.engine.autograd.Tape;
import dev.tenon.engine.kernel.WeightFormat;
import dev.tenon.engine.op.Affinity;
import dev.tenon.engine.op.Assign;
import dev.tenon.engine.op.Cost;
import dev.tenon.engine.op.Spec;
import dev.tenon.model.Phase;
import dev.tenon.model.Weights;
import dev.tenon.model.affinity.AffinityConfig;
import dev.tenon.model.affinity.CrossTaskAffinity;
import dev.tenon.model.affinity.DecoderSizes;
import dev.tenon.training.optim.Optimizer;
import dev.tenon.training.optim.Rule;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/**
 * CTAL's module around the affinity, at its published widths, for {@code batch} images: what it makes of the features of some tasks, or a
 * step of its training, to the gradients of those features and a step of Adam.
 */
record CtalWork(long batch, int tasks, long height, long width, boolean step) implements Workload {
  private static final List<String> NAMES = List.of("semseg", "depth", "normals");
  private static final long SEED = 11;
  private static final double LR = 1e-4;
  /** What happens one after another to a number on its way through. */
  private static final int STAGES = 8;
  /** Those before a ReLU, where a share of the elements that grows with their error lets a gradient through that it should not. */
  private static final int STAGES_BEFORE_KINK = 2;

  @Override
  public String name() {
    return "ctal-" + (step ? "step-" : "") + batch + "x" + height + "x" + width + "-t" + tasks;
  }

  private AffinityConfig config() {
    return AffinityConfig.of(NAMES.subList(0, tasks).toArray(String[]::new));
  }

  private DecoderSizes sizes() {
    return DecoderSizes.published(config(), Collections.nCopies(tasks, 1), height * width);
  }

  private Weights weights(DType dtype) {
    return DecoderSizes.random(sizes().module(), dtype, SEED);
  }

  private List<Tensor> maps(Draws draws, long channels, long scale) {
    List<Tensor> maps = new ArrayList<>();
    for (int t = 0; t < tasks; t++) {
      maps.add(draws.uniform(batch, channels, scale * height, scale * width));
    }
    return maps;
  }

  private List<Tensor> apply(Weights weights, List<Tensor> features, Phase phase) {
    return new CrossTaskAffinity(weights, "", config()).apply(features, phase);
  }

  /** A module that learns: masters of F32, or of F64, and what it is told. */
  private record Learning(CtalWork work, Weights masters, List<Tensor> features, List<Tensor> gradients, DType dtype) {
    static Learning of(CtalWork work, DType dtype) {
      Draws draws = new Draws(dtype);
      return new Learning(work, work.weights(dtype == DType.F64 ? dtype : DType.F32),
          work.maps(draws, work.sizes().features(), 1).stream().map(Tensor::withGrad).toList(),
          work.maps(draws, work.sizes().reduced(), 2), dtype);
    }

    /** In the current scope. */
    Gradients backward() {
      return backward(features, gradients);
    }

    private Gradients backward(List<Tensor> features, List<Tensor> gradients) {
      try (Tape tape = Tape.record()) {
        List<String> learning = masters.asMap().keySet().stream()
            .filter(name -> masters.get(name).requiresGrad() && masters.get(name).dtype() != dtype).toList();
        List<Tensor> outputs = work.apply(masters.cast(learning, dtype), features, Phase.TRAINING);
        Map<Tensor, Tensor> seeds = new LinkedHashMap<>();
        for (int t = 0; t < outputs.size(); t++) {
          seeds.put(outputs.get(t), gradients.get(t));
        }
        return tape.backward(seeds);
      }
    }

    /** A step as training takes it, a plan: of features, the gradients of maps and rates it makes the gradients of the features. */
    Runnable step() {
      Map<String, Tensor> parameters = new LinkedHashMap<>(masters.asMap());
      parameters.values().removeIf(t -> !t.requiresGrad());
      Optimizer optimizer = new Optimizer(new Rule.AdamW(0), parameters);
      int tasks = features.size();
      List<Tensor> given = new ArrayList<>(features);
      given.addAll(gradients);
      Tensor rates = Tensor.zeros(optimizer.type(), Shape.of(optimizer.next(LR).length));
      Plan plan = Plan.of(
          in -> {
            List<Tensor> leaves = in.subList(0, tasks).stream().map(Tensor::withGrad).toList();
            Gradients found = backward(leaves, in.subList(tasks, 2 * tasks));
            optimizer.apply(found, in.getLast());
            return leaves.stream().map(found::of).toList();
          },
          Stream.concat(given.stream(), Stream.of(rates)).map(t -> new Spec(t.dtype(), t.shape())).toList(), WeightFormat.F32);
      for (int i = 0; i < given.size(); i++) {
        new Assign().apply(plan.inputs().get(i), given.get(i).detach());
      }
      return () -> {
        new Assign().apply(plan.inputs().getLast(), Tensor.of(rates.dtype(), rates.shape(), optimizer.next(LR)));
        plan.run();
      };
    }

    /** The gradients of everything. Those of the biases in front of the norm are zero but for roundoff, which says nothing. */
    Map<String, double[]> results() {
      Gradients found = backward();
      Map<String, double[]> all = new LinkedHashMap<>();
      for (int t = 0; t < features.size(); t++) {
        all.put("gradient of features " + t, found.of(features.get(t)).toDoubles());
      }
      masters.asMap().forEach((name, t) -> {
        if (t.requiresGrad() && !name.matches("conv_out\\..*\\.0\\.bias")) {
          all.put("gradient of " + name, found.of(t).toDoubles());
        }
      });
      return all;
    }
  }

  /** What is compared: all gradients, or all maps. */
  private Map<String, double[]> results(DType dtype) {
    if (step) {
      return Learning.of(this, dtype).results();
    }
    List<Tensor> outputs = apply(weights(dtype), maps(new Draws(dtype), sizes().features(), 1), Phase.EVALUATION);
    Map<String, double[]> all = new LinkedHashMap<>();
    outputs.forEach(y -> all.put("features " + all.size(), y.toDoubles()));
    return all;
  }

  /** A small map is compared. */
  @Override
  public Prepared prepare(Arithmetic arithmetic) {
    CtalWork small = new CtalWork(1, tasks, 3, 8, step);
    Map<String, double[]> expected = Check.onReference(_ -> small.results(DType.F64));
    double sums = sizes().features() + 2 * 9 * (1 + tasks) * (double) sizes().reduced();
    try (Scope _ = Scope.open()) {
      small.results(arithmetic.dtype()).forEach((what, values) -> {
        if (step) {
          Check.nearTogether(what, values, expected.get(what), Math.sqrt(arithmetic.bound(STAGES_BEFORE_KINK, sums)));
        } else {
          Check.near(what, values, expected.get(what), arithmetic.bound(STAGES, sums));
        }
      });
    }
    if (!step) {
      Weights weights = weights(arithmetic.dtype());
      List<Tensor> features = maps(new Draws(arithmetic.dtype()), sizes().features(), 1);
      return new Prepared(cost(arithmetic.dtype()), () -> apply(weights, features, Phase.EVALUATION));
    }
    Cost forward = cost(arithmetic.dtype());
    return new Prepared(new Cost(3 * forward.flops(), 3 * forward.bytes()), Learning.of(this, arithmetic.dtype()).step());
  }

  /** Of a pass forward. */
  private Cost cost(DType dtype) {
    DecoderSizes sizes = sizes();
    long c = sizes.reduced();
    Spec maps = new Spec(dtype, Shape.of(batch, tasks, c, height, width));
    Spec kernels = new Spec(dtype, Shape.of(height * width, tasks, 3, 3));
    Spec bias = new Spec(dtype, Shape.of(height * width));
    double affinity = new Affinity().cost(List.of(maps, maps, kernels, bias), List.of(maps)).flops();
    // The reduction, the values, four pixels of each, and the convolution of those.
    double layers = sizes.features() * c + (9 + 4 + 4 * 9.0) * c * c;
    double pixels = (double) batch * tasks * height * width;
    double elements = pixels * (sizes.features() + 4 * c) + DecoderSizes.parameters(sizes.module());
    return new Cost(affinity + 2 * pixels * layers, dtype.byteSize() * elements);
  }
}
