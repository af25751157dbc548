package dev.tenon.training.parity;

import dev.tenon.engine.DType;
import dev.tenon.engine.Shape;
import dev.tenon.engine.Tensor;
import dev.tenon.engine.op.Concat;
import dev.tenon.engine.op.Gather;
import dev.tenon.engine.op.IndexAdd;
import dev.tenon.engine.op.IndexSelect;
import dev.tenon.engine.op.Pad;
import dev.tenon.engine.op.Rearrange;
import dev.tenon.engine.op.Roll;
import dev.tenon.engine.op.Scatter;
import dev.tenon.engine.op.ScatterAdd;
import dev.tenon.engine.op.Slice;
import java.util.List;
import java.util.Map;
import java.util.stream.LongStream;

/** Elements moved, not changed: windows, shifts, merging, shuffling and picking. */
final class LayoutReplays {
  static final Map<String, Replay> ALL = Map.of(
      "op_pixel_shuffle", LayoutReplays::pixelShuffle,
      "op_embedding", c -> Map.of("y", new IndexSelect(0).apply(c.w("weight"), c.in("ids"))),
      "op_gather_scatter", LayoutReplays::picked,
      "op_patch_merging_layout", c -> Map.of("y", mergePatches(c.in("x"))),
      "op_roll_window", LayoutReplays::windows,
      "op_pad_cat_split", LayoutReplays::rearranged);
  private static final double MASKED = -100;

  private LayoutReplays() {}

  private static Map<String, Tensor> pixelShuffle(GoldenCase c) {
    int r = c.config().get("r").asInt();
    Tensor y = Rearrange.pixelShuffle(c.in("x"), r);
    return Map.of("y", y, "unshuffle", Rearrange.pixelUnshuffle(y, r).mul(2));
  }

  private static Map<String, Tensor> picked(GoldenCase c) {
    Tensor x = c.in("x");
    Tensor index = c.in("idx");
    Tensor rows = c.in("sel");
    Tensor selected = new IndexSelect(1).apply(x, rows);
    return Map.of(
        "gather", new Gather(1).apply(x, index),
        "scatter_add", new ScatterAdd(1).apply(x, index, c.in("src")),
        "index_select", selected,
        "index_add", new IndexAdd(1).apply(x, rows, c.in("src2")),
        "advanced", new IndexSelect(0).apply(x.transpose(0, 1), rows).transpose(0, 1),
        "expert", selected.sum(1),
        "scatter_set", new Scatter(1).apply(Tensor.zeros(x.dtype(), x.shape()), c.in("perm"), x));
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
    Tensor rolled = roll(x, -shift);
    Tensor windows = Rearrange.windows(rolled, size);
    Tensor back = roll(Rearrange.fromWindows(windows.mul(3), x.dim(1), x.dim(2)), shift);
    return Map.of("rolled", rolled, "windows", windows, "back", back,
        "attn_mask", shiftedMask(c.dtype(), (int) x.dim(1), (int) x.dim(2), size, shift));
  }

  private static Tensor roll(Tensor x, long shift) {
    return new Roll(2, shift).apply(new Roll(1, shift).apply(x));
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
    return new Concat(axis).apply(parts);
  }

  /** The elements of dimension {@code axis} in the order of {@code indices}. */
  private static Tensor pick(Tensor x, int axis, LongStream indices) {
    long[] order = indices.toArray();
    return new IndexSelect(axis).apply(x, Tensor.of(order, order.length));
  }

  private static Map<String, Tensor> rearranged(GoldenCase c) {
    Tensor x = c.in("x");
    Tensor y = c.in("y");
    long h = x.dim(2);
    long w = x.dim(3);
    Tensor left = x.slice(3, 0, (w + 1) / 2);
    Tensor right = x.slice(3, (w + 1) / 2, w);
    return Map.ofEntries(
        Map.entry("cat", concat(1, x, y)),
        Map.entry("pad", new Pad(List.of(0L, 0L, 0L, 1L), List.of(0L, 0L, 3L, 2L), 0).apply(x)),
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
