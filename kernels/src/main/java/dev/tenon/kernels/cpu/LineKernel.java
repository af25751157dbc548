package dev.tenon.kernels.cpu;

import dev.tenon.engine.Layout;
import dev.tenon.engine.Shape;
import dev.tenon.engine.Tensor;
import dev.tenon.engine.kernel.Call;
import dev.tenon.engine.kernel.Kernel;
import dev.tenon.engine.op.ArgMax;
import dev.tenon.engine.op.ArgSort;
import dev.tenon.engine.op.CrossEntropy;
import dev.tenon.engine.op.CrossEntropyGrad;
import dev.tenon.engine.op.CumSum;
import dev.tenon.engine.op.Extremum;
import dev.tenon.engine.op.Op;
import dev.tenon.engine.op.Prod;
import dev.tenon.engine.op.ProdGrad;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;

/** Runs ops whose results have lines of another length than x, or none: losses, running and extreme values, orders. */
record LineKernel(Class<? extends Op> op, Workers workers) implements Kernel {
  /** The ops it runs. */
  static final List<Class<? extends Op>> OPS = List.of(
      CrossEntropy.class, CrossEntropyGrad.class, CumSum.class, Prod.class, ProdGrad.class, Extremum.class, ArgMax.class, ArgSort.class);

  @Override
  public String name() {
    return "lines";
  }

  @Override
  public Offer accepts(Call call) {
    if (call.op() instanceof CrossEntropy || call.op() instanceof CrossEntropyGrad) {
      return Fit.indexed(call);
    }
    return Fit.rows(call) instanceof Offer.Refuse refusal ? refusal : Fit.counted(call.input(0));
  }

  @Override
  public void launch(Call call) {
    int width = call.input(0).rank() == 0 ? 1 : (int) call.input(0).dim(axis(call));
    switch (call.op()) {
      case CrossEntropy loss -> loss(loss, call, (in, out, _) -> out[0][0] = LossMaps.loss(loss, in, width));
      case CrossEntropyGrad grad -> loss(grad.loss(), call, (in, out, _) -> LossMaps.gradient(grad.loss(), in, out[0], width));
      case CumSum sum -> run(call, (in, out, n) -> LineMaps.cumSum(in[0], out[0], n, sum.reverse()));
      case Prod _ -> run(call, (in, out, _) -> out[0][0] = LineMaps.product(in[0], width));
      case ProdGrad _ -> run(call, (in, out, n) -> LineMaps.productGrad(in[0], in[1][0], out[0], n));
      case ArgMax _ -> run(call, (in, out, _) -> out[0][0] = LineMaps.argMax(in[0], width));
      case ArgSort sort -> run(call, (in, out, n) -> LineMaps.argSort(in[0], out[0], n, sort.descending()));
      case Extremum extremum -> extremum(extremum, call);
      default -> throw new IllegalArgumentException(call.op().name() + " does not work on lines");
    }
  }

  private static int axis(Call call) {
    return switch (call.op()) {
      case CumSum sum -> sum.axis();
      case Prod prod -> prod.axis();
      case ProdGrad grad -> grad.axis();
      case ArgMax max -> max.axis();
      case ArgSort sort -> sort.axis();
      case Extremum _ -> 0;
      default -> 1;
    };
  }

  private void run(Call call, Rows.Body body) {
    Shape x = call.input(0).shape();
    int axis = x.axis(axis(call));
    Rows.run(workers, lines(call.inputs(), x, axis), lines(call.outputs(), x, axis), body);
  }

  /** Tensors with x's dimensions have a line each along the axis; those without that one, an element each. */
  private static List<Rows.Operand> lines(List<Tensor> tensors, Shape x, int axis) {
    return tensors.stream()
        .map(t -> t.shape().equals(x)
            ? Rows.Operand.of(t, t.layout().permute(lastly(x.rank(), axis)), (int) x.dim(axis))
            : Rows.Operand.of(t, t.layout(), 1))
        .toList();
  }

  /** Dimensions in order, but for one that comes last. */
  static int[] lastly(int rank, int axis) {
    return IntStream.range(0, rank).map(d -> d == rank - 1 ? axis : d < axis ? d : d + 1).toArray();
  }

  /** Operands x, target, perhaps weights, perhaps gradOutput; where there are no weights, none are handed on. */
  private void loss(CrossEntropy loss, Call call, Rows.Body body) {
    Tensor x = call.input(0);
    Layout lines = x.layout().permute(lastly(x.rank(), 1));
    int classes = (int) x.dim(1);
    List<Rows.Operand> in = new ArrayList<>();
    in.add(Rows.Operand.of(x, lines, classes));
    for (int i = 1; i < call.inputs().size(); i++) {
      Tensor t = call.input(i);
      boolean weight = loss.weighted() && i == 2;
      in.add(weight ? Rows.Operand.of(t, t.layout().expand(lines.shape()), classes) : Rows.Operand.of(t, t.layout(), 1));
    }
    Rows.run(workers, in, lines(call.outputs(), x.shape(), 1), body);
  }

  private void extremum(Extremum extremum, Call call) {
    Tensor x = call.input(0);
    int[] order = IntStream.concat(
        IntStream.range(0, x.rank()).filter(d -> !extremum.dims().contains(d)), extremum.dims().stream().mapToInt(d -> d)).toArray();
    int width = (int) (x.size() / call.output(0).size());
    Rows.run(workers, List.of(Rows.Operand.of(x, x.layout().permute(order), width)),
        List.of(Rows.Operand.of(call.output(0), call.output(0).layout(), 1)),
        (in, out, _) -> out[0][0] = extremum.max() ? VectorMath.max(in[0], 0, width) : LineMaps.min(in[0], width));
  }
}
