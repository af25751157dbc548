package dev.tenon.kernels.opencl;

import dev.tenon.engine.DType;
import dev.tenon.engine.Tensor;
import dev.tenon.engine.kernel.Call;
import dev.tenon.engine.kernel.Kernel;
import dev.tenon.engine.op.Op;
import dev.tenon.kernels.gpu.AffinityKernels;
import dev.tenon.kernels.gpu.AttentionKernels;
import dev.tenon.kernels.gpu.ConvKernels;
import dev.tenon.kernels.gpu.ElementwiseKernels;
import dev.tenon.kernels.gpu.Faults;
import dev.tenon.kernels.gpu.GemmKernels;
import dev.tenon.kernels.gpu.LaneKernels;
import dev.tenon.kernels.gpu.Launcher;
import dev.tenon.kernels.gpu.MoveKernels;
import dev.tenon.kernels.gpu.OptimizerKernels;
import dev.tenon.kernels.gpu.Products;
import dev.tenon.kernels.gpu.ReduceKernels;
import dev.tenon.kernels.gpu.RowKernels;
import dev.tenon.kernels.gpu.SpatialKernels;
import java.util.List;
import java.util.stream.Stream;

/** Every kernel of the OpenCL backend, family by family. */
final class OpenClKernels {
  private OpenClKernels() {}

  static List<Kernel> all(Launcher launcher, Faults faults, ClDevice device, ClTuning tuning) {
    ReduceKernels reductions = new ReduceKernels(launcher);
    WideKernels wide = device.hasTeams() ? null : new WideKernels(launcher, reductions, tuning.rows());
    Products products = new ClProducts(launcher, wide, tuning.gemm(), device.units(), device.localBytes());
    List<Kernel> kernels = Stream.of(
        wide == null ? List.<Kernel>of() : wide.all(),
        wide == null ? List.<Kernel>of() : new WideAttention(launcher, wide, reductions).all(),
        new ElementwiseKernels(launcher, device.hasTeams()).all(),
        new MoveKernels(launcher, faults).all(),
        reductions.all(),
        device.hasTeams() ? new HeldRows(launcher).all() : List.<Kernel>of(),
        new RowKernels(launcher, faults, reductions).all(),
        new GemmKernels(launcher, products).all(),
        new AffinityKernels(launcher, products, device.hasTeams() ? 128 : 1).all(),
        wide == null && tuning.tiled() ? new TiledAttention(launcher, reductions, device.units(), device.localBytes()).all()
            : List.<Kernel>of(),
        new AttentionKernels(launcher, reductions, new ClTiles(tuning.attention(), device.localBytes())).all(),
        new ConvKernels(launcher).all(),
        device.hasTeams() ? new ClDepthwise(launcher, reductions, device.units()).all() : List.<Kernel>of(),
        new SpatialKernels(launcher).all(),
        new LaneKernels(launcher, faults).all(),
        new OptimizerKernels(launcher).all())
        .flatMap(List::stream).toList();
    return device.hasDoubles() ? kernels : kernels.stream().<Kernel>map(WithoutDoubles::new).toList();
  }

  /** A kernel on a device that has no double precision. */
  private record WithoutDoubles(Kernel kernel) implements Kernel {
    @Override
    public String name() {
      return kernel.name();
    }

    @Override
    public Class<? extends Op> op() {
      return kernel.op();
    }

    @Override
    public Offer accepts(Call call) {
      boolean doubles = Stream.concat(call.inputs().stream(), call.outputs().stream()).map(Tensor::dtype).anyMatch(DType.F64::equals);
      return doubles ? Offer.refuse("the device has no F64") : kernel.accepts(call);
    }

    @Override
    public void launch(Call call) {
      kernel.launch(call);
    }
  }
}
