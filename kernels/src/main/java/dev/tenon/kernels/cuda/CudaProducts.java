package dev.tenon.kernels.cuda;

import dev.tenon.engine.DType;
import dev.tenon.engine.kernel.Call;
import dev.tenon.kernels.gpu.Launcher;
import dev.tenon.kernels.gpu.Products;
import dev.tenon.kernels.gpu.Walk;

/** Launches the text {@code gemm.cu}, and {@code thin.cu} where that will do. */
record CudaProducts(Launcher launcher, ThinKernels thin, int multiprocessors) implements Products {
  private static final String TEXT = "gemm";
  private static final int THREADS = 256;

  @Override
  public void multiply(Call call, DType dtype, Walk batch, int m, int n, Factors one, Factors two, Object bias, Object c) {
    int tile = Products.side(m, n, batch.size(), dtype, multiprocessors);
    launcher.launch(call, Launcher.Entry.of(TEXT, "gemm" + tile, dtype), Products.tiles(m, n, batch.size(), tile, THREADS), batch.pack(),
        m, n, one.pack(), one.a(), one.b(), two.pack(), two.a(), two.b(), bias, c);
  }

  @Override
  public void low(Call call, DType dtype, int m, int n, Factors factors, double scale, Object c) {
    if (!thin.low(call, dtype, m, n, factors, scale, c)) {
      launcher.launch(call, Launcher.Entry.of(TEXT, "low", dtype), Products.tiles(m, n, 1, 64, THREADS), m, n, factors.pack(), factors.a(),
          factors.b(), scale, c);
    }
  }
}
