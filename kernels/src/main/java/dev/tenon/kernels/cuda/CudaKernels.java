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
        tensor(driver, launcher, info, precision == Precision.TF32),
        new AttentionKernels(launcher, reductions, new CudaTiles(info.sharedBytes())).all(),
        new FlashKernels(launcher, reductions).all(),
        flash90(driver, launcher, info),
        new ImplicitConvKernels(launcher, reductions, info.multiprocessors()).all(),
        new AffinityKernels(launcher, info.multiprocessors()).all(),
        new ConvKernels(launcher).all(),
        new SpatialKernels(launcher).all(),
        new LaneKernels(launcher, faults).all(),
        new OptimizerKernels(launcher).all())
        .flatMap(List::stream).toList();
  }

  private static List<Kernel> flash90(Driver driver, Launcher launcher, Driver.Info info) {
    return info.capability() == HopperProducts.CAPABILITY ? new Flash90Kernels(driver, launcher, info.multiprocessors()).all() : List.of();
  }

  /** Products on tensor cores, by the instructions that every GPU has and by those that only Hopper's have. */
  private static List<Kernel> tensor(Driver driver, Launcher launcher, Driver.Info info, boolean tf32) {
    TensorKernels all = new TensorKernels("tensor", 0.5, launcher, new WarpProducts(launcher, info.multiprocessors()), tf32);
    TensorKernels hopper =
        new TensorKernels("hopper", 0.25, launcher, new HopperProducts(driver, launcher, info.multiprocessors()), tf32);
    return Stream.of(all, hopper).filter(k -> k == all || info.capability() == HopperProducts.CAPABILITY)
        .flatMap(k -> k.all().stream()).toList();
  }
}
