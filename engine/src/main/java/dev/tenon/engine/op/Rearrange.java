package dev.tenon.engine.op;

import dev.tenon.engine.TenonException;
import dev.tenon.engine.Tensor;

/** Elements moved between channels and space, written as views. */
public final class Rearrange {
  private Rearrange() {}

  /** {@code factor²} channels to each pixel's square of neighbours: [B, C·f², H, W] gives [B, C, H·f, W·f] (Shi et al., eq. 4). */
  public static Tensor pixelShuffle(Tensor x, int factor) {
    require(factor > 0 && x.rank() == 4 && x.dim(1) % ((long) factor * factor) == 0, "pixelShuffle",
        "[B, a multiple of " + factor + "², H, W]", x);
    long channels = x.dim(1) / factor / factor;
    return x.reshape(x.dim(0), channels, factor, factor, x.dim(2), x.dim(3)).permute(0, 1, 4, 2, 5, 3)
        .reshape(x.dim(0), channels, x.dim(2) * factor, x.dim(3) * factor);
  }

  /** The reverse of {@link #pixelShuffle}: [B, C, H·f, W·f] gives [B, C·f², H, W]. */
  public static Tensor pixelUnshuffle(Tensor x, int factor) {
    require(factor > 0 && x.rank() == 4 && x.dim(2) % factor == 0 && x.dim(3) % factor == 0, "pixelUnshuffle",
        "[B, C, multiples of " + factor + "]", x);
    long rows = x.dim(2) / factor;
    long columns = x.dim(3) / factor;
    return x.reshape(x.dim(0), x.dim(1), rows, factor, columns, factor).permute(0, 1, 3, 5, 2, 4)
        .reshape(x.dim(0), x.dim(1) * factor * factor, rows, columns);
  }

  /** Square windows of a channels-last map: [B, H, W, C] gives [B·H/size·W/size, size, size, C] (Swin, section 3.2). */
  public static Tensor windows(Tensor x, int size) {
    require(size > 0 && x.rank() == 4 && x.dim(1) % size == 0 && x.dim(2) % size == 0, "windows",
        "[B, multiples of " + size + ", C]", x);
    long rows = x.dim(1) / size;
    long columns = x.dim(2) / size;
    return x.reshape(x.dim(0), rows, size, columns, size, x.dim(3)).permute(0, 1, 3, 2, 4, 5)
        .reshape(x.dim(0) * rows * columns, size, size, x.dim(3));
  }

  /** The reverse of {@link #windows}, to maps of {@code height × width}. */
  public static Tensor fromWindows(Tensor windows, long height, long width) {
    long size = windows.dim(1);
    long perMap = height / size * (width / size);
    require(height % size == 0 && width % size == 0 && windows.dim(0) % perMap == 0, "fromWindows",
        "[a multiple of " + perMap + ", size, size, C]", windows);
    return windows.reshape(windows.dim(0) / perMap, height / size, width / size, size, size, windows.dim(3))
        .permute(0, 1, 3, 2, 4, 5).reshape(windows.dim(0) / perMap, height, width, windows.dim(3));
  }

  private static void require(boolean ok, String name, String expected, Tensor x) {
    if (!ok) {
      throw new TenonException(name + ": x must be " + expected + ", but is " + x.shape());
    }
  }
}
