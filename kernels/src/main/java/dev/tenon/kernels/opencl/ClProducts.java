package dev.tenon.kernels.opencl;

import dev.tenon.engine.DType;
import dev.tenon.engine.kernel.Call;
import dev.tenon.kernels.gpu.GemmKernels;
import dev.tenon.kernels.gpu.Launcher;
import dev.tenon.kernels.gpu.Products;
import dev.tenon.kernels.gpu.Walk;
import java.util.Locale;

/**
 * Launches the text {@code gemm.cl}.
 *
 * @param wide takes single precision on a processor; null elsewhere
 */
record ClProducts(Launcher launcher, WideKernels wide, int units, int localBytes) implements Products {
  private static final String TEXT = "gemm";
  private static final int ITEMS = 256;
  /** Local memory that a tile of 128 takes. */
  private static final int BYTES_OF_128 = 2 * 2 * 16 * (128 + 4) * 4;

  @Override
  public void multiply(Call call, DType dtype, Walk batch, int m, int n, Factors one, Factors two, Object bias, Object c) {
    if (isWide(dtype)) {
      wide.product(call, batch, m, n, one, two, bias, 1, c);
      return;
    }
    int tile = localBytes < BYTES_OF_128 ? 64 : Products.side(m, n, batch.size(), dtype, units);
    launcher.launch(call, entry("gemm", tile, dtype), Products.tiles(m, n, batch.size(), tile, ITEMS), batch.pack(), m, n, one.pack(),
        one.a(), one.b(), two.pack(), two.a(), two.b(), bias, c);
  }

  @Override
  public void low(Call call, DType dtype, int m, int n, Factors factors, double scale, Object c) {
    if (isWide(dtype)) {
      wide.product(call, GemmKernels.SINGLE, m, n, factors, NONE, 0L, scale, c);
      return;
    }
    launcher.launch(call, entry("low", 64, dtype), Products.tiles(m, n, 1, 64, ITEMS), m, n, factors.pack(), factors.a(), factors.b(),
        scale, c);
  }

  private boolean isWide(DType dtype) {
    return wide != null && WideKernels.takes(dtype);
  }

  private static Launcher.Entry entry(String name, int tile, DType dtype) {
    return new Launcher.Entry(TEXT, name, ClTypes.of(dtype.name().toLowerCase(Locale.ROOT)) + " -DTILE=" + tile);
  }
}
