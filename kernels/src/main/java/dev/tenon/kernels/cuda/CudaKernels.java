package dev.tenon.kernels.cuda;

import dev.tenon.engine.kernel.Kernel;
import java.util.List;
import java.util.stream.Stream;

/** Every kernel of the CUDA backend, family by family. */
final class CudaKernels {
  private CudaKernels() {}

  static List<Kernel> all(Launcher launcher, Faults faults, Driver.Info info) {
    return Stream.of(
        new ElementwiseKernels(launcher).all(),
        new MoveKernels(launcher, faults).all(),
        new GemmKernels(launcher, info.multiprocessors()).all())
        .flatMap(List::stream).toList();
  }
}
