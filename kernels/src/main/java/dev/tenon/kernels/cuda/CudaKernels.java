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

  static List<Kernel> all(Driver driver, Launcher launcher, Faults faults, Driver.Info info, Precision precision) {
    ReduceKernels reductions = new ReduceKernels(launcher);
    return Stream.of(
        new ElementwiseKernels(launcher, false).all(),
        new MoveKernels(launcher, faults).all(),
        reductions.all(),
        new RowKernels(launcher, faults, reductions).all(),
        new GemmKernels(launcher, new CudaProducts(launcher, info.multiprocessors())).all(),
        new TensorKernels("tensor", 0.5, launcher, new WarpProducts(launcher, info.multiprocessors()), precision == Precision.TF32).all(),
        new AttentionKernels(launcher, reductions, new CudaTiles(info.sharedBytes())).all(),
        new FlashKernels(launcher, reductions).all(),
        ofHopper(driver, launcher, info, precision == Precision.TF32),
        new DepthwiseKernels(launcher, reductions, info.multiprocessors(), info.sharedBytes()).all(),
        new GroupedConvKernels(launcher, info.multiprocessors(), info.sharedBytes(), precision == Precision.TF32).all(),
        new ImplicitConvKernels(launcher, reductions, info.multiprocessors()).all(),
        new AffinityKernels(launcher, info.multiprocessors()).all(),
        new ConvKernels(launcher).all(),
        new SpatialKernels(launcher).all(),
        new LaneKernels(launcher, faults).all(),
        new OptimizerKernels(launcher).all())
        .flatMap(List::stream).toList();
  }

  /** Products and attention by instructions that only GPUs of compute capability 9.0 have. */
  private static List<Kernel> ofHopper(Driver driver, Launcher launcher, Driver.Info info, boolean tf32) {
    if (info.capability() != HopperProducts.CAPABILITY) {
      return List.of();
    }
    return Stream.of(
        new TensorKernels("hopper", 0.25, launcher, new HopperProducts(driver, launcher, info.multiprocessors()), tf32).all(),
        new Flash90Kernels(driver, launcher, info.multiprocessors()).all())
        .flatMap(List::stream).toList();
  }
}
