package dev.tenon.kernels.gpu;

import dev.tenon.engine.DType;
import dev.tenon.engine.Layout;
import dev.tenon.engine.Tensor;
import dev.tenon.engine.kernel.Call;
import dev.tenon.engine.kernel.Kernel;
import dev.tenon.engine.op.Binary;
import dev.tenon.engine.op.Compare;
import dev.tenon.engine.op.GatedGelu;
import dev.tenon.engine.op.GatedGeluGrad;
import dev.tenon.engine.op.Op;
import dev.tenon.engine.op.Unary;
import dev.tenon.engine.op.UnaryGrad;
import dev.tenon.engine.op.Where;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;

/**
 * Launches the text {@code elementwise}: maps of one element, of pairs, and the gated activation.
 *
 * @param fours whether it has kernels of which a thread takes four neighbors at once
 */
public record ElementwiseKernels(Launcher launcher, boolean fours) {
  private static final String TEXT = "elementwise";
  private static final int FOUR = 4;

  public List<Kernel> all() {
    return List.of(
        kernel(Unary.class, c -> mapped(c, "unary_" + ((Unary) c.op()).fn(), ((Unary) c.op()).a(), ((Unary) c.op()).b())),
        kernel(UnaryGrad.class,
            c -> mapped(c, "unaryGrad_" + ((UnaryGrad) c.op()).fn(), ((UnaryGrad) c.op()).a(), ((UnaryGrad) c.op()).b())),
        kernel(Binary.class, c -> mapped(c, "binary_" + ((Binary) c.op()).fn())),
        new OpKernel("elementwise", Compare.class, ElementwiseKernels::choiceRefusal,
            c -> mapped(c, "compare_" + ((Compare) c.op()).relation())),
        new OpKernel("elementwise", Where.class, ElementwiseKernels::choiceRefusal, c -> mapped(c, "where")),
        new OpKernel("gatedGelu", GatedGelu.class, Fit::real, this::gatedGelu),
        new OpKernel("gatedGelu", GatedGeluGrad.class, Fit::real, this::gatedGeluGrad));
  }

  private static Kernel kernel(Class<? extends Op> op, Consumer<Call> run) {
    return new OpKernel("elementwise", op, ElementwiseKernels::refusal, run);
  }

  /** Whole numbers are compared and chosen, too. */
  private static String choiceRefusal(Call call) {
    return call.inputs().stream().noneMatch(t -> t.dtype().isFloating()) ? together(call, Fit.small(call)) : refusal(call);
  }

  private static String refusal(Call call) {
    return together(call, Fit.real(call));
  }

  private static String together(Call call, String reason) {
    return reason == null ? Fit.together(call, call.output(0).shape()) : reason;
  }

  /** The type that real operands have. */
  public static DType real(Call call) {
    return call.inputs().stream().map(Tensor::dtype).filter(DType::isFloating).findFirst().orElseThrow();
  }

  /** The type of the operands, but for conditions. */
  private static DType type(Call call) {
    return call.inputs().stream().map(Tensor::dtype).filter(DType::isFloating).findFirst().orElseGet(() -> call.inputs().getLast().dtype());
  }

  /** Launches {@code name} over the result: the walk, all operands, the result, then {@code parameters}. */
  private void mapped(Call call, String name, Object... parameters) {
    Layout[] layouts = call.inputs().stream().map(Tensor::layout).toArray(Layout[]::new);
    Walk walk = Walk.of(call.output(0).shape(), layouts);
    int operands = layouts.length;
    Object[] arguments = new Object[operands + 2 + parameters.length];
    arguments[0] = walk.pack();
    for (int i = 0; i < operands; i++) {
      arguments[1 + i] = call.input(i);
    }
    arguments[1 + operands] = call.output(0);
    System.arraycopy(parameters, 0, arguments, 2 + operands, parameters.length);
    Launcher.Entry entry = Launcher.Entry.of(TEXT, name, type(call));
    Optional<Walk> byFours = takesFours(call) ? walk.grouped(FOUR) : Optional.empty();
    if (byFours.isPresent()) {
      arguments[0] = byFours.get().pack();
      launcher.launch(call, entry.by("fours"), Grid.over(byFours.get().size(), 1), arguments);
    } else {
      launcher.launch(call, entry, Grid.over(walk.size(), 4), arguments);
    }
  }

  /** Whether it is a function of real operands, each of which begins where a group of four does. */
  private boolean takesFours(Call call) {
    return fours && !(call.op() instanceof Compare) && !(call.op() instanceof Where)
        && call.inputs().stream().allMatch(t -> Launcher.address(t) % (FOUR * t.dtype().byteSize()) == 0);
  }

  private void gatedGelu(Call call) {
    try (Operands in = launcher.operands(call)) {
      int size = (int) call.output(0).size();
      int width = (int) call.output(0).dim(-1) / ((GatedGelu) call.op()).experts();
      launcher.launch(call, Launcher.Entry.of(TEXT, "gatedGelu", real(call)), Grid.over(size, 8), size, width, in.contiguous(0),
          in.contiguous(1), call.output(0));
    }
  }

  private void gatedGeluGrad(Call call) {
    try (Operands in = launcher.operands(call)) {
      int width = (int) call.output(0).dim(-1) / ((GatedGeluGrad) call.op()).experts();
      int gates = (int) call.output(1).size();
      Grid grid = launcher.warp() > 1 ? Grid.over((long) gates * width, 32) : Grid.of(gates, 128);
      launcher.launch(call, Launcher.Entry.of(TEXT, "gatedGeluGrad", real(call)), grid, gates, width,
          in.contiguous(0), in.contiguous(1), in.contiguous(2), call.output(0), call.output(1));
    }
  }
}
