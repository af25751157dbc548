package dev.tenon.engine.op;

import dev.tenon.engine.Shape;
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
  public record Example(Op op, List<Operand> operands) {}

  private Ops() {}

  private static Entry entry(String name, Class<? extends Op> type, Function<Generator, Example> example) {
    return new Entry(name, type, example);
  }

  private static Example call(Op op, Operand... operands) {
    return new Example(op, List.of(operands));
  }

  private static Entry unary(Unary.Fn fn, double a, double b, double low, double high) {
    return entry("unary " + fn, Unary.class, g -> call(new Unary(fn, a, b), Operand.within(g.shape(0, 3), low, high)));
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

  private static Entry alongPair(String name, Class<? extends Op> type, Function<Integer, Op> op) {
    return entry(name, type, g -> {
      Shape shape = g.shape(1, 3);
      return call(op.apply(g.axis(shape)), Operand.real(shape), Operand.real(shape));
    });
  }

  private static Example linear(Generator g, boolean bias) {
    Shape x = g.shape(1, 3);
    long out = g.dim();
    Operand w = Operand.real(Shape.of(out, x.dim(-1)));
    return bias
        ? call(new Linear(true), Operand.real(x), w, Operand.real(Shape.of(out)))
        : call(new Linear(false), Operand.real(x), w);
  }

  private static Example loraLinear(Generator g, boolean bias) {
    Shape x = g.shape(1, 3);
    long out = g.dim();
    long rank = g.dim();
    Operand w = Operand.real(Shape.of(out, x.dim(-1)));
    Operand loraA = Operand.real(Shape.of(x.dim(-1), rank));
    Operand loraB = Operand.real(Shape.of(rank, out));
    return bias
        ? call(new LoraLinear(true, 0.5), Operand.real(x), w, Operand.real(Shape.of(out)), loraA, loraB)
        : call(new LoraLinear(false, 1.5), Operand.real(x), w, loraA, loraB);
  }

  private static Example gatedGelu(Generator g) {
    Shape gate = g.shape(1, 3);
    int experts = (int) gate.dim(-1);
    return call(new GatedGelu(Math.max(1, experts)), Operand.real(gate.with(-1, experts * g.dim())), Operand.real(gate));
  }

  private static Example matMul(Generator g) {
    Shape batch = g.shape(0, 1);
    long k = g.dim();
    return call(new MatMul(), Operand.real(batch.concat(Shape.of(g.dim(), k))), Operand.real(Shape.of(k, g.dim())));
  }

  private static Example where(Generator g) {
    Shape shape = g.shape(1, 3);
    return call(new Where(), Operand.flags(shape), Operand.real(shape), Operand.real(g.broadcasting(shape)));
  }

  private static Example concat(Generator g) {
    Shape shape = g.shape(1, 3);
    int axis = g.axis(shape);
    return call(new Concat(axis), Operand.real(shape), Operand.real(shape.with(axis, g.dim())), Operand.real(shape));
  }

  private static Example gather(Generator g) {
    Shape shape = g.shape(1, 3);
    int axis = g.axis(shape);
    return call(new Gather(axis), Operand.real(shape), Operand.index(shape.with(axis, g.dim()), shape.dim(axis)));
  }

  private static Example scatterAdd(Generator g) {
    Shape shape = g.shape(1, 3);
    int axis = g.axis(shape);
    Shape index = shape.with(axis, g.dim());
    return call(new ScatterAdd(axis), Operand.real(shape), Operand.index(index, shape.dim(axis)), Operand.real(index));
  }

  private static Example slice(Generator g) {
    Shape shape = g.shape(1, 3);
    return call(new Slice(0, 0, shape.dim(0), 2), Operand.real(shape));
  }

  private static Example indexSelect(Generator g) {
    Shape shape = g.shape(1, 3);
    int axis = g.axis(shape);
    return call(new IndexSelect(axis), Operand.real(shape), Operand.index(g.shape(1, 2), shape.dim(axis)));
  }

  private static Example indexAdd(Generator g) {
    Shape shape = g.shape(1, 3);
    long picks = g.dim();
    return call(new IndexAdd(0), Operand.real(shape), Operand.index(Shape.of(picks), shape.dim(0)),
        Operand.real(shape.with(0, picks)));
  }

  private static Example pad(Generator g) {
    return call(new Pad(List.of(1L, 0L), List.of(2L, 3L), 0.5), Operand.real(g.shape(2, 2)));
  }

  private static Example crossEntropy(Generator g, boolean weighted) {
    Shape x = g.shape(2, 3);
    Operand target = Operand.index(x.without(1), x.dim(1));
    return weighted
        ? call(new CrossEntropy(0.1, 0, true), Operand.real(x), target, Operand.within(Shape.of(x.dim(1)), 0.5, 2))
        : call(new CrossEntropy(0, -100, false), Operand.real(x), target);
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
      binary(Binary.Fn.ADD, -2, 2),
      binary(Binary.Fn.SUB, -2, 2),
      binary(Binary.Fn.MUL, -2, 2),
      binary(Binary.Fn.DIV, 0.5, 2),
      binary(Binary.Fn.MAX, -2, 2),
      binary(Binary.Fn.MIN, -2, 2),
      binary(Binary.Fn.POW, 0.5, 2),
      alongPair("compare", Compare.class, _ -> new Compare(Compare.Relation.LT)),
      entry("where", Where.class, Ops::where),
      along("sum", Sum.class, axis -> new Sum(List.of(axis), false)),
      entry("matMul", MatMul.class, Ops::matMul),
      entry("linear", Linear.class, g -> linear(g, true)),
      entry("linear without bias", Linear.class, g -> linear(g, false)),
      entry("loraLinear", LoraLinear.class, g -> loraLinear(g, true)),
      entry("loraLinear without bias", LoraLinear.class, g -> loraLinear(g, false)),
      entry("gatedGelu", GatedGelu.class, Ops::gatedGelu),
      along("softmax", Softmax.class, Softmax::new),
      alongPair("softmaxGrad", SoftmaxGrad.class, SoftmaxGrad::new),
      along("logSoftmax", LogSoftmax.class, LogSoftmax::new),
      alongPair("logSoftmaxGrad", LogSoftmaxGrad.class, LogSoftmaxGrad::new),
      entry("slice", Slice.class, Ops::slice),
      along("contiguous", Contiguous.class, _ -> new Contiguous()),
      entry("concat", Concat.class, Ops::concat),
      along("unbind", Unbind.class, Unbind::new),
      entry("gather", Gather.class, Ops::gather),
      entry("scatterAdd", ScatterAdd.class, Ops::scatterAdd),
      entry("indexSelect", IndexSelect.class, Ops::indexSelect),
      entry("indexAdd", IndexAdd.class, Ops::indexAdd),
      along("extremum", Extremum.class, axis -> new Extremum(true, List.of(axis), false)),
      along("prod", Prod.class, Prod::new),
      along("cumSum", CumSum.class, axis -> new CumSum(axis, false)),
      along("roll", Roll.class, axis -> new Roll(axis, 2)),
      along("dropout", Dropout.class, axis -> new Dropout(0.3, 5, axis)),
      entry("pad", Pad.class, Ops::pad),
      entry("crossEntropy", CrossEntropy.class, g -> crossEntropy(g, false)),
      entry("crossEntropy with weights, smoothing and ignored labels", CrossEntropy.class, g -> crossEntropy(g, true)),
      along("argMax", ArgMax.class, axis -> new ArgMax(axis, true)),
      along("argSort", ArgSort.class, axis -> new ArgSort(axis, true)));
}
