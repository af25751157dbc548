package dev.tenon.engine.op;

/** The window that convolutions, pooling and unfolding slide over an image: heights and widths in elements. */
public record Window2d(
    int kernelH, int kernelW, int strideH, int strideW, int padH, int padW, int dilationH, int dilationW) {
  /** Receives the positions one output element reads: flat indices within the output plane, the window and the input plane. */
  interface Tap {
    void at(int output, int inWindow, int input);
  }

  /** How many rows the window's positions make on {@code height} rows. */
  public int rows(long height) {
    return extent(height, kernelH, strideH, padH, dilationH, false);
  }

  /** How many columns the window's positions make on {@code width} columns. */
  public int columns(long width) {
    return extent(width, kernelW, strideW, padW, dilationW, false);
  }

  /**
   * How many positions a window has on an axis of {@code in} elements; under {@code ceil} a last one may hang over the end if it
   * starts inside.
   */
  static int extent(long in, int kernel, int stride, int pad, int dilation, boolean ceil) {
    long room = in + 2L * pad - (long) dilation * (kernel - 1) - 1;
    long steps = Math.floorDiv(room + (ceil ? stride - 1 : 0), stride);
    if (ceil && steps * stride >= in + pad) {
      steps--;
    }
    return (int) Math.max(0, steps + 1);
  }

  /** Fails unless every extent is in its range and {@code image} [B, C, H, W], padded, holds the window. */
  void check(Op op, String operand, Spec image) {
    Check.that(kernelH > 0 && kernelW > 0, op, "the kernel", "positive", kernelH + "x" + kernelW);
    Check.that(strideH > 0 && strideW > 0, op, "the stride", "positive", strideH + "x" + strideW);
    Check.that(padH >= 0 && padW >= 0, op, "the padding", "at least 0", padH + "x" + padW);
    Check.that(dilationH > 0 && dilationW > 0, op, "the dilation", "positive", dilationH + "x" + dilationW);
    Check.that(rows(image.dim(2)) > 0 && columns(image.dim(3)) > 0, op, operand,
        "at least as large as window " + kernelH + "x" + kernelW + " after padding", image);
  }

  /** Visits each pair of output position and window position that falls on the image, outputs row-major. */
  void visit(int height, int width, int rows, int columns, Tap tap) {
    for (int out = 0; out < rows * columns; out++) {
      int top = out / columns * strideH - padH;
      int left = out % columns * strideW - padW;
      for (int k = 0; k < kernelH * kernelW; k++) {
        int y = top + k / kernelW * dilationH;
        int x = left + k % kernelW * dilationW;
        if (0 <= y && y < height && 0 <= x && x < width) {
          tap.at(out, k, y * width + x);
        }
      }
    }
  }
}
