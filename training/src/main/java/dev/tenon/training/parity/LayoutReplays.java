package dev.tenon.training.parity;

import dev.tenon.engine.DType;
import dev.tenon.engine.Shape;
import dev.tenon.engine.Tensor;
import dev.tenon.engine.op.Concat;
import dev.tenon.engine.op.Slice;
import java.util.List;
import java.util.Map;
import java.util.stream.LongStream;

/** Elements moved, not changed: windows, shifts, merging and shuffling. */
final class LayoutReplays {
  static final Map<String, Replay> ALL = Map.of(
      "op_pixel_shuffle", LayoutReplays::pixelShuffle,
      "op_patch_merging_layout", c -> Map.of("y", mergePatches(c.in("x"))),
      "op_roll_window", LayoutReplays::windows,
      "op_pad_cat_split", LayoutReplays::rearranged);
  private static final double MASKED = -100;

  private LayoutReplays() {}

  private static Map<String, Tensor> pixelShuffle(GoldenCase c) {
    Tensor x = c.in("x");
    long r = c.config().get("r").asLong();
    long channels = x.dim(1) / (r * r);
    long h = x.dim(2);
    long w = x.dim(3);
    Tensor y = x.reshape(x.dim(0), channels, r, r, h, w).permute(0, 1, 4, 2, 5, 3)
        .reshape(x.dim(0), channels, h * r, w * r);
    Tensor back = y.reshape(x.dim(0), channels, h, r, w, r).permute(0, 1, 3, 5, 2, 4).reshape(x.shape());
    return Map.of("y", y, "unshuffle", back.mul(2));
  }

  /** Channels-last map to half its extents and four times its channels; odd extents are padded with zeros. */
  static Tensor mergePatches(Tensor x) {
    Tensor even = evenExtent(evenExtent(x, 1), 2);
    return concat(-1, every(even, 0, 0), every(even, 1, 0), every(even, 0, 1), every(even, 1, 1));
  }

  private static Tensor evenExtent(Tensor x, int axis) {
    return x.dim(axis) % 2 == 0 ? x : concat(axis, x, Tensor.zeros(x.dtype(), x.shape().with(axis, 1)));
  }

  private static Tensor every(Tensor x, long row, long column) {
    return new Slice(2, column, x.dim(2), 2).apply(new Slice(1, row, x.dim(1), 2).apply(x));
  }

  private static Map<String, Tensor> windows(GoldenCase c) {
    Tensor x = c.in("x");
    int size = c.config().get("ws").asInt();
    int shift = c.config().get("shift").asInt();
    Tensor rolled = roll(roll(x, 1, -shift), 2, -shift);
    long rows = x.dim(1) / size;
    long columns = x.dim(2) / size;
    Tensor windows = rolled.reshape(x.dim(0), rows, size, columns, size, x.dim(3)).permute(0, 1, 3, 2, 4, 5)
        .reshape(-1, size, size, x.dim(3));
    Tensor reversed = windows.mul(3).reshape(x.dim(0), rows, columns, size, size, x.dim(3)).permute(0, 1, 3, 2, 4, 5)
        .reshape(x.shape());
    return Map.of("rolled", rolled, "windows", windows, "back", roll(roll(reversed, 1, shift), 2, shift),
        "attn_mask", shiftedMask(c.dtype(), (int) x.dim(1), (int) x.dim(2), size, shift));
  }

  /** Element {@code i} goes to {@code i + shift}, around the end. */
  static Tensor roll(Tensor x, int axis, long shift) {
    long cut = Math.floorMod(-shift, x.dim(axis));
    return cut == 0 ? x : concat(axis, x.slice(axis, cut, x.dim(axis)), x.slice(axis, 0, cut));
  }

  /** For each window, −100 between positions that were not neighbors before the shift (Swin, section 3.2). */
  static Tensor shiftedMask(DType dtype, int height, int width, int size, int shift) {
    int area = size * size;
    int columns = width / size;
    double[] mask = new double[height / size * columns * area * area];
    for (int i = 0; i < mask.length; i++) {
      int window = i / area / area;
      int top = window / columns * size;
      int left = window % columns * size;
      int a = i / area % area;
      int b = i % area;
      boolean together = band(top + a / size, height, size, shift) == band(top + b / size, height, size, shift)
          && band(left + a % size, width, size, shift) == band(left + b % size, width, size, shift);
      mask[i] = together ? 0 : MASKED;
    }
    return Tensor.of(dtype, Shape.of(height / size * columns, area, area), mask);
  }

  private static int band(int at, int extent, int size, int shift) {
    return at < extent - size ? 0 : at < extent - shift ? 1 : 2;
  }

  static Tensor concat(int axis, Tensor... parts) {
    return new Concat(axis).applyAll(List.of(parts)).getFirst();
  }

  /** The elements of dimension {@code axis} in the order of {@code indices}. */
  private static Tensor pick(Tensor x, int axis, LongStream indices) {
    return concat(axis, indices.mapToObj(i -> x.slice(axis, i, i + 1)).toArray(Tensor[]::new));
  }

  private static Map<String, Tensor> rearranged(GoldenCase c) {
    Tensor x = c.in("x");
    Tensor y = c.in("y");
    long h = x.dim(2);
    long w = x.dim(3);
    Tensor wide = concat(3, Tensor.zeros(x.dtype(), x.shape().with(3, 1)), x, Tensor.zeros(x.dtype(), x.shape().with(3, 2)));
    Tensor left = x.slice(3, 0, (w + 1) / 2);
    Tensor right = x.slice(3, (w + 1) / 2, w);
    return Map.ofEntries(
        Map.entry("cat", concat(1, x, y)),
        Map.entry("pad", concat(2, wide, Tensor.zeros(x.dtype(), wide.shape().with(2, 3)))),
        Map.entry("reflect", pick(pick(x, 2, mirrored(h)), 3, mirrored(w))),
        Map.entry("replicate", pick(pick(x, 2, clamped(h)), 3, clamped(w))),
        Map.entry("crop", x.slice(3, 1, w - 1)),
        Map.entry("flip", pick(x, 3, LongStream.range(0, w).map(i -> w - 1 - i))),
        Map.entry("chunk", left.sub(right.mul(2))),
        Map.entry("repint", pick(y, 1, LongStream.range(0, 2 * y.dim(1)).map(i -> i / 2))),
        Map.entry("stack", stackTwice(x)),
        Map.entry("tile", tile(y)),
        Map.entry("permute", x.permute(0, 2, 3, 1).reshape(x.dim(0), -1)));
  }

  private static LongStream mirrored(long extent) {
    return LongStream.range(-1, extent + 1).map(i -> i < 0 ? -i : i >= extent ? 2 * extent - 2 - i : i);
  }

  private static LongStream clamped(long extent) {
    return LongStream.range(-2, extent + 2).map(i -> Math.clamp(i, 0, extent - 1));
  }

  private static Tensor stackTwice(Tensor x) {
    Tensor one = x.reshape(x.shape().insert(2, 1));
    return concat(2, one, one.mul(2));
  }

  private static Tensor tile(Tensor y) {
    return concat(1, concat(3, y, y, y), concat(3, y, y, y));
  }
}
