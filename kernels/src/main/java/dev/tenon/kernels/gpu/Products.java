package dev.tenon.kernels.gpu;

import dev.tenon.engine.DType;
import dev.tenon.engine.kernel.Call;

/** How a device multiplies matrices. */
public interface Products {
  /** No second product. */
  Factors NONE = new Factors(0, 0, 0, 0, 0, 0L, 0L);

  /**
   * Two matrices to multiply: where they are, and how far apart their rows and columns are.
   *
   * @param k columns of a and rows of b
   */
  record Factors(int k, int aRow, int aColumn, int bRow, int bColumn, Object a, Object b) {
    /** As the kernels' structure {@code Product}. */
    public int[] pack() {
      return new int[] {k, aRow, aColumn, bRow, bColumn};
    }
  }

  /**
   * Starts {@code c = one + two + bias} for a batch of row-major [m, n].
   *
   * @param dtype of all operands, but for the first of {@code two}, which is in the type that this computes in
   * @param batch walks over both matrices of {@code one}
   */
  void multiply(Call call, DType dtype, Walk batch, int m, int n, Factors one, Factors two, Object bias, Object c);

  /** Starts {@code c = scale·a·b}, row-major [m, n] in the type that {@code dtype} computes in, which is narrow. */
  void low(Call call, DType dtype, int m, int n, Factors factors, double scale, Object c);

  /** One product of row-major results in a type to compute in. */
  default void multiply(Call call, DType dtype, Walk batch, int m, int n, Factors factors, Object c) {
    multiply(call, dtype, batch, m, n, factors, NONE, 0L, c);
  }

  /** The grid of groups that each compute a square tile of each matrix of c. */
  static Grid tiles(int m, int n, long batch, int tile, int threads) {
    return new Grid((m + tile - 1) / tile, (n + tile - 1) / tile, (int) batch, threads);
  }

  /** The side of square tiles: large ones, as long as they are enough to keep all {@code units} of a device busy. */
  static int side(int m, int n, long batch, DType dtype, int units) {
    long large = (m + 127L) / 128 * ((n + 127L) / 128) * batch;
    return dtype == DType.F64 || large < units ? 64 : 128;
  }
}
