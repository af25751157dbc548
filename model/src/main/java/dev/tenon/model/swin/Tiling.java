package dev.tenon.model.swin;

import dev.tenon.engine.DType;
import dev.tenon.engine.Shape;
import dev.tenon.engine.TenonException;
import dev.tenon.engine.Tensor;
import dev.tenon.engine.op.IndexSelect;
import dev.tenon.engine.op.WindowJoin;
import dev.tenon.engine.op.WindowSplit;
import dev.tenon.engine.op.Windows;

/** The windows of a stage's map, and what attention within them adds to its scores. */
record Tiling(Windows windows) {
  /** What keeps tokens apart that only the move has made neighbors (Swin, section 3.2). */
  private static final double APART = -100;

  /** Square windows of a map of {@code rows}×{@code columns}; {@code moved} in every second block. */
  static Tiling of(long rows, long columns, int side, SwinConfig.Shifting shifting, boolean moved) {
    if (shifting != SwinConfig.Shifting.PADDED && Math.min(rows, columns) < side) {
      throw new TenonException("a map of " + rows + "×" + columns + " is smaller than the windows of " + side + "×" + side
          + " that these weights are for; give larger images, or weights for theirs");
    }
    boolean both = shifting != SwinConfig.Shifting.BOTH_SIDES || Math.min(rows, columns) > side;
    int down = moved && both && rows > side ? side / 2 : 0;
    int across = moved && both && columns > side ? side / 2 : 0;
    boolean movesFirst = shifting == SwinConfig.Shifting.MOVED_FIRST;
    return new Tiling(new Windows((int) rows, (int) columns, side, side, down, across, movesFirst));
  }

  boolean isPadded() {
    return windows.isPadded();
  }

  private boolean isMoved() {
    return windows.down() > 0 || windows.across() > 0;
  }

  /** Whether windows lie in the map as they lie in a row. */
  private boolean isOne() {
    return windows.wide() == 1 && !isPadded() && !isMoved();
  }

  /** [B, rows, columns, C] → [B · windows, tokens, C]. */
  Tensor split(Tensor map) {
    return isOne() ? map.reshape(-1, windows.tokens(), map.dim(3)) : new WindowSplit(windows).apply(map);
  }

  /** The reverse of {@link #split}. */
  Tensor join(Tensor tokens) {
    return isOne() ? tokens.reshape(-1, windows.rows(), windows.columns(), tokens.dim(2)) : new WindowJoin(windows).apply(tokens);
  }

  /** For each pair of tokens of a window, which row of a table of relative positions is theirs, [tokens²] (Swin, equation 4). */
  Tensor offsets() {
    int side = windows.width();
    int tokens = windows.tokens();
    long[] rows = new long[tokens * tokens];
    for (int i = 0; i < rows.length; i++) {
      int query = i / tokens;
      int key = i % tokens;
      int down = query / side - key / side + side - 1;
      int across = query % side - key % side + side - 1;
      rows[i] = (long) down * (2 * side - 1) + across;
    }
    return Tensor.of(rows, rows.length);
  }

  /** The bias of a table [(2·side − 1)², heads] by {@link #offsets}, for each window where they differ: [1 or windows, heads, N, N]. */
  Tensor bias(Tensor table, Tensor offsets) {
    long tokens = windows.tokens();
    Tensor bias = new IndexSelect(0).apply(table, offsets).reshape(1, tokens, tokens, table.dim(1)).permute(0, 3, 1, 2);
    return isMoved() ? bias.add(mask(table.dtype())) : bias.contiguous();
  }

  /** 0 between tokens of one region of the moved map, [windows, 1, N, N]. */
  private Tensor mask(DType dtype) {
    int tokens = windows.tokens();
    double[] mask = new double[windows.count() * tokens * tokens];
    for (int i = 0; i < mask.length; i++) {
      int window = i / tokens / tokens;
      mask[i] = region(window, i / tokens % tokens) == region(window, i % tokens) ? 0 : APART;
    }
    return Tensor.of(dtype, Shape.of(windows.count(), 1, tokens, tokens), mask);
  }

  private int region(int window, int token) {
    int row = window / windows.wide() * windows.height() + token / windows.width();
    int column = window % windows.wide() * windows.width() + token % windows.width();
    return 3 * region(row, windows.high() * windows.height(), windows.height(), windows.down())
        + region(column, windows.wide() * windows.width(), windows.width(), windows.across());
  }

  /** Along one side: before the last window, in it, and what has come back. */
  private static int region(int i, int extent, int side, int shift) {
    return shift == 0 || i < extent - side ? 0 : i < extent - shift ? 1 : 2;
  }
}
