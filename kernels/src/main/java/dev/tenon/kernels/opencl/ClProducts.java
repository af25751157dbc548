package dev.tenon.kernels.opencl;

import dev.tenon.engine.DType;
import dev.tenon.engine.Tensor;
import dev.tenon.engine.kernel.Call;
import dev.tenon.kernels.gpu.GemmKernels;
import dev.tenon.kernels.gpu.Grid;
import dev.tenon.kernels.gpu.Launcher;
import dev.tenon.kernels.gpu.Products;
import dev.tenon.kernels.gpu.Walk;
import java.util.Arrays;
import java.util.Locale;

/**
 * Launches the text {@code gemm.cl}.
 *
 * @param wide takes single precision on a processor; null elsewhere
 * @param largest tile, as long as there are enough of such and its slices fit into local memory
 */
record ClProducts(Launcher launcher, WideKernels wide, ClTuning.Gemm largest, int units, int localBytes) implements Products {
  private static final String TEXT = "gemm";
  private static final int ITEMS = 256;
  private static final int LEAST_SIDE = 64;
  private static final int LEAST_DEPTH = 8;
  /** Of slices of small tiles: with few groups around, each waits less often. */
  private static final int DEEP = 32;
  private static final int FOUR = 4;

  @Override
  public void multiply(Call call, DType dtype, Walk batch, int m, int n, Factors one, Factors two, Object bias, Object c) {
    if (isWide(dtype)) {
      wide.product(call, batch, m, n, one, two, bias, 1, c);
      return;
    }
    // Half of a device busy with large tiles does more than all of it with small ones.
    ClTuning.Gemm tile = tile(Math.min(largest.side(), Products.side(m, n, batch.size(), dtype, units / 2)), dtype);
    boolean fours = n % FOUR == 0 && areFours(bias, dtype) && areFours(one, m, n, dtype) && areFours(two, m, n, dtype)
        && Arrays.stream(batch.strides()).flatMapToLong(Arrays::stream).allMatch(s -> s % FOUR == 0);
    launcher.launch(call, entry("gemm", tile, dtype, fours), tiles(m, n, batch.size(), tile.side()), batch.pack(), m, n,
        one.pack(), one.a(), one.b(), two.pack(), two.a(), two.b(), bias, c);
  }

  @Override
  public void low(Call call, DType dtype, int m, int n, Factors factors, double scale, Object c) {
    if (isWide(dtype)) {
      wide.product(call, GemmKernels.SINGLE, m, n, factors, NONE, 0L, scale, c);
      return;
    }
    boolean fours = areFours(factors, m, n, dtype);
    launcher.launch(call, entry("low", tile(LEAST_SIDE, dtype), dtype, fours), tiles(m, n, 1, LEAST_SIDE), m, n,
        factors.pack(), factors.a(), factors.b(), scale, c);
  }

  private static Grid tiles(int m, int n, long batch, int side) {
    return new Grid((m + side - 1) / side * ((n + side - 1) / side), (int) batch, 1, ITEMS);
  }

  /** Whether both matrices can be read by fours of neighbors: along one dimension, none of them across the matrix' end. */
  private static boolean areFours(Factors f, int m, int n, DType dtype) {
    boolean a = f.aColumn() == 1 ? f.k() % FOUR == 0 && f.aRow() % FOUR == 0 : f.aRow() == 1 && m % FOUR == 0 && f.aColumn() % FOUR == 0;
    boolean b = f.bColumn() == 1 ? n % FOUR == 0 && f.bRow() % FOUR == 0 : f.bRow() == 1 && f.k() % FOUR == 0 && f.bColumn() % FOUR == 0;
    return f.k() == 0 || a && b && areFours(f.a(), dtype) && areFours(f.b(), dtype);
  }

  private static boolean areFours(Object at, DType dtype) {
    long address = at instanceof Tensor t ? Launcher.address(t) : (Long) at;
    return address % (FOUR * Math.max(Float.BYTES, dtype.byteSize())) == 0;
  }

  /** A tile of this side, or of a smaller one, of which local memory has room for the slices. */
  private ClTuning.Gemm tile(int side, DType dtype) {
    ClTuning.Gemm tile = side == largest.side() ? largest : new ClTuning.Gemm(side, DEEP);
    int bytes = Math.max(Float.BYTES, dtype.byteSize());
    while (tile.bytes(bytes) > localBytes && tile.depth() > LEAST_DEPTH) {
      tile = new ClTuning.Gemm(tile.side(), tile.depth() / 2);
    }
    return tile.bytes(bytes) > localBytes ? new ClTuning.Gemm(LEAST_SIDE, tile.depth()) : tile;
  }

  private boolean isWide(DType dtype) {
    return wide != null && WideKernels.takes(dtype);
  }

  private static Launcher.Entry entry(String name, ClTuning.Gemm tile, DType dtype, boolean fours) {
    return new Launcher.Entry(TEXT, name, ClTypes.of(dtype.name().toLowerCase(Locale.ROOT)) + " -DTILE=" + tile.side() + " -DDEPTH="
        + tile.depth() + (fours ? " -DFOURS" : ""));
  }
}
