package dev.tenon.training.method;

/**
 * How the router's share fades out: α rises linearly from 0 at the step {@code start·total} to 1 at {@code end·total} (EMTAL §2.5;
 * the released code has start 0 and end ½).
 *
 * @param start share of all steps at which fading begins
 * @param end share of all steps from which the router is the constant 1
 * @param total number of steps of the run
 */
public record RouterFade(double start, double end, long total) {
  /** α at a step counted from 0. */
  public double alpha(long step) {
    double from = start * total;
    double length = end * total - from;
    if (length <= 0) {
      return step >= from ? 1 : 0;
    }
    return Math.clamp((step - from) / length, 0, 1);
  }
}
