package dev.tenon.kernels.cuda;

import dev.tenon.engine.Precision;
import dev.tenon.engine.kernel.Kernel;
import dev.tenon.kernels.gpu.AttentionKernels;
import dev.tenon.kernels.gpu.ConvKernels;
import dev.tenon.kernels.gpu.ElementwiseKernels;
import dev.tenon.kernels.gpu.Faults;
import dev.tenon.kernels.gpu.GemmKernels;
import dev.tenon.kernels.gpu.LaneKernels;
import dev.tenon.kernels.gpu.Launcher;
import dev.tenon.kernels.gpu.MoveKernels;
import dev.tenon.kernels.gpu.OptimizerKernels;
import dev.tenon.kernels.gpu.ReduceKernels;
import dev.tenon.kernels.gpu.RowKernels;
import dev.tenon.kernels.gpu.SpatialKernels;
import java.util.List;
import java.util.stream.Stream;

/** Every kernel of the CUDA backend, family by family. */
final class CudaKernels {
  private CudaKernels() {}

  static List<Kernel> all(Launcher launcher, Faults faults, Driver.Info info, Precision precision) {
    ReduceKernels reductions = new ReduceKernels(launcher);
    return Stream.of(
        new ElementwiseKernels(launcher, false).all(),
        new MoveKernels(launcher, faults).all(),
        reductions.all(),
        new RowKernels(launcher, faults, reductions).all(),
        new GemmKernels(launcher, new CudaProducts(launcher, info.multiprocessors())).all(),
        new TensorKernels(launcher, info.multiprocessors(), precision == Precision.TF32).all(),
        new AttentionKernels(launcher, reductions, new CudaTiles(info.sharedBytes())).all(),
        new FlashKernels(launcher, reductions).all(),
        info.capability() == 90 ? new Flash90Kernels(launcher).all() : List.<Kernel>of(),
        new ImplicitConvKernels(launcher, reductions, info.multiprocessors()).all(),
        new AffinityKernels(launcher, info.multiprocessors()).all(),
        new ConvKernels(launcher).all(),
        new SpatialKernels(launcher).all(),
        new LaneKernels(launcher, faults).all(),
        new OptimizerKernels(launcher).all())
        .flatMap(List::stream).toList();
  }
}
