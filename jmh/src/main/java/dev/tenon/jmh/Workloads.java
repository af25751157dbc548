package dev.tenon.jmh;

import dev.tenon.engine.Shape;
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
import dev.tenon.engine.op.SoftmaxGrad;
import dev.tenon.engine.op.Unary;
import dev.tenon.engine.op.UnaryGrad;
import dev.tenon.engine.random.Philox;
import dev.tenon.model.vit.VitPreset;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Set;
import java.util.function.Function;

/** The named workloads: what a vision transformer and its training spend their time on, in the sizes they have there. */
final class Workloads {
  private static final int ROWS = 3;
  private static final int TOKENS = 197;
  private static final int BATCH = 8;

  private static final Set<String> SCALING = Set.of("sgemm-197x768x768", "sgemm-1576x768x3072", "sgemm-1024x1024x1024");

  private Workloads() {}

  static List<Workload> all() {
    List<Workload> all = new ArrayList<>();
    for (int m : new int[] {TOKENS, BATCH * TOKENS}) {
      for (int n : new int[] {768, 2304, 3072}) {
        for (int k : new int[] {768, 3072}) {
          all.add(sgemm(m, n, k));
        }
      }
    }
    all.add(sgemm(1024, 1024, 1024));
    for (int rank : new int[] {4, 16, 64}) {
      all.add(lora(rank));
    }
    rows(all);
    attention(all);
    convolution(all, "depthwise-3x3", 3, 256, 256, 56);
    convolution(all, "depthwise-7x7", 7, 512, 512, 28);
    convolution(all, "grouped-3x3-g8", 3, 256, 8, 56);
    convolution(all, "grouped-3x3-g32", 3, 256, 32, 56);
    for (VitPreset preset : List.of(VitPreset.TINY, VitPreset.SMALL, VitPreset.BASE)) {
      all.add(new VitInference(preset, 1));
      all.add(new VitInference(preset, BATCH));
    }
    all.add(new EmtalStep(16));
    all.add(new GramAffinity(2, 32, 64));
    all.add(new GramAffinity(3, 72, 96));
    return List.copyOf(all);
  }

  /** Whether {@code workload} stands in the table of docs/results/cpu.md for so many threads. */
  static boolean isInTable(Workload workload, int threads) {
    return switch (workload) {
      case OpCall call -> !call.name().startsWith(OpCalls.PREFIX) && (threads == 1 || threads == 2 && SCALING.contains(call.name()));
      case VitInference _ -> threads <= 2;
      case EmtalStep _ -> threads <= 2;
      case GramAffinity _ -> threads == 1;
    };
  }

  /** F32 values from −1 to 1 that need all their bits. */
  static Tensor uniform(Philox random, long... shape) {
    float[] values = new float[Math.toIntExact(Shape.of(shape).size())];
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) (2 * random.uniformDouble(i) - 1);
    }
    return Tensor.of(values, shape);
  }

  private static Function<Philox, List<Tensor>> uniform(long[]... shapes) {
    return random -> {
      List<Tensor> operands = new ArrayList<>();
      for (int i = 0; i < shapes.length; i++) {
        operands.add(uniform(random.split(i), shapes[i]));
      }
      return operands;
    };
  }

  private static long[] shape(long... dims) {
    return dims;
  }

  /** The first operand and the first result are cut along their first dimension. */
  private static OpCall byFirst(String name, Op op, int operands, int results, int length, Function<Philox, List<Tensor>> draw) {
    List<Integer> in = new ArrayList<>(Collections.nCopies(operands, -1));
    in.set(0, 0);
    List<Integer> out = new ArrayList<>(Collections.nCopies(results, -1));
    out.set(0, 0);
    return new OpCall(name, op, draw, new OpCall.Part(op, in, out, length));
  }

  /** Every operand and every result is cut along its first dimension. */
  private static OpCall allByFirst(String name, Op op, int operands, int results, int length, Function<Philox, List<Tensor>> draw) {
    return new OpCall(name, op, draw,
        new OpCall.Part(op, Collections.nCopies(operands, 0), Collections.nCopies(results, 0), length));
  }

  private static OpCall whole(String name, Op op, int operands, int results, Function<Philox, List<Tensor>> draw) {
    return new OpCall(name, op, draw, new OpCall.Part(op, Collections.nCopies(operands, -1), Collections.nCopies(results, -1), 0));
  }

  /** x·wᵀ, as a linear layer without bias. */
  private static OpCall sgemm(int m, int n, int k) {
    return byFirst("sgemm-" + m + "x" + n + "x" + k, new Linear(false), 2, 1, ROWS, uniform(shape(m, k), shape(n, k)));
  }

  private static OpCall lora(int rank) {
    return byFirst("lora-1576x768-r" + rank, new LoraLinear(true, 1), 5, 1, ROWS,
        uniform(shape(1576, 768), shape(768, 768), shape(768), shape(768, rank), shape(rank, 768)));
  }

  private static void rows(List<Workload> all) {
    long[] x = shape(BATCH * TOKENS, 768);
    long[] scores = shape(BATCH * 12, TOKENS, TOKENS);
    long[] hidden = shape(BATCH * TOKENS, 3072);
    all.add(new OpCall("layerNorm", new LayerNorm(1, true, 1e-6), uniform(x, shape(768), shape(768)),
        new OpCall.Part(new LayerNorm(1, true, 1e-6), List.of(0, -1, -1), List.of(0, 0, 0), ROWS)));
    all.add(whole("layerNorm-backward", new LayerNormGrad(1, true), 5, 3, random -> {
      List<Tensor> operands = uniform(x, shape(768), shape(768)).apply(random);
      List<Tensor> results = new LayerNorm(1, true, 1e-6).applyAll(operands);
      return List.of(uniform(random.split("g"), x), operands.get(0), results.get(1), results.get(2), operands.get(1));
    }));
    all.add(allByFirst("softmax", new Softmax(-1), 1, 1, 1, uniform(new long[][] {scores})));
    all.add(allByFirst("softmax-backward", new SoftmaxGrad(-1), 2, 1, 1, random -> {
      Tensor y = new Softmax(-1).apply(uniform(random, scores));
      return List.of(y, uniform(random.split("g"), scores));
    }));
    all.add(allByFirst("gelu", Unary.of(Unary.Fn.GELU), 1, 1, ROWS, random -> List.of(uniform(random, hidden).mul(4))));
    all.add(allByFirst("gelu-backward", new UnaryGrad(Unary.Fn.GELU, 0, 0), 2, 1, ROWS,
        random -> List.of(uniform(random, hidden).mul(4), uniform(random.split("g"), hidden))));
  }

  private static void attention(List<Workload> all) {
    long[] heads = shape(BATCH, TOKENS, 12, 64);
    double scale = 1 / Math.sqrt(64);
    all.add(allByFirst("attention", new Attention(scale, false, false), 3, 2, 1, uniform(heads, heads, heads)));
    all.add(allByFirst("attention-backward", new AttentionGrad(scale, false, false), 6, 3, 1, random -> {
      List<Tensor> operands = uniform(heads, heads, heads).apply(random);
      List<Tensor> results = new Attention(scale, false, false).applyAll(operands);
      return List.of(uniform(random.split("g"), heads), operands.get(0), operands.get(1), operands.get(2), results.get(0), results.get(1));
    }));
  }

  /** A convolution and its two gradients; one group is what is compared. */
  private static void convolution(List<Workload> all, String name, int kernel, int channels, int groups, int side) {
    int pad = kernel / 2;
    int each = channels / groups;
    Conv2d conv = new Conv2d(1, 1, pad, pad, 1, 1, groups, false);
    Conv2d one = new Conv2d(1, 1, pad, pad, 1, 1, 1, false);
    long[] x = shape(BATCH, channels, side, side);
    long[] weight = shape(channels, each, kernel, kernel);
    all.add(new OpCall(name, conv, uniform(x, weight), new OpCall.Part(one, List.of(1, 0), List.of(1), each)));
    all.add(new OpCall(name + "-gradInput", new Conv2dGradInput(conv, side, side), uniform(x, weight),
        new OpCall.Part(new Conv2dGradInput(one, side, side), List.of(1, 0), List.of(1), each)));
    all.add(new OpCall(name + "-gradWeight", new Conv2dGradWeight(conv, kernel, kernel), uniform(x, x),
        new OpCall.Part(new Conv2dGradWeight(one, kernel, kernel), List.of(1, 1), List.of(0), each)));
  }
}
