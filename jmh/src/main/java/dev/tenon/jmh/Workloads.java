package dev.tenon.jmh;

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
import dev.tenon.model.vit.VitPreset;
import dev.tenon.training.bench.Check;
import dev.tenon.training.bench.Draws;
import dev.tenon.training.bench.EmtalWork;
import dev.tenon.training.bench.VitWork;
import java.util.ArrayList;
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
      all.add(new Network(new VitWork(preset, 1)));
      all.add(new Network(new VitWork(preset, BATCH)));
    }
    all.add(new Network(new EmtalWork(VitPreset.TINY, 16, 80)));
    all.add(new GramAffinity(2, 32, 64));
    all.add(new GramAffinity(3, 72, 96));
    return List.copyOf(all);
  }

  /** Whether {@code workload} stands in the table of docs/results/cpu.md for so many threads. */
  static boolean isInTable(Workload workload, int threads) {
    return switch (workload) {
      case OpCall call -> !call.name().startsWith(OpCalls.PREFIX) && (threads == 1 || threads == 2 && SCALING.contains(call.name()));
      case Network _ -> threads <= 2;
      case GramAffinity _ -> threads == 1;
    };
  }

  private static long[] shape(long... dims) {
    return dims;
  }

  private static OpCall byRows(String name, Op op, int operands, Function<Draws, List<Tensor>> draw) {
    return new OpCall(name, op, draw, Check.Part.byRows(op, operands, 1, ROWS));
  }

  private static OpCall byAll(String name, Op op, int operands, int results, int length, Function<Draws, List<Tensor>> draw) {
    return new OpCall(name, op, draw, Check.Part.byAll(op, operands, results, length));
  }

  /** x·wᵀ, as a linear layer without bias. */
  private static OpCall sgemm(int m, int n, int k) {
    return byRows("sgemm-" + m + "x" + n + "x" + k, new Linear(false), 2, Draws.uniform(shape(m, k), shape(n, k)));
  }

  private static OpCall lora(int rank) {
    LoraLinear layer = new LoraLinear(true, 1);
    return new OpCall("lora-1576x768-r" + rank, layer,
        Draws.uniform(shape(1576, 768), shape(768, 768), shape(768), shape(768, rank), shape(rank, 768)),
        Check.Part.byRows(layer, 5, 2, ROWS));
  }

  private static void rows(List<Workload> all) {
    long[] x = shape(BATCH * TOKENS, 768);
    long[] scores = shape(BATCH * 12, TOKENS, TOKENS);
    long[] hidden = shape(BATCH * TOKENS, 3072);
    Op norm = new LayerNorm(1, true, 1e-6);
    Op normGrad = new LayerNormGrad(1, true);
    all.add(new OpCall("layerNorm", norm, Draws.uniform(x, shape(768), shape(768)), Check.Part.byRows(norm, 3, 3, ROWS)));
    all.add(new OpCall("layerNorm-backward", normGrad, draws -> {
      List<Tensor> operands = Draws.uniform(x, shape(768), shape(768)).apply(draws);
      List<Tensor> results = norm.applyAll(operands);
      return List.of(draws.uniform(x), operands.get(0), results.get(1), results.get(2), operands.get(1));
    }, Check.Part.whole(normGrad, 5, 3)));
    all.add(byAll("softmax", new Softmax(-1), 1, 1, 1, Draws.uniform(new long[][] {scores})));
    all.add(byAll("softmax-backward", new SoftmaxGrad(-1), 2, 1, 1,
        draws -> List.of(new Softmax(-1).apply(draws.uniform(scores)), draws.uniform(scores))));
    all.add(byAll("gelu", Unary.of(Unary.Fn.GELU), 1, 1, ROWS, draws -> List.of(draws.within(4, hidden))));
    all.add(byAll("gelu-backward", new UnaryGrad(Unary.Fn.GELU, 0, 0), 2, 1, ROWS,
        draws -> List.of(draws.within(4, hidden), draws.uniform(hidden))));
  }

  private static void attention(List<Workload> all) {
    long[] heads = shape(BATCH, TOKENS, 12, 64);
    double scale = 1 / Math.sqrt(64);
    Function<Draws, List<Tensor>> three = Draws.uniform(heads, heads, heads);
    all.add(byAll("attention", new Attention(scale, false, false), 3, 2, 1, three));
    all.add(byAll("attention-backward", new AttentionGrad(scale, false, false), 6, 3, 1, draws -> {
      List<Tensor> operands = three.apply(draws);
      List<Tensor> results = new Attention(scale, false, false).applyAll(operands);
      return List.of(draws.uniform(heads), operands.get(0), operands.get(1), operands.get(2), results.get(0), results.get(1));
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
    all.add(new OpCall(name, conv, Draws.uniform(x, weight), new Check.Part(one, List.of(1, 0), List.of(1), each)));
    all.add(new OpCall(name + "-gradInput", new Conv2dGradInput(conv, side, side), Draws.uniform(x, weight),
        new Check.Part(new Conv2dGradInput(one, side, side), List.of(1, 0), List.of(1), each)));
    all.add(new OpCall(name + "-gradWeight", new Conv2dGradWeight(conv, kernel, kernel), Draws.uniform(x, x),
        new Check.Part(new Conv2dGradWeight(one, kernel, kernel), List.of(1, 1), List.of(0), each)));
  }
}
