package dev.tenon.engine.op;

import dev.tenon.engine.DType;
import dev.tenon.engine.Shape;
import dev.tenon.engine.op.Interpolation.Method;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;

/**
 * The catalogue of ops: what each is called and what a typical call looks like. Gradient checks and comparisons of kernels with
 * the definitions walk it, so an op that is listed here is an op that is tested.
 */
public final class Ops {
  /** One op: its name, its record, and how to draw a call of it. */
  public record Entry(String name, Class<? extends Op> type, Function<Generator, Example> example) {}

  /** A call: the op, and what its operands look like. */
  public record Example(Op op, List<Operand> operands) {
    /** Another op on the same operands and one more. */
    Example with(Op other, Operand more) {
      List<Operand> all = new ArrayList<>(operands);
      all.add(more);
      return new Example(other, all);
    }
  }

  private Ops() {}

  private static Entry entry(String name, Class<? extends Op> type, Function<Generator, Example> example) {
    return new Entry(name, type, example);
  }

  static Example call(Op op, Operand... operands) {
    return new Example(op, List.of(operands));
  }

  private static Entry unary(Unary.Fn fn, double a, double b, double low, double high) {
    return entry("unary " + fn, Unary.class, g -> call(new Unary(fn, a, b), Operand.within(g.shape(0, 3), low, high)));
  }

  private static Entry unaryGrad(Unary.Fn fn, double a, double b, double low, double high) {
    return entry("unaryGrad " + fn, UnaryGrad.class, g -> {
      Shape shape = g.shape(0, 3);
      return call(new UnaryGrad(fn, a, b), Operand.within(shape, low, high), Operand.real(shape));
    });
  }

  private static Entry binary(Binary.Fn fn, double low, double high) {
    return entry("binary " + fn, Binary.class, g -> {
      Shape shape = g.shape(1, 3);
      return call(new Binary(fn), Operand.within(shape, low, high), Operand.within(g.broadcasting(shape), low, high));
    });
  }

  private static Entry along(String name, Class<? extends Op> type, Function<Integer, Op> op) {
    return entry(name, type, g -> {
      Shape shape = g.shape(1, 3);
      return call(op.apply(g.axis(shape)), Operand.real(shape));
    });
  }

  /** Along a dimension that must have an element. */
  private static Entry alongFilled(String name, Class<? extends Op> type, Function<Integer, Op> op) {
    return entry(name, type, g -> {
      Shape shape = g.shape(1, 3);
      int axis = g.axis(shape);
      return call(op.apply(axis), Operand.real(shape.with(axis, g.filled())));
    });
  }

  private static Entry alongPair(String name, Class<? extends Op> type, Function<Integer, Op> op) {
    return entry(name, type, g -> {
      Shape shape = g.shape(1, 3);
      return call(op.apply(g.axis(shape)), Operand.real(shape), Operand.real(shape));
    });
  }

  private static Entry interpolate(Method method) {
    return entry("interpolate " + method, Resample2d.class, g -> SpatialExamples.interpolate(g, method));
  }

  /** Every op, one line each. */
  public static final List<Entry> ALL = List.of(
      unary(Unary.Fn.AFFINE, 1.5, -0.5, -2, 2),
      unary(Unary.Fn.EXP, 0, 0, -2, 2),
      unary(Unary.Fn.LOG, 0, 0, 0.5, 3),
      unary(Unary.Fn.SQRT, 0, 0, 0.5, 3),
      unary(Unary.Fn.RSQRT, 0, 0, 0.5, 3),
      unary(Unary.Fn.SQUARE, 0, 0, -2, 2),
      unary(Unary.Fn.RECIPROCAL, 0, 0, 0.5, 3),
      unary(Unary.Fn.POW, 2.5, 0, 0.5, 3),
      unary(Unary.Fn.ABS, 0, 0, -2, 2),
      unary(Unary.Fn.CLAMP, -0.5, 0.8, -2, 2),
      unary(Unary.Fn.SIN, 0, 0, -4, 4),
      unary(Unary.Fn.COS, 0, 0, -4, 4),
      unary(Unary.Fn.ACOS, 0, 0, -0.9, 0.9),
      unary(Unary.Fn.ERF, 0, 0, -2, 2),
      unary(Unary.Fn.TANH, 0, 0, -2, 2),
      unary(Unary.Fn.SIGMOID, 0, 0, -4, 4),
      unary(Unary.Fn.SOFTPLUS, 0, 0, -4, 4),
      unary(Unary.Fn.RELU, 0, 0, -2, 2),
      unary(Unary.Fn.RELU6, 0, 0, -3, 9),
      unary(Unary.Fn.LEAKY_RELU, 0.1, 0, -2, 2),
      unary(Unary.Fn.ELU, 1.2, 0, -2, 2),
      unary(Unary.Fn.SILU, 0, 0, -4, 4),
      unary(Unary.Fn.HARD_SIGMOID, 0, 0, -5, 5),
      unary(Unary.Fn.HARD_SWISH, 0, 0, -5, 5),
      unary(Unary.Fn.GELU, 0, 0, -4, 4),
      unary(Unary.Fn.GELU_TANH, 0, 0, -4, 4),
      unary(Unary.Fn.QUICK_GELU, 0, 0, -4, 4),
      unaryGrad(Unary.Fn.AFFINE, 1.5, -0.5, -2, 2),
      unaryGrad(Unary.Fn.EXP, 0, 0, -2, 2),
      unaryGrad(Unary.Fn.LOG, 0, 0, 0.5, 3),
      unaryGrad(Unary.Fn.SQRT, 0, 0, 0.5, 3),
      unaryGrad(Unary.Fn.RSQRT, 0, 0, 0.5, 3),
      unaryGrad(Unary.Fn.SQUARE, 0, 0, -2, 2),
      unaryGrad(Unary.Fn.RECIPROCAL, 0, 0, 0.5, 3),
      unaryGrad(Unary.Fn.POW, 2.5, 0, 0.5, 3),
      unaryGrad(Unary.Fn.ABS, 0, 0, -2, 2),
      unaryGrad(Unary.Fn.CLAMP, -0.5, 0.8, -2, 2),
      unaryGrad(Unary.Fn.SIN, 0, 0, -4, 4),
      unaryGrad(Unary.Fn.COS, 0, 0, -4, 4),
      unaryGrad(Unary.Fn.ACOS, 0, 0, -0.9, 0.9),
      unaryGrad(Unary.Fn.ERF, 0, 0, -2, 2),
      unaryGrad(Unary.Fn.TANH, 0, 0, -2, 2),
      unaryGrad(Unary.Fn.SIGMOID, 0, 0, -4, 4),
      unaryGrad(Unary.Fn.SOFTPLUS, 0, 0, -4, 4),
      unaryGrad(Unary.Fn.RELU, 0, 0, -2, 2),
      unaryGrad(Unary.Fn.RELU6, 0, 0, -3, 9),
      unaryGrad(Unary.Fn.LEAKY_RELU, 0.1, 0, -2, 2),
      unaryGrad(Unary.Fn.ELU, 1.2, 0, -2, 2),
      unaryGrad(Unary.Fn.SILU, 0, 0, -4, 4),
      unaryGrad(Unary.Fn.HARD_SIGMOID, 0, 0, -5, 5),
      unaryGrad(Unary.Fn.HARD_SWISH, 0, 0, -5, 5),
      unaryGrad(Unary.Fn.GELU, 0, 0, -4, 4),
      unaryGrad(Unary.Fn.GELU_TANH, 0, 0, -4, 4),
      unaryGrad(Unary.Fn.QUICK_GELU, 0, 0, -4, 4),
      binary(Binary.Fn.ADD, -2, 2),
      binary(Binary.Fn.SUB, -2, 2),
      binary(Binary.Fn.MUL, -2, 2),
      binary(Binary.Fn.DIV, 0.5, 2),
      binary(Binary.Fn.MAX, -2, 2),
      binary(Binary.Fn.MIN, -2, 2),
      binary(Binary.Fn.POW, 0.5, 2),
      alongPair("compare", Compare.class, _ -> new Compare(Compare.Relation.LT)),
      entry("where", Where.class, LayoutExamples::where),
      along("cast to F32", Cast.class, _ -> new Cast(DType.F32)),
      entry("cast of several", Cast.class, g -> call(new Cast(DType.BF16), Operand.real(g.shape(0, 3)), Operand.real(g.shape(0, 3)))),
      along("cast to I64", Cast.class, _ -> new Cast(DType.I64)),
      along("sum", Sum.class, axis -> new Sum(List.of(axis), false)),
      alongFilled("extremum", Extremum.class, axis -> new Extremum(true, List.of(axis), false)),
      along("prod", Prod.class, Prod::new),
      entry("prodGrad", ProdGrad.class, LayoutExamples::prodGrad),
      along("cumSum", CumSum.class, axis -> new CumSum(axis, false)),
      alongFilled("argMax", ArgMax.class, axis -> new ArgMax(axis, true)),
      along("argSort", ArgSort.class, axis -> new ArgSort(axis, true)),
      entry("matMul", MatMul.class, MatrixExamples::matMul),
      entry("linear", Linear.class, g -> MatrixExamples.linear(g, true)),
      entry("linear without bias", Linear.class, g -> MatrixExamples.linear(g, false)),
      entry("loraLinear", LoraLinear.class, g -> MatrixExamples.loraLinear(g, true)),
      entry("loraLinear without bias", LoraLinear.class, g -> MatrixExamples.loraLinear(g, false)),
      entry("gatedGelu", GatedGelu.class, MatrixExamples::gatedGelu),
      entry("gatedGeluGrad", GatedGeluGrad.class, MatrixExamples::gatedGeluGrad),
      entry("attention", Attention.class, g -> MatrixExamples.attention(g, false, false)),
      entry("attention with bias", Attention.class, g -> MatrixExamples.attention(g, false, true)),
      entry("attention of windows", Attention.class, g -> MatrixExamples.attentionOfWindows(g, false)),
      entry("attention, causal", Attention.class, g -> MatrixExamples.attention(g, true, false)),
      entry("attentionGrad", AttentionGrad.class, g -> MatrixExamples.attentionGrad(g, false, false)),
      entry("attentionGrad with bias", AttentionGrad.class, g -> MatrixExamples.attentionGrad(g, false, true)),
      entry("attentionGrad of windows", AttentionGrad.class, g -> MatrixExamples.attentionOfWindows(g, true)),
      entry("attentionGrad, causal", AttentionGrad.class, g -> MatrixExamples.attentionGrad(g, true, false)),
      along("softmax", Softmax.class, Softmax::new),
      alongPair("softmaxGrad", SoftmaxGrad.class, SoftmaxGrad::new),
      along("logSoftmax", LogSoftmax.class, LogSoftmax::new),
      alongPair("logSoftmaxGrad", LogSoftmaxGrad.class, LogSoftmaxGrad::new),
      entry("layerNorm", LayerNorm.class, g -> NormExamples.layerNorm(g, true)),
      entry("layerNorm without weights", LayerNorm.class, g -> NormExamples.layerNorm(g, false)),
      entry("layerNormGrad", LayerNormGrad.class, g -> NormExamples.layerNormGrad(g, true)),
      entry("layerNormGrad without weights", LayerNormGrad.class, g -> NormExamples.layerNormGrad(g, false)),
      entry("batchNorm", BatchNorm.class, NormExamples::batchNorm),
      entry("batchNormGrad", BatchNormGrad.class, NormExamples::batchNormGrad),
      along("dropout", Dropout.class, axis -> new Dropout(0.3, 5, axis)),
      entry("crossEntropy", CrossEntropy.class, g -> NormExamples.crossEntropy(g, false)),
      entry("crossEntropy with weights, smoothing and ignored labels", CrossEntropy.class,
          g -> NormExamples.crossEntropy(g, true)),
      entry("crossEntropyGrad", CrossEntropyGrad.class, g -> NormExamples.crossEntropyGrad(g, false)),
      entry("crossEntropyGrad with weights, smoothing and ignored labels", CrossEntropyGrad.class,
          g -> NormExamples.crossEntropyGrad(g, true)),
      entry("conv2d", Conv2d.class, g -> SpatialExamples.conv2d(g, true)),
      entry("conv2d without bias", Conv2d.class, g -> SpatialExamples.conv2d(g, false)),
      entry("conv2dGradInput", Conv2dGradInput.class, SpatialExamples::conv2dGradInput),
      entry("conv2dGradWeight", Conv2dGradWeight.class, SpatialExamples::conv2dGradWeight),
      entry("maxPool2d", MaxPool2d.class, SpatialExamples::maxPool2d),
      entry("average pooling", Resample2d.class, SpatialExamples::averagePool2d),
      interpolate(Method.NEAREST),
      interpolate(Method.NEAREST_EXACT),
      interpolate(Method.LINEAR),
      interpolate(Method.LINEAR_ALIGNED),
      interpolate(Method.LINEAR_ANTIALIAS),
      interpolate(Method.CUBIC),
      interpolate(Method.CUBIC_ALIGNED),
      interpolate(Method.CUBIC_ANTIALIAS),
      entry("resample2dGrad", Resample2dGrad.class, SpatialExamples::resample2dGrad),
      entry("unfold", Unfold.class, SpatialExamples::unfold),
      entry("fold", Fold.class, SpatialExamples::fold),
      entry("affinity", Affinity.class, SpatialExamples::affinity),
      entry("affinityGrad", AffinityGrad.class, SpatialExamples::affinityGrad),
      entry("reshape", Reshape.class, LayoutExamples::reshape),
      entry("permute", Permute.class, LayoutExamples::permute),
      entry("expand", Expand.class, LayoutExamples::expand),
      along("contiguous", Contiguous.class, _ -> new Contiguous()),
      entry("slice", Slice.class, LayoutExamples::slice),
      entry("sliceGrad", SliceGrad.class, LayoutExamples::sliceGrad),
      entry("unbind", Unbind.class, LayoutExamples::unbind),
      entry("concat", Concat.class, LayoutExamples::concat),
      entry("pad", Pad.class, LayoutExamples::pad),
      along("roll", Roll.class, axis -> new Roll(axis, 2)),
      entry("windowSplit", WindowSplit.class, g -> LayoutExamples.windowSplit(g, false)),
      entry("windowSplit, moved first", WindowSplit.class, g -> LayoutExamples.windowSplit(g, true)),
      entry("windowJoin", WindowJoin.class, g -> LayoutExamples.windowJoin(g, false)),
      entry("windowJoin, moved first", WindowJoin.class, g -> LayoutExamples.windowJoin(g, true)),
      entry("gather", Gather.class, LayoutExamples::gather),
      entry("scatter", Scatter.class, g -> LayoutExamples.scatter(g, Scatter::new)),
      entry("scatterAdd", ScatterAdd.class, g -> LayoutExamples.scatter(g, ScatterAdd::new)),
      entry("indexSelect", IndexSelect.class, LayoutExamples::indexSelect),
      entry("indexAdd", IndexAdd.class, LayoutExamples::indexAdd),
      entry("assign", Assign.class, LayoutExamples::assign),
      entry("sumOfSquares", SumOfSquares.class, NormExamples::sumOfSquares),
      entry("average", Average.class, g -> NormExamples.step(g, new Average())),
      entry("sgd", Sgd.class, g -> NormExamples.step(g, new Sgd(0.5, 0.9, true, 0.01))),
      entry("sgd without momentum", Sgd.class, g -> NormExamples.step(g, new Sgd(0.5, 0, false, 0.01))),
      entry("adam", AdamW.class, g -> NormExamples.adam(g, false, false)),
      entry("adamW", AdamW.class, g -> NormExamples.adam(g, true, false)),
      entry("adamW with AMSGrad", AdamW.class, g -> NormExamples.adam(g, true, true)));
}
