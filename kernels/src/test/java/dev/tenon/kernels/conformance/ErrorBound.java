package dev.tenon.kernels.conformance;

import dev.tenon.engine.DType;
import dev.tenon.engine.op.Affinity;
import dev.tenon.engine.op.AffinityGrad;
import dev.tenon.engine.op.ArgMax;
import dev.tenon.engine.op.ArgSort;
import dev.tenon.engine.op.Attention;
import dev.tenon.engine.op.AttentionGrad;
import dev.tenon.engine.op.BatchNorm;
import dev.tenon.engine.op.BatchNormGrad;
import dev.tenon.engine.op.Binary;
import dev.tenon.engine.op.Cast;
import dev.tenon.engine.op.Compare;
import dev.tenon.engine.op.Conv2d;
import dev.tenon.engine.op.Conv2dGradInput;
import dev.tenon.engine.op.Conv2dGradWeight;
import dev.tenon.engine.op.CrossEntropy;
import dev.tenon.engine.op.CrossEntropyGrad;
import dev.tenon.engine.op.CumSum;
import dev.tenon.engine.op.Dropout;
import dev.tenon.engine.op.Extremum;
import dev.tenon.engine.op.Fold;
import dev.tenon.engine.op.GatedGelu;
import dev.tenon.engine.op.GatedGeluGrad;
import dev.tenon.engine.op.IndexAdd;
import dev.tenon.engine.op.LayerNorm;
import dev.tenon.engine.op.LayerNormGrad;
import dev.tenon.engine.op.Linear;
import dev.tenon.engine.op.LogSoftmax;
import dev.tenon.engine.op.LogSoftmaxGrad;
import dev.tenon.engine.op.LoraLinear;
import dev.tenon.engine.op.MatMul;
import dev.tenon.engine.op.MaxPool2d;
import dev.tenon.engine.op.Op;
import dev.tenon.engine.op.OptimizerStep;
import dev.tenon.engine.op.Prod;
import dev.tenon.engine.op.ProdGrad;
import dev.tenon.engine.op.Ref;
import dev.tenon.engine.op.Resample2d;
import dev.tenon.engine.op.Resample2dGrad;
import dev.tenon.engine.op.ScatterAdd;
import dev.tenon.engine.op.Softmax;
import dev.tenon.engine.op.SoftmaxGrad;
import dev.tenon.engine.op.Spec;
import dev.tenon.engine.op.Sum;
import dev.tenon.engine.op.SumOfSquares;
import dev.tenon.engine.op.Unary;
import dev.tenon.engine.op.UnaryGrad;
import dev.tenon.engine.op.Where;
import dev.tenon.engine.op.Window2d;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;

/**
 * How far a result computed in F32 may be from the definition, element by element, before it is stored. Each bound counts the roundings
 * on the way to the result and multiplies them with the unit roundoff and the size of what is rounded: the definition evaluated on
 * absolute values. To first order; {@link #SLACK} covers what products of roundings add.
 */
public final class ErrorBound {
  static final double U = DType.F32.roundoff();
  static final double SLACK = 1.01;

  private ErrorBound() {}

  public static List<double[]> of(Op op, List<Ref> in, List<Ref> out) {
    return switch (op) {
      case Unary unary -> List.of(UnaryBound.of(unary, in.getFirst().v()));
      case UnaryGrad grad -> List.of(UnaryBound.of(grad, in.get(0).v(), in.get(1).v()));
      case GatedGelu gated -> UnaryBound.of(gated, in);
      case GatedGeluGrad gated -> UnaryBound.of(gated, in);
      case Binary(Binary.Fn fn) -> fn == Binary.Fn.POW ? List.of(power(in, out.getFirst())) : rounded(out, 1);
      case Compare _, Where _, Cast _, Extremum _, ArgMax _, ArgSort _, MaxPool2d _ -> rounded(out, 1);
      case Dropout _ -> rounded(out, 3);
      case Prod(int axis) -> rounded(out, in.getFirst().dim(axis));
      case ProdGrad(int axis) -> rounded(out, in.getFirst().dim(axis) + 1);
      case Resample2d _, Resample2dGrad _ -> resampled(in.getFirst(), out.getFirst());
      case Softmax(int axis) -> RowBound.of(axis, out.getFirst(), RowBound::softmax, in.get(0), out.get(0));
      case SoftmaxGrad(int axis) -> RowBound.of(axis, out.getFirst(), RowBound::softmaxGrad, in.get(0), in.get(1));
      case LogSoftmax(int axis) -> RowBound.of(axis, out.getFirst(), RowBound::logSoftmax, in.get(0), out.get(0));
      case LogSoftmaxGrad(int axis) -> RowBound.of(axis, out.getFirst(), RowBound::logSoftmaxGrad, in.get(0), in.get(1));
      case CrossEntropy loss -> List.of(LossBound.of(loss, in));
      case CrossEntropyGrad grad -> List.of(LossBound.of(grad, in));
      case LayerNorm norm -> NormBound.of(norm, in, out);
      case LayerNormGrad grad -> NormBound.of(grad, in);
      case BatchNorm _ -> NormBound.batchNorm(in, out);
      case BatchNormGrad grad -> NormBound.of(grad, in);
      case Attention a -> new AttentionBound(a.scale(), a.causal(), a.bias(), between(in)).forward(in, out);
      case AttentionGrad a -> new AttentionBound(a.scale(), a.causal(), a.bias(), between(in)).backward(in);
      case Affinity _ when between(in) > 0 -> sum(multilinear(op, in), AffinityBound.forward(in));
      case AffinityGrad _ when between(in) > 0 -> sum(multilinear(op, in), AffinityBound.backward(in));
      case OptimizerStep step -> UpdateBound.of(step, in);
      default -> multilinear(op, in);
    };
  }

  /** Largest relative error of rounding what tensor cores multiply next, in ops of several products: to BF16; no others round there. */
  private static double between(List<Ref> in) {
    return in.getFirst().dtype() == DType.BF16 ? DType.BF16.roundoff() : 0;
  }

  private static List<double[]> sum(List<double[]> a, List<double[]> b) {
    return IntStream.range(0, a.size())
        .mapToObj(o -> IntStream.range(0, a.get(o).length).mapToDouble(i -> a.get(o)[i] + b.get(o)[i]).toArray()).toList();
  }

  /** Results that come out of {@code roundings} multiplications, and so have a relative error. */
  private static List<double[]> rounded(List<Ref> out, int roundings) {
    return out.stream().map(r -> r.dtype().isFloating()
        ? Arrays.stream(r.v()).map(v -> SLACK * U * roundings * Math.abs(v)).toArray()
        : new double[r.size()]).toList();
  }

  /** Ops that move elements or add up products of them: a rounding for each term, of the definition on absolute values. */
  private static List<double[]> multilinear(Op op, List<Ref> in) {
    List<Ref> size = op.infer(in.stream().map(r -> new Spec(r.dtype(), r.shape())).toList()).stream()
        .map(s -> Ref.zeros(s.dtype(), s.shape())).toList();
    op.reference(in.stream().map(ErrorBound::absolute).toList(), size);
    return rounded(size, terms(op, in));
  }

  /** Roundings on the way to a sum: one for each product, one for each addition after the first, and one for each constant. */
  private static int terms(Op op, List<Ref> in) {
    Ref first = in.getFirst();
    return switch (op) {
      case MatMul _ -> first.dim(-1) + 1;
      case Linear _ -> first.dim(-1) + 2;
      case LoraLinear _ -> first.dim(-1) + in.getLast().dim(0) + 6;
      case Sum(List<Integer> dims, _) -> dims.stream().mapToInt(first::dim).reduce(1, (a, b) -> a * b);
      case SumOfSquares _ -> in.stream().mapToInt(Ref::size).sum() + 1;
      case CumSum(int axis, _) -> first.dim(axis);
      case IndexAdd _, ScatterAdd _ -> in.get(1).size() + 1;
      case Conv2d _ -> in.get(1).size() / Math.max(1, in.get(1).dim(0)) + 2;
      case Conv2dGradInput _ -> in.get(1).size() + 1;
      case Conv2dGradWeight _ -> first.size() / Math.max(1, first.dim(1)) + 1;
      case Affinity _ -> first.dim(2) + 9 * first.dim(1) + first.dim(3) * first.dim(4) + 4;
      case AffinityGrad _ ->
          first.dim(1) * (first.dim(2) + 9) + in.get(1).dim(2) + 2 * first.dim(0) * first.dim(3) * first.dim(4) + 12;
      case Fold(Window2d window, _, _) -> window.kernelH() * window.kernelW();
      default -> 1;
    };
  }

  /**
   * Weighted sums of at most a plane's elements. Weights are rounded once each, and their absolute values add up to less than 2 along
   * an axis (bicubic ones are the largest), times the number of results an element goes to where it goes backward.
   */
  private static List<double[]> resampled(Ref in, Ref out) {
    double most = Arrays.stream(in.v()).map(Math::abs).max().orElse(0);
    double spread = 1;
    double terms = 4;
    for (int axis = 2; axis < 4; axis++) {
      spread *= 2 * Math.max(1, (double) in.dim(axis) / Math.max(1, out.dim(axis)));
      terms += in.dim(axis);
    }
    double bound = SLACK * U * terms * spread * most;
    return List.of(Arrays.stream(out.v()).map(_ -> bound).toArray());
  }

  private static Ref absolute(Ref ref) {
    return ref.dtype().isFloating() ? new Ref(ref.dtype(), ref.shape(), Arrays.stream(ref.v()).map(Math::abs).toArray()) : ref;
  }

  /** {@code x^y} is {@code exp(y·log x)}, whose argument's rounding it multiplies by. */
  private static double[] power(List<Ref> in, Ref out) {
    double x = Arrays.stream(in.get(0).v()).map(v -> Math.abs(Math.log(v))).max().orElse(0);
    double y = Arrays.stream(in.get(1).v()).map(Math::abs).max().orElse(0);
    return Arrays.stream(out.v()).map(v -> SLACK * U * (UnaryBound.ULPS + x * y) * v).toArray();
  }
}
