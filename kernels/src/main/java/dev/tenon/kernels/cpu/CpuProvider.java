package dev.tenon.kernels.cpu;

import dev.tenon.engine.Backend;
import dev.tenon.engine.BackendProvider;
import dev.tenon.engine.Device;
import dev.tenon.engine.HostBackend;
import dev.tenon.engine.kernel.Kernel;
import dev.tenon.engine.op.Linear;
import dev.tenon.engine.op.LoraLinear;
import java.util.ArrayList;
import java.util.List;

/** Opens the CPU with vectorized, multi-threaded kernels. */
public final class CpuProvider implements BackendProvider {
  @Override
  public Device.Kind kind() {
    return Device.Kind.CPU;
  }

  @Override
  public Backend open(Device device, int threads) {
    // A choice that cannot be used is said now, and not where the first product is.
    TileChoice.here().read();
    Workers workers = new Workers(threads);
    String description = workers.threads() + " threads, " + Simd.F32.vectorBitSize() + "-bit vectors";
    return new HostBackend(kernels(workers), description, workers::close);
  }

  @Override
  public List<String> tune(Device device) {
    TileChoice choice = TileChoice.here();
    TileTuner tuner = new TileTuner();
    choice.write(tuner.tune());
    return List.of(tuner.report(), "kept in " + choice.file());
  }

  private static List<Kernel> kernels(Workers workers) {
    Gemm gemm = new Gemm(workers);
    List<Kernel> kernels = new ArrayList<>(List.of(
        new MatMulKernel(gemm), new LinearKernel(Linear.class, gemm), new LinearKernel(LoraLinear.class, gemm),
        new SumKernel(workers), new SquaresKernel(workers), new DropoutKernel(workers), new LayerNormGradKernel(workers),
        new AttentionKernel(workers), new AttentionGradKernel(workers)));
    ElementwiseKernel.OPS.forEach(op -> kernels.add(new ElementwiseKernel(op, workers)));
    LabelKernel.OPS.forEach(op -> kernels.add(new LabelKernel(op, workers)));
    CopyKernel.OPS.forEach(op -> kernels.add(new CopyKernel(op, workers)));
    UpdateKernel.OPS.forEach(op -> kernels.add(new UpdateKernel(op, workers)));
    PointwiseConvKernel.OPS.forEach(op -> kernels.add(new PointwiseConvKernel(op, gemm)));
    PatchConvKernel.OPS.forEach(op -> kernels.add(new PatchConvKernel(op, gemm)));
    DepthwiseKernel.OPS.forEach(op -> kernels.add(new DepthwiseKernel(op, workers)));
    ConvKernel.OPS.forEach(op -> kernels.add(new ConvKernel(op, workers)));
    kernels.add(new DepthwiseGradWeightKernel(workers));
    kernels.add(new ConvGradWeightKernel(workers));
    BatchNormKernel.OPS.forEach(op -> kernels.add(new BatchNormKernel(op, workers)));
    ResampleKernel.OPS.forEach(op -> kernels.add(new ResampleKernel(op, workers)));
    kernels.add(new MaxPoolKernel(workers));
    UnfoldKernel.OPS.forEach(op -> kernels.add(new UnfoldKernel(op, workers)));
    IndexKernel.OPS.forEach(op -> kernels.add(new IndexKernel(op, workers)));
    WindowKernel.OPS.forEach(op -> kernels.add(new WindowKernel(op, workers)));
    AffinityKernel.OPS.forEach(op -> kernels.add(new AffinityKernel(op, workers)));
    PixelLossKernel.OPS.forEach(op -> kernels.add(new PixelLossKernel(op, workers)));
    LineKernel.OPS.forEach(op -> kernels.add(new LineKernel(op, workers)));
    RowKernel.OPS.forEach(op -> kernels.add(new RowKernel(op, workers)));
    kernels.stream().map(Kernel::op).distinct().toList().forEach(op -> kernels.add(new EmptyKernel(op)));
    return kernels;
  }

  @Override
  public String discover() {
    return "cpu: " + Runtime.getRuntime().availableProcessors() + " cores, " + Simd.F32.vectorBitSize() + "-bit vectors";
  }
}
