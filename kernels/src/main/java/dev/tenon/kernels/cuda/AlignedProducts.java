package dev.tenon.kernels.cuda;

import dev.tenon.engine.DType;
import dev.tenon.engine.kernel.Call;
import dev.tenon.kernels.gpu.Operands;
import dev.tenon.kernels.gpu.Walk;
import java.util.Optional;

/** A text's products on tensor cores, of operands whose lines begin at multiples of 16 bytes. */
interface AlignedProducts {
  /** No second product. */
  Second NOTHING = new Second(0, 0, 0, 0L, 0L);

  /** An operand: where it is, whether its lines run along the depth, and how many elements apart they are. */
  record Side(Object at, boolean along, int line) {}

  /** A second product into the same sums, whose operands lie like those of the first. */
  record Second(int k, int lineA, int lineB, Object a, Object b) {
    int[] pack() {
      return new int[] {k, lineA, lineB};
    }
  }

  /** Nothing follows. */
  After ALONE = new After(false, 0L);

  /**
   * What is done to each element of the result before it is stored.
   *
   * @param residual what is added in the end, row-major as the result, or 0
   */
  record After(boolean gelu, Object residual) {}

  /**
   * The products of a batch.
   *
   * @param batch walks over both operands
   * @param bias where it is, or 0
   */
  record Factors(DType dtype, Walk batch, int m, int n, int k, Side a, Side b, Second second, Object bias, After after) {}

  /** Whether something may follow. */
  boolean continues();

  /** Why these products are not computed, or null when they are. */
  String refusal(Factors factors);

  /** Starts the products, to the call's result. */
  void multiply(Call call, Operands in, Factors factors);

  /** Sums of parts of the depth, [parts, m, n] in F32. */
  record Sums(long at, int parts) {}

  /** Starts a product of few columns, whose sums are left in parts; empty where it is no faster than other ways. */
  default Optional<Sums> narrow(Call call, Operands in, Factors factors) {
    return Optional.empty();
  }

  static int roundUp(int x, int step) {
    return (x + step - 1) / step * step;
  }

  static long tiles(int m, int n, int tileM, int tileN) {
    return (m + tileM - 1L) / tileM * ((n + tileN - 1L) / tileN);
  }
}
