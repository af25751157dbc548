package dev.tenon.kernels.conformance;

import dev.tenon.engine.Shape;
import dev.tenon.engine.Tensor;
import dev.tenon.engine.kernel.Call;
import dev.tenon.engine.op.AdamW;
import dev.tenon.engine.op.Attention;
import dev.tenon.engine.op.AttentionGrad;
import dev.tenon.engine.op.Average;
import dev.tenon.engine.op.Binary;
import dev.tenon.engine.op.Concat;
import dev.tenon.engine.op.Contiguous;
import dev.tenon.engine.op.GatedGelu;
import dev.tenon.engine.op.GatedGeluGrad;
import dev.tenon.engine.op.LayerNorm;
import dev.tenon.engine.op.LayerNormGrad;
import dev.tenon.engine.op.Linear;
import dev.tenon.engine.op.LoraLinear;
import dev.tenon.engine.op.MatMul;
import dev.tenon.engine.op.Op;
import dev.tenon.engine.op.Softmax;
import dev.tenon.engine.op.Sum;
import dev.tenon.engine.op.SumOfSquares;
import dev.tenon.engine.op.Unary;
import dev.tenon.engine.op.UnaryGrad;
import dev.tenon.engine.random.Philox;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/** Calls as vision transformers make them: their extents, and operands that are views of larger tensors. */
final class NetworkCalls {
  private NetworkCalls() {}

  /** A call by name, and its operands from a source of tensors. */
  record Network(String name, Op op, Function<Source, List<Tensor>> operands) {
    /** The call, with operands in the current scope. */
    Call draw() {
      return new Call(op, operands.apply(new Source(Philox.of(5).split(name), new long[1])), List.of());
    }
  }

  /** Draws tensors, each from random numbers of its own. */
  record Source(Philox random, long[] drawn) {
    /** Values −2 to 2. */
    Tensor real(long... shape) {
      return within(-2, 2, shape);
    }

    Tensor within(double low, double high, long... shape) {
      Philox numbers = random.split(drawn[0]++);
      float[] values = new float[(int) Shape.of(shape).size()];
      for (int i = 0; i < values.length; i++) {
        values[i] = (float) (low + numbers.uniformDouble(i) * (high - low));
      }
      return Tensor.of(values, shape);
    }
  }

  private static Network attention(String name, boolean causal, boolean bias, int... extents) {
    return new Network("attention " + name, new Attention(0.3, causal, bias), s -> attention(s, bias, extents));
  }

  /** q, k and v as views of one projection, and a bias that all samples share, or two halves of them; extents are B, Nq, Nk, H, d. */
  private static List<Tensor> attention(Source s, boolean bias, int... extents) {
    int b = extents[0];
    int queries = extents[1];
    int keys = extents[2];
    Tensor packed = s.real(b, Math.max(queries, keys), 3, extents[3], extents[4]);
    List<Tensor> operands = new ArrayList<>(List.of(
        packed.select(2, 0).slice(1, 0, queries), packed.select(2, 1).slice(1, 0, keys), packed.select(2, 2).slice(1, 0, keys)));
    if (bias && b % 2 == 0) {
      operands.add(s.real(b / 2, extents[3], queries, keys));
    } else if (bias) {
      operands.add(s.real(extents[3], queries, keys));
    }
    return operands;
  }

  private static Network attentionGrad(String name, boolean causal, boolean bias, int... extents) {
    return new Network("attentionGrad " + name, new AttentionGrad(0.3, causal, bias), s -> {
      List<Tensor> forward = attention(s, bias, extents);
      List<Tensor> results = new Attention(0.3, causal, bias).applyAll(forward);
      List<Tensor> operands = new ArrayList<>(List.of(s.real(results.getFirst().shape().toArray())));
      operands.addAll(forward.subList(0, 3));
      operands.addAll(results);
      operands.addAll(forward.subList(3, forward.size()));
      return operands;
    });
  }

  private static Network of(String name, Op op, Function<Source, List<Tensor>> operands) {
    return new Network(name, op, operands);
  }

  private static final List<Network> OF_TOKENS = List.of(
      attention("of 37 tokens", false, false, 2, 37, 37, 3, 64),
      attention("of 197 tokens", false, false, 1, 197, 197, 2, 64),
      attention("of 577 tokens", false, false, 1, 577, 577, 1, 64),
      attention("of 50 tokens", false, false, 2, 50, 50, 2, 64),
      attention("of 200 keys for 300 queries", false, false, 1, 300, 200, 1, 64),
      attention("of windows", false, true, 3, 49, 49, 2, 32),
      attention("of shifted windows", false, true, 8, 49, 49, 3, 32),
      attention("causal", true, false, 1, 50, 50, 2, 16),
      attention("causal of 197 tokens", true, false, 1, 197, 197, 1, 64),
      attention("across lengths", true, true, 2, 5, 130, 1, 33),
      attention("across lengths, downwards", false, true, 1, 130, 7, 2, 40),
      attentionGrad("of 37 tokens", false, false, 2, 37, 37, 3, 64),
      attentionGrad("of 197 tokens", false, false, 1, 197, 197, 2, 64),
      attentionGrad("of 577 tokens", false, false, 1, 577, 577, 1, 64),
      attentionGrad("of 50 tokens", false, false, 2, 50, 50, 2, 64),
      attentionGrad("of 200 keys for 300 queries", false, false, 1, 300, 200, 1, 64),
      attentionGrad("of windows", false, true, 3, 49, 49, 2, 32),
      attentionGrad("of shifted windows", false, true, 8, 49, 49, 3, 32),
      attentionGrad("causal", true, false, 1, 50, 50, 2, 16),
      attentionGrad("causal of 197 tokens", true, false, 1, 197, 197, 1, 64),
      attentionGrad("causal of 300 tokens", true, false, 1, 300, 300, 1, 40),
      attentionGrad("across lengths", true, true, 2, 5, 130, 1, 33),
      of("layerNorm of tokens", new LayerNorm(1, true, 1e-6), s -> List.of(s.real(8, 37, 192), s.real(192), s.real(192))),
      of("layerNormGrad of tokens", new LayerNormGrad(1, true),
          s -> List.of(s.real(300, 192), s.real(300, 192), s.real(300), s.within(0.5, 2, 300), s.real(192))),
      of("softmax of scores", new Softmax(-1), s -> List.of(s.real(2, 3, 65, 197))),
      of("gelu of hidden channels", Unary.of(Unary.Fn.GELU), s -> List.of(s.within(-8, 8, 61, 771))),
      of("geluGrad of hidden channels", new UnaryGrad(Unary.Fn.GELU, 0, 0), s -> List.of(s.within(-8, 8, 61, 771), s.real(61, 771))),
      of("gatedGelu of experts", new GatedGelu(4), s -> List.of(s.real(5, 37, 384), s.real(5, 37, 4))),
      of("gatedGeluGrad of experts", new GatedGeluGrad(4), s -> List.of(s.real(5, 37, 384), s.real(5, 37, 4), s.real(5, 37, 384))),
      of("gradient of a bias", new Sum(List.of(0), false), s -> List.of(s.real(1300, 192))),
      of("gradient of a position embedding", new Sum(List.of(0), true), s -> List.of(s.real(9, 37, 192))),
      of("sum of everything", new Sum(List.of(0, 1, 2), false), s -> List.of(s.real(9, 37, 192))),
      of("sum over every second dimension", new Sum(List.of(0, 2), false), s -> List.of(s.real(31, 17, 129))),
      of("token mean", new Sum(List.of(1), false), s -> List.of(s.real(9, 37, 192).slice(1, 1, 37))),
      of("patches of images", new Contiguous(), s -> List.of(s.real(2, 3, 6, 16, 6, 16).permute(0, 2, 4, 1, 3, 5))),
      of("transpose", new Contiguous(), s -> List.of(s.real(37, 513).transpose(0, 1))),
      of("class token", new Concat(1), s -> List.of(s.real(1, 1, 192).expand(8, 1, 192), s.real(8, 36, 192))),
      of("layer scale", new Binary(Binary.Fn.MUL), s -> List.of(s.real(8, 37, 192), s.real(192))),
      of("gate", new Binary(Binary.Fn.MUL), s -> List.of(s.real(300, 4, 48), s.real(300, 4, 1))),
      of("matMul of gradients", new MatMul(), s -> List.of(s.real(300, 96).transpose(0, 1), s.real(300, 130))),
      of("matMul by a column", new MatMul(), s -> List.of(s.real(65, 513), s.real(513, 1))),
      of("matMul to the rows of a low rank", new MatMul(), s -> List.of(s.real(1500, 4).transpose(0, 1), s.real(1500, 132))),
      of("matMul to a low rank", new MatMul(), s -> List.of(s.real(700, 132), s.real(5, 132).transpose(0, 1))),
      of("linear of a router", new Linear(false), s -> List.of(s.real(4, 300, 96), s.real(16, 96))),
      of("matMul of broadcast batches", new MatMul(), s -> List.of(s.real(3, 1, 67, 40), s.real(2, 40, 37))),
      of("matMul deeper than is packed at once", new MatMul(), s -> List.of(s.real(11, 2100), s.real(2100, 70))),
      of("matMul of a deep transpose", new MatMul(), s -> List.of(s.real(1030, 67).transpose(0, 1), s.real(35, 1030).transpose(0, 1))),
      of("linear of rows that lie out of order", new Linear(false), s -> List.of(s.real(5, 2, 2).permute(2, 1, 0), s.real(3, 5))),
      of("linear of tokens", new Linear(true), s -> List.of(s.real(4, 37, 96), s.real(200, 96), s.real(200))),
      of("linear of an image", new Linear(true), s -> List.of(s.real(1, 197, 328), s.real(392, 328), s.real(392))),
      of("linear of an image's hidden channels", new Linear(true), s -> List.of(s.real(1, 77, 1096), s.real(200, 1096), s.real(200))),
      of("linear to an odd number of classes", new Linear(true), s -> List.of(s.real(3, 520), s.real(1001, 520), s.real(1001))),
      of("loraLinear of tokens", new LoraLinear(true, 2),
          s -> List.of(s.real(131, 300), s.real(300, 300), s.real(300), s.real(300, 4), s.real(4, 300))),
      of("loraLinear of an image", new LoraLinear(true, 2),
          s -> List.of(s.real(1, 197, 136), s.real(300, 136), s.real(300), s.real(136, 8), s.real(8, 300))),
      of("adamW of a layer and a bias", new AdamW(1, 0.9, 0.999, 1e-8, 0.05, true, false),
          s -> List.of(s.within(0.1, 1, 4), s.real(200, 300), s.real(200, 300), s.real(200, 300), s.within(0.5, 2, 200, 300),
              s.real(300), s.real(300), s.real(300), s.within(0.5, 2, 300))),
      of("sumOfSquares of more gradients than a launch takes", new SumOfSquares(),
          s -> IntStream.range(0, 400).mapToObj(i -> s.real(1 + i / 2 * 37)).toList()),
      of("averages of more parameters than a launch takes", new Average(),
          s -> Stream.concat(Stream.of(s.within(0.1, 1, 1)), IntStream.range(0, 400).mapToObj(i -> s.real(1 + i / 2 * 37))).toList()));

  static final List<Network> ALL = Stream.concat(OF_TOKENS.stream(), ImageCalls.ALL.stream()).toList();
}
