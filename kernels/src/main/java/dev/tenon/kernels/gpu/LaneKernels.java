package dev.tenon.kernels.gpu;

import dev.tenon.engine.DType;
import dev.tenon.engine.Layout;
import dev.tenon.engine.Shape;
import dev.tenon.engine.Tensor;
import dev.tenon.engine.kernel.Call;
import dev.tenon.engine.kernel.Kernel;
import dev.tenon.engine.op.ArgSort;
import dev.tenon.engine.op.BatchNorm;
import dev.tenon.engine.op.BatchNormGrad;
import dev.tenon.engine.op.Prod;
import dev.tenon.engine.op.ProdGrad;
import dev.tenon.engine.op.Scatter;
import java.util.List;

/** Launches the text {@code lanes}: products and orders along one dimension, statistics of channels, replacing by index. */
public record LaneKernels(Launcher launcher, Faults faults) {
  private static final String TEXT = "lanes";
  private static final int THREADS = 256;

  public List<Kernel> all() {
    return List.of(
        new OpKernel("lanes", Prod.class, LaneKernels::realRefusal, this::prod),
        new OpKernel("lanes", ProdGrad.class, LaneKernels::realRefusal, this::prodGrad),
        new OpKernel("lanes", ArgSort.class, LaneKernels::realRefusal, this::argSort),
        new OpKernel("channels", BatchNorm.class, Fit::real, this::batchNorm),
        new OpKernel("channels", BatchNormGrad.class, Fit::real, this::batchNormGrad),
        new OpKernel("replace", Scatter.class, Fit::small, this::scatter));
  }

  private static String realRefusal(Call call) {
    return call.input(0).dtype().isFloating() ? Fit.real(call) : "computes with real numbers, and the operand is " + call.input(0).dtype();
  }

  private void prod(Call call) {
    try (Operands in = launcher.operands(call)) {
      Tensor x = call.input(0);
      Lines lines = Lines.of(x.shape(), ((Prod) call.op()).axis());
      launcher.launch(call, Launcher.Entry.of(TEXT, "prod", x.dtype()), Grid.over(lines.count(), 1), lines.pack(), in.contiguous(0),
          call.output(0));
    }
  }

  private void prodGrad(Call call) {
    try (Operands in = launcher.operands(call)) {
      Tensor x = call.input(0);
      Lines lines = Lines.of(x.shape(), ((ProdGrad) call.op()).axis());
      long before = in.scratch(x.size() * Math.max(DType.F32.byteSize(), x.dtype().byteSize()));
      launcher.launch(call, Launcher.Entry.of(TEXT, "prodGrad", x.dtype()), Grid.over(lines.count(), 1), lines.pack(), in.contiguous(0),
          in.contiguous(1), before, call.output(0));
    }
  }

  private void argSort(Call call) {
    try (Operands in = launcher.operands(call)) {
      ArgSort op = (ArgSort) call.op();
      Tensor x = call.input(0);
      launcher.launch(call, Launcher.Entry.of(TEXT, "argSort", x.dtype()), Grid.over(x.size(), 1), Lines.of(x.shape(), op.axis()).pack(),
          in.contiguous(0), call.output(0), op.descending() ? 1 : 0);
    }
  }

  private static int[] channels(Shape x) {
    return new int[] {(int) x.dim(0), (int) x.dim(1), (int) x.product(2, x.rank())};
  }

  private void batchNorm(Call call) {
    try (Operands in = launcher.operands(call)) {
      Shape x = call.input(0).shape();
      launcher.launch(call, Launcher.Entry.of(TEXT, "batchNorm", call.input(0).dtype()), Grid.of(x.dim(1), THREADS), channels(x),
          in.contiguous(0), in.contiguous(1), in.contiguous(2), call.output(0), call.output(1), call.output(2),
          ((BatchNorm) call.op()).eps());
    }
  }

  private void batchNormGrad(Call call) {
    try (Operands in = launcher.operands(call)) {
      Shape x = call.input(1).shape();
      launcher.launch(call, Launcher.Entry.of(TEXT, "batchNormGrad", call.input(1).dtype()), Grid.of(x.dim(1), THREADS), channels(x),
          in.contiguous(0), in.contiguous(1), in.contiguous(2), in.contiguous(3), in.contiguous(4), call.output(0), call.output(1),
          call.output(2), ((BatchNormGrad) call.op()).eps());
    }
  }

  private void scatter(Call call) {
    try (Operands in = launcher.operands(call)) {
      Tensor x = call.input(0);
      Tensor index = call.input(1);
      Tensor src = call.input(2);
      Layout y = call.output(0).layout();
      int axis = x.shape().axis(((Scatter) call.op()).axis());
      in.copy(x, Launcher.address(call.output(0)), y);
      Shape reached = index.shape().with(axis, 1);
      Walk walk = Walk.of(reached, MoveKernels.still(index.layout(), axis, 1), MoveKernels.still(src.layout(), axis, 1),
          MoveKernels.within(y, reached, axis));
      int width = x.dtype().byteSize();
      launcher.launch(call, new Launcher.Entry(TEXT, "replace", Integer.toString(width)), Grid.over(walk.size() * x.dim(axis), 1),
          walk.pack(), index, src, Launcher.address(call.output(0)), (int) x.dim(axis), (int) index.dim(axis),
          (int) index.layout().stride(axis), (int) src.layout().stride(axis), (int) y.stride(axis), faults.number(call.op()),
          faults.address());
    }
  }
}
