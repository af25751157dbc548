package dev.tenon.training.report;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/**
 * The range one direction of a chart covers and the round values it is marked with.
 *
 * @param low value at the near end
 * @param high value at the far end, above {@code low}
 * @param step between two marks
 */
record Axis(double low, double high, double step) {

  /** An axis that covers all values, widened to whole steps when {@code widen} is set. */
  static Axis covering(double least, double greatest, int marks, boolean widen) {
    double span = greatest > least ? greatest - least : Math.max(Math.abs(least), 1) * 0.1;
    double step = roundStep(span / marks);
    return widen
        ? new Axis(Math.floor(least / step) * step, Math.ceil((least + span) / step) * step, step)
        : new Axis(least, least + span, step);
  }

  /** Where {@code value} lies: 0 at the low end, 1 at the high end. */
  double share(double value) {
    return (value - low) / (high - low);
  }

  List<Double> marks() {
    var marks = new ArrayList<Double>();
    long first = (long) Math.ceil(low / step - 1e-9);
    long last = (long) Math.floor(high / step + 1e-9);
    for (long i = first; i <= last; i++) {
      marks.add(i * step);
    }
    return marks;
  }

  /** The value with as many digits as the step needs. */
  String label(double value) {
    if (value != 0 && Math.abs(high) < 1e-3) {
      return String.format(Locale.ROOT, "%.1e", value).replace("e-0", "e-");
    }
    int digits = (int) Math.max(0, Math.ceil(-Math.log10(step) - 1e-9));
    return String.format(Locale.ROOT, "%." + digits + "f", value);
  }

  /** The round number (1, 2 or 5 times a power of ten) next above {@code least}. */
  private static double roundStep(double least) {
    double power = Math.pow(10, Math.floor(Math.log10(least)));
    for (double factor : new double[] {1, 2, 5}) {
      if (factor * power >= least * (1 - 1e-9)) {
        return factor * power;
      }
    }
    return 10 * power;
  }
}
