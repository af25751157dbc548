package dev.tenon.engine;

import static org.assertj.core.api.Assertions.assertThat;

import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.FloatRange;
import org.junit.jupiter.api.Test;

/** Rounding to bfloat16 decides what half-precision weights mean, so it is checked over its whole range. */
class BFloat16Test {
  @Test
  void everyBFloat16SurvivesTheWayThroughFloat() {
    for (int bits = 0; bits <= 0xffff; bits++) {
      float value = BFloat16.toFloat((short) bits);
      short back = BFloat16.fromFloat(value);
      if (Float.isNaN(value)) {
        assertThat(BFloat16.toFloat(back)).isNaN();
      } else {
        assertThat(back).isEqualTo((short) bits);
      }
    }
  }

  @Test
  void halfWayRoundsToEvenAndOverflowToInfinity() {
    assertThat(BFloat16.toFloat(BFloat16.fromFloat(1 + 0x1p-8f))).isEqualTo(1f);
    assertThat(BFloat16.toFloat(BFloat16.fromFloat(1 + 3 * 0x1p-8f))).isEqualTo(1 + 4 * 0x1p-8f);
    assertThat(BFloat16.toFloat(BFloat16.fromFloat(Float.MAX_VALUE))).isEqualTo(Float.POSITIVE_INFINITY);
    assertThat(BFloat16.toFloat(BFloat16.fromFloat(-Float.MAX_VALUE))).isEqualTo(Float.NEGATIVE_INFINITY);
  }

  @Test
  void aNanWhosePayloadIsCutOffStaysOne() {
    assertThat(BFloat16.toFloat(BFloat16.fromFloat(Float.intBitsToFloat(0x7f800001)))).isNaN();
    assertThat(BFloat16.toFloat(BFloat16.fromFloat(Float.intBitsToFloat(0xff800001)))).isNaN();
  }

  @Property
  void errorStaysWithinTheRoundoff(@ForAll @FloatRange(min = -1e30f, max = 1e30f) float value) {
    float rounded = BFloat16.toFloat(BFloat16.fromFloat(value));
    double bound = Math.max(Math.abs(value), Float.MIN_NORMAL) * DType.BF16.roundoff();
    assertThat(Math.abs((double) rounded - value)).isLessThanOrEqualTo(bound);
  }
}
