package dev.tenon.kernels.cuda;

import dev.tenon.engine.DType;
import dev.tenon.engine.kernel.Call;
import dev.tenon.engine.kernel.Kernel;
import dev.tenon.engine.op.Cast;
import dev.tenon.kernels.gpu.Fit;
import dev.tenon.kernels.gpu.Launcher;
import dev.tenon.kernels.gpu.OpKernel;
import java.util.List;
import java.util.stream.IntStream;

/** Launches what of the text {@code optimizer} converts many tensors at a time: weights that a step begins with, and their gradients. */
record CastKernels(Launcher launcher) {
  List<Kernel> all() {
    return List.of(new OpKernel("cast together", Cast.class, 0.5, CastKernels::refusal, this::cast));
  }

  private static String refusal(Call call) {
    if (call.inputs().size() == 1) {
      return "is for several tensors";
    }
    DType from = call.input(0).dtype();
    DType to = call.output(0).dtype();
    if (!(from == DType.F32 && to == DType.BF16 || from == DType.BF16 && to == DType.F32)) {
      return "converts between F32 and BF16";
    }
    return call.inputs().stream().allMatch(t -> t.layout().isContiguous()) ? Fit.small(call) : "takes what is contiguous";
  }

  private void cast(Call call) {
    Launcher.Entry entry = Launcher.Entry.of("optimizer", "cast", call.input(0).dtype(), call.output(0).dtype());
    int[] sizes = call.inputs().stream().mapToInt(t -> (int) t.size()).toArray();
    long[][] places = IntStream.range(0, sizes.length)
        .mapToObj(i -> new long[] {Launcher.address(call.input(i)), Launcher.address(call.output(i))}).toArray(long[][]::new);
    launcher.groups(sizes, places).forEach(group -> launcher.launch(call, entry, group.grid(), group));
  }
}
