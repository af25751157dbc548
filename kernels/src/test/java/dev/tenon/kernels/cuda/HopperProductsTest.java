package dev.tenon.kernels.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import dev.tenon.engine.DType;
import dev.tenon.engine.Layout;
import dev.tenon.engine.Shape;
import dev.tenon.kernels.cuda.AlignedProducts.Factors;
import dev.tenon.kernels.cuda.AlignedProducts.Side;
import dev.tenon.kernels.gpu.GemmKernels;
import dev.tenon.kernels.gpu.Walk;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What can be said of Hopper's products without one: how they are cut, and which are refused. */
class HopperProductsTest {
  private static final int SHARED_BYTES = 227 << 10;

  private final HopperProducts products = new HopperProducts(null, null, 132);

  private static Factors factors(DType dtype, Walk batch, int m, int n, int k, boolean along) {
    return new Factors(
        dtype, batch, m, n, k, new Side(0L, along, along ? k : m), new Side(0L, along, along ? k : n), AlignedProducts.NOTHING, 0L,
        AlignedProducts.ALONE);
  }

  private static Factors single(DType dtype, int m, int n, int k, boolean along) {
    return factors(dtype, GemmKernels.SINGLE, m, n, k, along);
  }

  @ParameterizedTest
  @CsvSource({"25216, 3072, 768", "25216, 768, 3072", "3072, 768, 25216", "8192, 8192, 8192", "1, 8, 8", "1576, 768, 768", "64, 64, 99999"})
  void aProductIsCutIntoPartsThatAllHaveSlices(int m, int n, int k) {
    for (DType dtype : new DType[] {DType.BF16, DType.F32}) {
      HopperProducts.Cut cut = products.cut(single(dtype, m, n, k, true), 1);
      int depth = 128 / dtype.byteSize();
      int slices = (k + depth - 1) / depth;
      assertThat(cut.parts() * cut.each()).isGreaterThanOrEqualTo(slices);
      assertThat((cut.parts() - 1) * cut.each()).isLessThan(slices);
      assertThat(cut.sharedBytes()).isLessThanOrEqualTo(SHARED_BYTES);
    }
  }

  @Test
  void largeProductsTakeWideTilesWithoutParts() {
    assertThat(products.cut(single(DType.BF16, 25216, 3072, 768, true), 1)).isEqualTo(new HopperProducts.Cut(256, 1, 12));
  }

  private static Factors followed(Factors f, AlignedProducts.After after) {
    return new Factors(f.dtype(), f.batch(), f.m(), f.n(), f.k(), f.a(), f.b(), f.second(), f.bias(), after);
  }

  private HopperProducts.Division small(Factors f) {
    return products.small(f, products.cut(f, (int) f.batch().size())).orElse(null);
  }

  @ParameterizedTest
  @CsvSource({"197, 2304, 768", "197, 768, 768", "197, 3072, 768", "197, 768, 3072", "1, 1000, 768", "50, 2304, 768", "577, 768, 768",
      "577, 768, 3072", "1, 8, 8", "131, 1001, 72", "3, 1001, 520"})
  void productsOfOneImageAreDividedAmongBlocksThatAllWorkAtOnce(int m, int n, int k) {
    Factors plain = single(DType.BF16, m, n, k, true);
    HopperProducts.Division division = small(plain);
    assertThat(division).isNotNull();
    assertThat(division.blocks()).isBetween(1, 8);
    assertThat(96 % division.share()).isZero();
    int rows = (m + 64 * division.share() - 1) / (64 * division.share());
    assertThat(rows * ((n + 95) / 96) * division.blocks()).isLessThanOrEqualTo(division.blocks() < 4 ? 132 : 120);
    assertThat(division.parts() * division.each()).isGreaterThanOrEqualTo((k + 63) / 64);
    assertThat(small(followed(plain, new AlignedProducts.After(true, 1L)))).isEqualTo(division);
  }

  /** Many tiles; F32; operands across the depth; batches. */
  @Test
  void otherProductsHaveLargeTiles() {
    assertThat(small(single(DType.BF16, 1576, 768, 768, true))).isNull();
    assertThat(small(single(DType.BF16, 394, 2304, 768, true))).isNull();
    assertThat(small(single(DType.F32, 197, 768, 768, true))).isNull();
    assertThat(small(single(DType.BF16, 197, 768, 768, false))).isNull();
    Layout matrices = Layout.of(Shape.of(4), new long[] {197L * 768}, 0);
    assertThat(small(factors(DType.BF16, Walk.of(Shape.of(4), matrices, matrices), 197, 768, 768, true))).isNull();
  }

  @Test
  void deepProductsOfFewTilesAreCutIntoParts() {
    assertThat(products.cut(single(DType.BF16, 3072, 768, 25216, false), 1).parts()).isGreaterThan(1);
  }

  @ParameterizedTest
  @CsvSource({"25216, 48", "6304, 12", "256, 2", "100000, 3"})
  void productsOfFewColumnsAlwaysLeaveTheirSumsInParts(int m, int slices) {
    HopperProducts.Cut cut = products.narrow(m, slices);
    assertThat(cut.parts()).isGreaterThan(1);
    assertThat(cut.parts() * cut.each()).isGreaterThanOrEqualTo(slices);
    assertThat((cut.parts() - 1) * cut.each()).isLessThan(slices);
  }

  @Test
  void bf16IsTakenInEveryLayout() {
    assertThat(products.refusal(single(DType.BF16, 16, 16, 16, true))).isNull();
    assertThat(products.refusal(single(DType.BF16, 16, 16, 16, false))).isNull();
  }

  @Test
  void smallProductsOfF32AcrossTheDepthAreRefused() {
    assertThat(products.refusal(single(DType.F32, 16, 16, 16, true))).isNull();
    assertThat(products.refusal(single(DType.F32, 512, 512, 512, false))).isNull();
    assertThat(products.refusal(single(DType.F32, 16, 512, 512, false))).contains("F32").contains("16 × 512");
  }

  @Test
  void batchesOfTwoDimensionsAreRefused() {
    Layout outer = Layout.of(Shape.of(2, 3), new long[] {64, 0}, 0);
    Layout inner = Layout.of(Shape.of(2, 3), new long[] {0, 64}, 0);
    Walk batch = Walk.of(Shape.of(2, 3), outer, inner);
    assertThat(products.refusal(factors(DType.BF16, batch, 8, 8, 8, true))).contains("equally far apart");
  }

  @Test
  void repeatedLinesAreRefused() {
    Side repeated = new Side(0L, true, 0);
    Factors factors = new Factors(
        DType.BF16, GemmKernels.SINGLE, 8, 8, 8, repeated, new Side(0L, true, 8), AlignedProducts.NOTHING, 0L, AlignedProducts.ALONE);
    assertThat(products.refusal(factors)).contains("lie apart");
  }

  @Test
  void withoutADepthThereIsNothingToMultiply() {
    assertThat(products.refusal(single(DType.BF16, 8, 8, 0, true))).contains("depth");
  }
}
