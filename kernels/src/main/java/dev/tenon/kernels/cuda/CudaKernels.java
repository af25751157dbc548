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
        ofHopper(driver, launcher, info, precision),
        new ImplicitConvKernels(launcher, reductions, info.multiprocessors()).all(),
        new AffinityKernels(launcher, info.multiprocessors()).all(),
        new ConvKernels(launcher).all(),
        new SpatialKernels(launcher).all(),
        new LaneKernels(launcher, faults).all(),
        new OptimizerKernels(launcher).all())
        .flatMap(List::stream).toList();
  }

  /** Products and attention by instructions that only GPUs of compute capability 9.0 have. */
  private static List<Kernel> ofHopper(Driver driver, Launcher launcher, Driver.Info info, Precision precision) {
    if (info.capability() != HopperProducts.CAPABILITY) {
      return List.of();
    }
    HopperProducts whole = new HopperProducts(driver, launcher, info.multiprocessors(), false);
    HopperProducts split = new HopperProducts(driver, launcher, info.multiprocessors(), true);
    return Stream.of(
        new TensorKernels("hopper", 0.25, launcher, whole, precision == Precision.TF32).all(),
        precision == Precision.FP32_SPLIT ? new TensorKernels("split", 0.25, launcher, split, true).all() : List.<Kernel>of(),
        new Flash90Kernels(driver, launcher, info.multiprocessors()).all())
        .flatMap(List::stream).toList();
  }
}
