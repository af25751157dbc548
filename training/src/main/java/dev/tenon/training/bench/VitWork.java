package dev.tenon.training.bench;

import dev.tenon.engine.DType;
import dev.tenon.engine.Plan;
import dev.tenon.engine.Scope;
import dev.tenon.engine.Tensor;
import dev.tenon.engine.kernel.WeightFormat;
import dev.tenon.engine.op.Cost;
import dev.tenon.engine.op.Spec;
import dev.tenon.model.Weights;
import dev.tenon.model.vit.Vit;
import dev.tenon.model.vit.VitPreset;
import dev.tenon.model.vit.VitSizes;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** Logits of a plain ViT for {@code batch} images of 224×224, patches of 16×16, 1000 classes. */
public record VitWork(VitPreset preset, int batch) implements NetworkWork {
  private static final int SIDE = 224;
  private static final int CLASSES = 1000;
  /** What a block computes one after another. */
  private static final int STAGES_OF_BLOCK = 12;

  @Override
  public String name() {
    return "vit-" + preset.name().toLowerCase(Locale.ROOT) + "-batch" + batch;
  }

  private VitSizes sizes() {
    return preset.sizes(16, SIDE, CLASSES);
  }

  /** The network with random weights, in the current scope: norms as they start, everything else small. */
  public Vit vit(DType dtype) {
    return vit(sizes(), preset, dtype);
  }

  static Vit vit(VitSizes sizes, VitPreset preset, DType dtype) {
    Draws draws = new Draws(dtype);
    Map<String, Tensor> weights = new LinkedHashMap<>();
    sizes.tensors().forEach((name, shape) -> weights.put(name, shape.rank() == 1 && name.endsWith(".weight")
        ? Tensor.full(dtype, shape, 1) : draws.within(0.04, shape.toArray())));
    return new Vit(new Weights(weights), preset.config());
  }

  /** Random images, in the current scope. */
  public Tensor images(DType dtype) {
    return new Draws(dtype).uniform(batch, 3, SIDE, SIDE);
  }

  /** Its first block alone, with embedding and head. */
  static Vit firstBlock(Vit vit) {
    Map<String, Tensor> some = new LinkedHashMap<>(vit.weights().asMap());
    some.keySet().removeIf(name -> name.startsWith("blocks.") && !name.startsWith("blocks.0."));
    return new Vit(new Weights(some), vit.config());
  }

  /** How far the logits of a network may be off, as a share of the largest. */
  public static double bound(Vit vit, Arithmetic arithmetic) {
    long tokens = vit.weights().get("pos_embed").dim(1);
    long dim = vit.weights().get("pos_embed").dim(2);
    long patch = vit.weights().get("patch_embed.proj.weight").shape().product(1, 4);
    double sums = patch + vit.depth() * (9.0 * dim + dim / vit.config().heads() + tokens) + 2 * dim;
    return arithmetic.bound(vit.depth() * STAGES_OF_BLOCK + 4, sums);
  }

  @Override
  public Prepared prepare(Arithmetic arithmetic) {
    return inference(vit(arithmetic.dtype()), 1, arithmetic);
  }

  /** Inference of a network whose router has faded to {@code alpha}: its first block is checked alone, then the plan of all of it. */
  Prepared inference(Vit vit, double alpha, Arithmetic arithmetic) {
    Tensor images = images(arithmetic.dtype());
    Vit first = firstBlock(vit);
    double bound = bound(first, arithmetic);
    try (Scope _ = Scope.open()) {
      Tensor image = images.slice(0, 0, 1);
      double[] expected = Check.onReference(host -> new Vit(first.weights().map(t -> t.to(host).cast(DType.F64)), first.config())
          .forward(image.to(host).cast(DType.F64), alpha).toDoubles());
      Check.near("logits", first.forward(image, alpha).toDoubles(), expected, bound);
    }
    Plan plan =
        Plan.of(in -> List.of(vit.forward(in.getFirst(), alpha)), List.of(new Spec(images.dtype(), images.shape())), WeightFormat.F32);
    Scope.current().backend().upload(images.bytes(), plan.inputs().getFirst().storage(), 0);
    try (Scope _ = Scope.open()) {
      double[] expected = vit.forward(images, alpha).toDoubles();
      for (int run = 1; run <= 2; run++) {
        Check.near("logits of run " + run + " of the plan", plan.run().getFirst().toDoubles(), expected, bound);
      }
    }
    return new Prepared(cost(arithmetic.dtype()), plan::run);
  }

  @Override
  public Cost cost(DType dtype) {
    VitSizes sizes = sizes();
    double tokens = sizes.patches() + sizes.prefix();
    double products = (double) sizes.patches() * sizes.patch().size() * sizes.dim()
        + sizes.depth() * tokens * (12.0 * sizes.dim() * sizes.dim() + 2 * tokens * sizes.dim()) + (double) CLASSES * sizes.dim();
    double elements = sizes.parameters() + (double) batch * (3 * SIDE * SIDE + CLASSES);
    return new Cost(2 * batch * products, dtype.byteSize() * elements);
  }
}
