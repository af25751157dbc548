package dev.tenon.kernels.cuda;

import dev.tenon.engine.Precision;
import dev.tenon.engine.kernel.Kernel;
import dev.tenon.engine.kernel.KernelRegistry;
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

/** Every kernel of the CUDA backend, family by family. */
final class CudaKernels {
  private CudaKernels() {}

  static List<Kernel> all(Driver driver, Launcher launcher, Faults faults, Driver.Info info, Precision precision) {
    ReduceKernels reductions = new ReduceKernels(launcher);
    List<Kernel> products = products(driver, launcher, info, precision);
    return Stream.of(
        new ElementwiseKernels(launcher, false).all(),
        new CastKernels(launcher).all(),
        new MoveKernels(launcher, faults).all(),
        reductions.all(),
        new ChannelKernels(launcher, reductions).all(),
        new RowKernels(launcher, faults, reductions).all(),
        products,
        new AttentionKernels(launcher, reductions, new CudaTiles(info.sharedBytes())).all(),
        new Attention32Kernels(launcher, reductions, info.multiprocessors(), info.sharedBytes()).all(),
        new FlashKernels(launcher, reductions).all(),
        isHopper(info) ? new Flash90Kernels(driver, launcher, info.multiprocessors()).all() : List.<Kernel>of(),
        precision == Precision.FP32_SPLIT ? new SplitAttention(driver, launcher, info.multiprocessors()).all() : List.<Kernel>of(),
        new DepthwiseKernels(launcher, reductions, info.multiprocessors(), info.sharedBytes()).all(),
        isHopper(info) ? new Grouped90Kernels(launcher, info.multiprocessors(), info.sharedBytes()).all() : List.<Kernel>of(),
        new GroupedConvKernels(launcher, info.multiprocessors(), info.sharedBytes(), precision == Precision.TF32).all(),
        isHopper(info) ? new HopperConvKernels(driver, launcher, info.multiprocessors()).all() : List.<Kernel>of(),
        new ImplicitConvKernels(launcher, reductions, info.multiprocessors()).all(),
        precision == Precision.FP32_SPLIT ? new ProductConvKernels(launcher, reductions, new KernelRegistry(Stream.of(products,
            new SpatialKernels(launcher).all(), new ElementwiseKernels(launcher, false).all()).flatMap(List::stream).toList())).all()
            : List.<Kernel>of(),
        new AffinityKernels(launcher, new KernelRegistry(products)).all(),
        new ConvKernels(launcher).all(),
        new SpatialKernels(launcher).all(),
        new LaneKernels(launcher, faults).all(),
        new OptimizerKernels(launcher).all())
        .flatMap(List::stream).toList();
  }

  /** Matrix products, of which some kernels of other ops are made. */
  private static List<Kernel> products(Driver driver, Launcher launcher, Driver.Info info, Precision precision) {
    int multiprocessors = info.multiprocessors();
    boolean tf32 = precision == Precision.TF32;
    ThinKernels thin = new ThinKernels(launcher, multiprocessors);
    Products plain = new CudaProducts(launcher, thin, multiprocessors);
    return Stream.of(
        thin.all(),
        new GemmKernels(launcher, plain).all(),
        new TensorKernels("tensor", 0.5, launcher, new WarpProducts(launcher, multiprocessors), tf32).all(),
        isHopper(info) ? new TensorKernels("hopper", 0.25, launcher, new HopperProducts(driver, launcher, multiprocessors), tf32).all()
            : List.<Kernel>of(),
        precision == Precision.FP32_SPLIT ? new SplitKernels(driver, launcher, plain, multiprocessors).all() : List.<Kernel>of())
        .flatMap(List::stream).toList();
  }

  /** Whether there are the instructions that only GPUs of compute capability 9.0 have. */
  private static boolean isHopper(Driver.Info info) {
    return info.capability() == HopperProducts.CAPABILITY;
  }
}
