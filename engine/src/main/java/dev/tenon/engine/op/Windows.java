package dev.tenon.engine.op;

import dev.tenon.engine.TenonException;

/**
 * How a channels-last map is cut into windows (Swin, section 3.2): it is moved up and to the left by a shift, what leaves it there comes
 * back on the other side, and zeros below and on the right make up whole windows.
 *
 * @param rows of the map
 * @param columns of the map
 * @param height of a window
 * @param width of a window
 * @param down rows that it is moved by
 * @param across columns that it is moved by
 * @param movesFirst whether the zeros are put to the map when it has been moved (timm) rather than before (torchvision)
 */
public record Windows(int rows, int columns, int height, int width, int down, int across, boolean movesFirst) {
  public Windows {
    if (height < 1 || width < 1 || down < 0 || across < 0 || down >= Math.min(height, rows) || across >= Math.min(width, columns)) {
      throw new TenonException("windows of " + height + "×" + width + " cannot be cut from a map of " + rows + "×" + columns
          + " that is moved by " + down + " and " + across + "; move it by less than a window and less than the map");
    }
  }

  /** Windows above each other. */
  public int high() {
    return (rows + height - 1) / height;
  }

  /** Windows beside each other. */
  public int wide() {
    return (columns + width - 1) / width;
  }

  /** Windows of a map. */
  public int count() {
    return high() * wide();
  }

  /** Pixels of a window. */
  public int tokens() {
    return height * width;
  }

  /** Whether zeros are needed. */
  public boolean isPadded() {
    return rows % height != 0 || columns % width != 0;
  }

  /** Which row or column of the map is at {@code i} when it has been moved; −1 for zeros. */
  private int from(int i, int shift, int extent, int whole) {
    if (movesFirst) {
      return i < extent ? (i + shift) % extent : -1;
    }
    int there = (i + shift) % whole;
    return there < extent ? there : -1;
  }

  private int to(int i, int shift, int extent, int whole) {
    return Math.floorMod(i - shift, movesFirst ? extent : whole);
  }

  /** Which pixel of its map is at {@code token} of {@code window}, both counted by rows; −1 for zeros. */
  public int pixel(int window, int token) {
    int row = from(window / wide() * height + token / width, down, rows, high() * height);
    int column = from(window % wide() * width + token % width, across, columns, wide() * width);
    return row < 0 || column < 0 ? -1 : row * columns + column;
  }

  /** Where among the tokens of all windows of its map a pixel is. */
  public int place(int pixel) {
    int row = to(pixel / columns, down, rows, high() * height);
    int column = to(pixel % columns, across, columns, wide() * width);
    return (row / height * wide() + column / width) * tokens() + row % height * width + column % width;
  }

  /** As the kernels' structure {@code Windows}, for pixels of {@code channels} elements. */
  public int[] pack(long channels) {
    return new int[] {rows, columns, height, width, down, across, movesFirst ? 1 : 0, (int) channels};
  }
}
