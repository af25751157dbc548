package dev.tenon.training.bench;

import dev.tenon.engine.Tensor;
import dev.tenon.engine.op.Attention;
import dev.tenon.engine.op.AttentionGrad;
import dev.tenon.engine.op.Conv2d;
import dev.tenon.engine.op.Conv2dGradInput;
import dev.tenon.engine.op.Conv2dGradWeight;
import dev.tenon.engine.op.LayerNorm;
import dev.tenon.engine.op.LayerNormGrad;
import dev.tenon.engine.op.Linear;
import dev.tenon.engine.op.LoraLinear;
import dev.tenon.engine.op.Op;
import dev.tenon.engine.op.Softmax;
import dev.tenon.engine.op.Unary;
import dev.tenon.model.swin.SwinPreset;
import dev.tenon.model.vit.VitPreset;
import java.util.ArrayList;
import java.util.List;

/**
 * The rows of the table: what a vision transformer and its training spend their time on, in the sizes they have there.
 *
 * @param batch images of 224×224; other inputs grow with them
 */
record Workloads(int batch) {
  private static final int TOKENS = 197;
  private static final int DIM = 768;
  /** A product to be measured by itself, for devices of so many images at a time and for all others. */
  private static final int MANY = 64;
  private static final int LARGE = 8192;
  private static final int SMALL = 1024;

  List<Workload> all() {
    List<Workload> all = new ArrayList<>(List.of(cube()));
    int rows = batch * TOKENS;
    all.add(linear(rows, 3 * DIM, DIM));
    all.add(linear(rows, 4 * DIM, DIM));
    all.add(linear(rows, DIM, 4 * DIM));
    all.add(lora(rows, 4 * DIM, DIM, 16));
    attention(all, batch, TOKENS);
    attention(all, Math.max(1, batch / 2), 577);
    lines(all, rows);
    int few = Math.max(1, batch / 4);
    convolution(all, "grouped-3x3-g8", few, 3, 256, 8, 56);
    convolution(all, "grouped-3x3-g32", few, 3, 256, 32, 56);
    convolution(all, "depthwise-3x3", few, 3, 256, 256, 56);
    convolution(all, "depthwise-7x7", few, 7, 512, 512, 28);
    all.add(new SoftmaxGramWork(Math.max(1, batch / 16), 3136, 144));
    for (boolean backward : new boolean[] {false, true}) {
      all.add(new AffinityWork(Math.max(1, batch / 16), 2, 32, 64, backward));
      all.add(new AffinityWork(Math.max(1, batch / 16), 3, 72, 96, backward));
    }
    all.add(new CtalWork(Math.max(1, batch / 16), 2, 32, 64, true));
    all.add(new CtalWork(Math.max(1, batch / 16), 3, 72, 96, false));
    if (batch >= MANY) {
      all.add(new CtalWork(batch / 16, 3, 72, 96, true));
    }
    networks(all);
    return List.copyOf(all);
  }

  /** The product that shows what the device can multiply at most. */
  OpWork cube() {
    int side = batch >= MANY ? LARGE : SMALL;
    return linear(side, side, side);
  }

  private void networks(List<Workload> all) {
    VitPreset preset = batch >= MANY ? VitPreset.BASE : VitPreset.TINY;
    all.add(new VitWork(preset, 1));
    all.add(new VitWork(preset, batch));
    all.add(new SwinWork(SwinPreset.TINY, 1));
    all.add(new SwinWork(SwinPreset.TINY, batch));
    all.add(new EmtalWork(VitPreset.TINY, 32, 80));
    if (preset == VitPreset.BASE) {
      all.add(new EmtalWork(preset, 32, 600));
      all.add(new EmtalWork(preset, batch, 600));
      all.add(new RoutedVitWork(preset, batch, 600));
      all.add(FullStepWork.of(preset, batch));
      all.add(FullStepWork.of(SwinPreset.TINY, batch));
    }
  }

  private static long[] shape(long... dims) {
    return dims;
  }

  private static OpWork linear(long m, long n, long k) {
    Op op = new Linear(true);
    return new OpWork("linear-" + m + "x" + n + "x" + k, op, Draws.uniform(shape(m, k), shape(n, k), shape(n)),
        Check.Part.byRows(op, 3, 1, 2), 1, k);
  }

  private static OpWork lora(long m, long n, long k, long rank) {
    Op op = new LoraLinear(true, 1);
    return new OpWork("lora-" + m + "x" + n + "x" + k + "-r" + rank, op,
        Draws.uniform(shape(m, k), shape(n, k), shape(n), shape(k, rank), shape(rank, n)), Check.Part.byRows(op, 5, 2, 2), 2, k + rank);
  }

  private static void attention(List<Workload> all, long batch, long tokens) {
    long[] heads = shape(batch, tokens, 12, 64);
    double scale = 1.0 / 8;
    Op forward = new Attention(scale, false, false);
    Op backward = new AttentionGrad(scale, false, false);
    String shape = batch + "x12x" + tokens;
    all.add(new OpWork("attention-" + shape, forward, Draws.uniform(heads, heads, heads),
        Check.Part.byAll(forward, 3, 2, 1), 3, 64 + tokens));
    all.add(new OpWork("attention-backward-" + shape, backward, draws -> {
      List<Tensor> in = Draws.uniform(heads, heads, heads).apply(draws);
      List<Tensor> out = forward.applyAll(in);
      return List.of(draws.uniform(heads), in.get(0), in.get(1), in.get(2), out.get(0), out.get(1));
    }, Check.Part.byAll(backward, 6, 3, 1), 6, 3 * 64 + 2 * tokens));
  }

  private static void lines(List<Workload> all, long rows) {
    Op norm = new LayerNorm(1, true, 1e-6);
    Op gradient = new LayerNormGrad(1, true);
    Op softmax = new Softmax(-1);
    Op gelu = Unary.of(Unary.Fn.GELU);
    String shape = rows + "x" + DIM;
    all.add(new OpWork("layerNorm-" + shape, norm, Draws.uniform(shape(rows, DIM), shape(DIM), shape(DIM)),
        Check.Part.byRows(norm, 3, 3, 2), 2, 2 * DIM));
    all.add(new OpWork("layerNorm-backward-" + shape, gradient, draws -> {
      List<Tensor> in = Draws.uniform(shape(rows, DIM), shape(DIM), shape(DIM)).apply(draws);
      List<Tensor> out = norm.applyAll(in);
      return List.of(draws.uniform(rows, DIM), in.get(0), out.get(1), out.get(2), in.get(1));
    }, Check.Part.whole(gradient, 5, 3), 3, 2 * DIM + rows));
    all.add(new OpWork("softmax-" + 12 * rows + "x" + TOKENS, softmax, Draws.uniform(new long[][] {shape(12 * rows, TOKENS)}),
        Check.Part.byAll(softmax, 1, 1, 2), 1, TOKENS));
    all.add(new OpWork("gelu-" + rows + "x" + 4 * DIM, gelu, draws -> List.of(draws.within(4, rows, 4 * DIM)),
        Check.Part.byAll(gelu, 1, 1, 2), 1, 8));
  }

  /** A convolution and its two gradients; of the gradient of the weight, one group is compared. */
  private static void convolution(List<Workload> all, String name, long images, int kernel, int channels, int groups, int side) {
    int pad = kernel / 2;
    int each = channels / groups;
    Conv2d conv = new Conv2d(1, 1, pad, pad, 1, 1, groups, false);
    Op input = new Conv2dGradInput(conv, side, side);
    Op weights = new Conv2dGradWeight(conv, kernel, kernel);
    Op group = new Conv2dGradWeight(new Conv2d(1, 1, pad, pad, 1, 1, 1, false), kernel, kernel);
    long[] x = shape(images, channels, side, side);
    long[] weight = shape(channels, each, kernel, kernel);
    double sums = each * kernel * kernel;
    all.add(new OpWork(name, conv, Draws.uniform(x, weight), Check.Part.byRows(conv, 2, 1, 1), 1, sums));
    all.add(new OpWork(name + "-gradInput", input, Draws.uniform(x, weight), Check.Part.byRows(input, 2, 1, 1), 1, sums));
    all.add(new OpWork(name + "-gradWeight", weights, Draws.uniform(x, x), new Check.Part(group, List.of(1, 1), List.of(0), each), 1,
        (double) images * side * side));
  }
}
