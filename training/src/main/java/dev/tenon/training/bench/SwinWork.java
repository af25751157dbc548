package dev.tenon.training.bench;

import dev.tenon.engine.DType;
import dev.tenon.engine.Plan;
import dev.tenon.engine.Scope;
import dev.tenon.engine.Tensor;
import dev.tenon.engine.kernel.WeightFormat;
import dev.tenon.engine.op.Cost;
import dev.tenon.engine.op.Spec;
import dev.tenon.model.Weights;
import dev.tenon.model.swin.Swin;
import dev.tenon.model.swin.SwinConfig;
import dev.tenon.model.swin.SwinPreset;
import dev.tenon.model.swin.SwinSizes;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** Logits of a Swin Transformer for {@code batch} images of 224×224, 1000 classes. */
public record SwinWork(SwinPreset preset, int batch) implements Workload {
  /** Side of images that two stages are enough for, as checks take them. */
  static final int SMALL_SIDE = 56;

  private static final int SIDE = 224;
  private static final int CLASSES = 1000;
  /** What a block computes one after another. */
  private static final int STAGES_OF_BLOCK = 12;

  @Override
  public String name() {
    return "swin-" + preset.name().toLowerCase(Locale.ROOT) + "-batch" + batch;
  }

  /** The network with random weights, in the current scope: norms as they start, everything else small. */
  public Swin swin(DType dtype) {
    return swin(preset.sizes(CLASSES), dtype);
  }

  /** Its first two stages alone, with embedding and head. */
  Swin firstStages(DType dtype) {
    SwinSizes all = preset.sizes(CLASSES);
    return swin(new SwinSizes(all.patch(), all.dim(), all.stages().subList(0, 2), all.ratio(), CLASSES), dtype);
  }

  private static Swin swin(SwinSizes sizes, DType dtype) {
    Draws draws = new Draws(dtype);
    Map<String, Tensor> weights = new LinkedHashMap<>();
    sizes.tensors().forEach((name, shape) -> weights.put(name, shape.rank() == 1 && name.endsWith(".weight")
        ? Tensor.full(dtype, shape, 1) : draws.within(0.04, shape.toArray())));
    return new Swin(new Weights(weights), SwinConfig.DEFAULT);
  }

  /** How far the logits of the first {@code stages} stages may be off, as a share of the largest. */
  double bound(int stages, Arithmetic arithmetic) {
    SwinSizes sizes = preset.sizes(CLASSES);
    int depth = 0;
    double sums = sizes.patch().size() + 2.0 * sizes.dim(stages - 1);
    for (int i = 0; i < stages; i++) {
      SwinSizes.Stage stage = sizes.stages().get(i);
      depth += stage.depth();
      sums += stage.depth() * (9.0 * sizes.dim(i) + sizes.dim(i) / stage.heads() + stage.window() * stage.window()) + 8 * sizes.dim(i);
    }
    return arithmetic.bound(depth * STAGES_OF_BLOCK + 3 * stages + 4, sums);
  }

  /** The first stages are checked alone, then the plan of all of it. */
  @Override
  public Prepared prepare(Arithmetic arithmetic) {
    DType type = arithmetic.dtype();
    checkFirstStages(arithmetic);
    Swin swin = swin(type);
    Swin ready = swin.readyFor(SIDE, SIDE);
    Tensor images = new Draws(type).uniform(batch, 3, SIDE, SIDE);
    Plan plan = Plan.of(in -> List.of(ready.forward(in.getFirst())), List.of(new Spec(type, images.shape())), WeightFormat.F32);
    Scope.current().backend().upload(images.bytes(), plan.inputs().getFirst().storage(), 0);
    try (Scope _ = Scope.open()) {
      double[] expected = swin.forward(images).toDoubles();
      for (int run = 1; run <= 2; run++) {
        Check.near("logits of run " + run + " of the plan", plan.run().getFirst().toDoubles(), expected, bound(4, arithmetic));
      }
    }
    return new Prepared(cost(type), plan::run);
  }

  private void checkFirstStages(Arithmetic arithmetic) {
    try (Scope _ = Scope.open()) {
      Swin first = firstStages(arithmetic.dtype());
      Tensor image = new Draws(arithmetic.dtype()).uniform(1, 3, SMALL_SIDE, SMALL_SIDE);
      double[] expected = Check.onReference(host -> first.with(first.weights().map(t -> t.to(host).cast(DType.F64)))
          .forward(image.to(host).cast(DType.F64)).toDoubles());
      Check.near("logits", first.forward(image).toDoubles(), expected, bound(2, arithmetic));
    }
  }

  /** The flops and bytes that one run cannot avoid. */
  Cost cost(DType dtype) {
    SwinSizes sizes = preset.sizes(CLASSES);
    double pixels = (double) SIDE * SIDE / sizes.patch().product(1, 3);
    double products = pixels * sizes.patch().size() * sizes.dim();
    for (int i = 0; i < sizes.stages().size(); i++) {
      SwinSizes.Stage stage = sizes.stages().get(i);
      double dim = sizes.dim(i);
      products += stage.depth() * pixels * ((4 + 2 * sizes.ratio()) * dim * dim + 2.0 * stage.window() * stage.window() * dim);
      if (i + 1 < sizes.stages().size()) {
        pixels /= 4;
        products += pixels * 8 * dim * dim;
      }
    }
    products += (double) CLASSES * sizes.dim(sizes.stages().size() - 1);
    return new Cost(2 * batch * products, dtype.byteSize() * (sizes.parameters() + (double) batch * (3 * SIDE * SIDE + CLASSES)));
  }
}
