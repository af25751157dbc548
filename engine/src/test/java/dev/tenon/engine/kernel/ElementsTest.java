package dev.tenon.engine.kernel;

import static org.assertj.core.api.Assertions.assertThat;

import dev.tenon.engine.DType;
import dev.tenon.engine.HostBackend;
import dev.tenon.engine.Scope;
import dev.tenon.engine.Shape;
import dev.tenon.engine.Tensor;
import dev.tenon.engine.op.Ref;
import java.lang.foreign.MemorySegment;
import java.math.BigDecimal;
import java.math.RoundingMode;
import java.util.Arrays;
import java.util.Random;
import java.util.stream.DoubleStream;
import java.util.stream.IntStream;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Storing rounds once and to nearest even, held to exact decimal arithmetic; reading finds what was stored, in any layout. */
class ElementsTest {
  private HostBackend backend;
  private Scope scope;

  @BeforeEach
  void open() {
    backend = HostBackend.reference();
    scope = Scope.open(backend);
  }

  @AfterEach
  void close() {
    scope.close();
    backend.close();
  }

  /** Digits kept, least exponent of a normal number, largest exponent. */
  private record Format(int digits, int lowest, int highest) {
    static Format of(DType dtype) {
      return dtype == DType.F16 ? new Format(11, -14, 15) : new Format(8, -126, 127);
    }
  }

  private static double stored(DType dtype, double value) {
    MemorySegment bytes = MemorySegment.ofArray(new byte[8]);
    Elements.set(bytes, dtype, 0, value);
    return Elements.get(bytes, dtype, 0);
  }

  /** The nearest number of the format, ties to the even one, by decimal arithmetic that is never inexact. */
  private static double exact(DType dtype, double value) {
    Format format = Format.of(dtype);
    int exponent = Math.max(Math.getExponent(value), format.lowest());
    int last = exponent - format.digits() + 1;
    BigDecimal steps = new BigDecimal(value).multiply(power(-last)).setScale(0, RoundingMode.HALF_EVEN);
    double rounded = steps.multiply(power(last)).doubleValue();
    double largest = (2 - Math.scalb(1.0, 1 - format.digits())) * Math.scalb(1.0, format.highest());
    double magnitude = Math.abs(rounded) > largest ? Double.POSITIVE_INFINITY : Math.abs(rounded);
    return Math.copySign(magnitude, value);
  }

  private static BigDecimal power(int exponent) {
    return new BigDecimal(exponent < 0 ? "0.5" : "2").pow(Math.abs(exponent));
  }

  private static void check(DType dtype, double value) {
    assertThat(stored(dtype, value)).as("%s as %s", value, dtype).isEqualTo(exact(dtype, value));
  }

  @Property(tries = 1000)
  void sixteenBitsAreRoundedToNearestEven(@ForAll long seed) {
    Random random = new Random(seed);
    for (DType dtype : new DType[] {DType.F16, DType.BF16}) {
      Format format = Format.of(dtype);
      int exponent = random.nextInt(format.lowest() - format.digits() - 2, format.highest() + 2);
      double value = Math.scalb(1 + random.nextDouble(), exponent) * (random.nextBoolean() ? 1 : -1);
      check(dtype, value);
    }
  }

  @Property(tries = 1000)
  void tiesAndTheirNeighboursAreRoundedOnce(@ForAll long seed) {
    Random random = new Random(seed);
    for (DType dtype : new DType[] {DType.F16, DType.BF16}) {
      Format format = Format.of(dtype);
      int exponent = random.nextInt(format.lowest() - 1, format.highest() + 1);
      double ulp = Math.scalb(1.0, Math.max(exponent, format.lowest()) - format.digits() + 1);
      double tie = (random.nextInt(1 << format.digits()) + 0.5) * ulp;
      check(dtype, tie);
      check(dtype, -tie);
      check(dtype, Math.nextUp(tie));
      check(dtype, Math.nextDown(tie));
    }
  }

  @Test
  void whatIsNoFiniteNumberStaysSo() {
    for (DType dtype : new DType[] {DType.F64, DType.F32, DType.F16, DType.BF16}) {
      assertThat(stored(dtype, Double.NaN)).isNaN();
      assertThat(stored(dtype, Double.POSITIVE_INFINITY)).isEqualTo(Double.POSITIVE_INFINITY);
      assertThat(stored(dtype, Double.NEGATIVE_INFINITY)).isEqualTo(Double.NEGATIVE_INFINITY);
      assertThat(Double.doubleToRawLongBits(stored(dtype, -0.0))).isEqualTo(Double.doubleToRawLongBits(-0.0));
      assertThat(stored(dtype, Double.MIN_VALUE)).isEqualTo(dtype == DType.F64 ? Double.MIN_VALUE : 0);
      assertThat(stored(dtype, Double.MAX_VALUE))
          .isEqualTo(dtype == DType.F64 ? Double.MAX_VALUE : Double.POSITIVE_INFINITY);
    }
  }

  @Test
  void integersTruncateAndFlagsAreZeroOrOne() {
    assertThat(stored(DType.I64, -3.9)).isEqualTo(-3);
    assertThat(stored(DType.I32, 3.9)).isEqualTo(3);
    assertThat(stored(DType.U8, 255)).isEqualTo(255);
    assertThat(stored(DType.BOOL, 0.5)).isEqualTo(1);
    assertThat(Elements.get(MemorySegment.ofArray(new byte[] {2}), DType.BOOL, 0)).isEqualTo(1);
  }

  @ParameterizedTest
  @EnumSource(DType.class)
  void valuesComeBackInEveryLayout(DType dtype) {
    Shape shape = Shape.of(3, 4, 5);
    double[] values = IntStream.range(0, 60).mapToDouble(i -> dtype == DType.BOOL ? i % 3 == 0 ? 1 : 0 : i).toArray();
    Tensor tensor = Tensor.of(dtype, shape, values);
    assertThat(tensor.toDoubles()).containsExactly(values);
    assertThat(tensor.slice(1, 2, 2).toDoubles()).isEmpty();
    Tensor view = tensor.permute(2, 0, 1).slice(0, 1, 4);
    for (int i = 0; i < 3; i++) {
      for (int j = 0; j < 3; j++) {
        for (int k = 0; k < 4; k++) {
          double expected = values[(j * 4 + k) * 5 + i + 1];
          int at = (i * 3 + j) * 4 + k;
          assertThat(view.toDoubles()[at]).isEqualTo(expected);
          assertThat(view.toFloats()[at]).isEqualTo((float) expected);
          assertThat(view.contiguous().toDoubles()[at]).isEqualTo(expected);
        }
      }
    }
    Elements.pack(full(view, 1), view);
    double[] ones = tensor.toDoubles();
    for (int at = 0; at < 60; at++) {
      boolean written = at % 5 >= 1 && at % 5 < 4;
      assertThat(ones[at]).isEqualTo(written ? 1 : values[at]);
    }
  }

  private static Ref full(Tensor like, double value) {
    double[] values = new double[(int) like.size()];
    Arrays.fill(values, value);
    return new Ref(like.dtype(), like.shape(), values);
  }

  @ParameterizedTest
  @EnumSource(DType.class)
  void fullFillsEveryElement(DType dtype) {
    for (int size : new int[] {0, 1, 2, 3, 7, 64, 100}) {
      double[] ones = DoubleStream.generate(() -> 1).limit(size).toArray();
      assertThat(Tensor.full(dtype, Shape.of(size), 1).toDoubles()).isEqualTo(ones);
      assertThat(Tensor.zeros(dtype, Shape.of(size)).toDoubles()).isEqualTo(new double[size]);
    }
    assertThat(Tensor.full(dtype, Shape.of(), 1).item()).isEqualTo(1);
  }
}
