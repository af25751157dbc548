package dev.tenon.kernels.cpu;

import java.util.stream.IntStream;

/**
 * Convolutions' sums where there is a vector of output channels at least: lanes are channels, whose weights lie side by side in panels, and
 * inputs are single elements, which may lie anywhere. {@link ConvTiles} read vectors of inputs, most of which lie across two cache lines.
 *
 * @param weights for each block of channels panels of {@link #COLUMNS} each, one tap after the other
 * @param group output channels of a group
 * @param outputs those of a block, of which a group has some
 * @param depth taps of a sum, of all input channels
 */
record ConvPanels(float[] weights, int group, int outputs, int depth) {
  /** Output channels of a panel, two vectors. */
  static final int COLUMNS = 2 * Simd.LANES;
  private static final boolean MANY = Tile.REGISTERS == 32;
  /** Output elements of a tile of one vector of channels, and of two: as many as there are registers for. */
  private static final int[] ROWS = MANY ? new int[] {14, 14} : new int[] {10, 5};
  /** Output elements whose sums are in the first cache before they are sorted by channels, a multiple of a tile's. */
  private static final int BLOCK = MANY ? 112 : 40;
  /** Taps that are summed before the next tile: their weights should stay in the first cache. */
  private static final int DEPTH = 160;
  /** The loops of tiles of one vector, and of two. */
  private static final Tile.Taps[] LOOPS =
      IntStream.of(1, 2).mapToObj(v -> TileCode.taps(ROWS[v - 1], v, COLUMNS)).toArray(Tile.Taps[]::new);

  /** Packs rows of {@code depth} weights, one for each output channel. */
  static ConvPanels of(float[] rows, ConvShape shape, int outputs, int depth) {
    int channels = shape.groups() * shape.outputs();
    int blocks = shape.groups() * ((shape.outputs() + outputs - 1) / outputs);
    ConvPanels panels = new ConvPanels(
        new float[blocks * ConvTiles.roundUp(outputs, COLUMNS) * depth], shape.outputs(), outputs, depth);
    for (int channel = 0; channel < channels; channel++) {
      int at = panels.start(channel);
      for (int p = 0; p < depth; p++) {
        panels.weights[at + p * COLUMNS] = rows[channel * depth + p];
      }
    }
    return panels;
  }

  /** Where a channel's weights are, {@link #COLUMNS} from each other. */
  private int start(int channel) {
    int within = channel % group % outputs;
    int blocks = (group + outputs - 1) / outputs;
    int block = channel / group * blocks + channel % group / outputs;
    return (block * ConvTiles.roundUp(outputs, COLUMNS) + within / COLUMNS * COLUMNS) * depth + within % COLUMNS;
  }

  /**
   * Fills in {@code length} elements of {@code count} channels of a block, rows of C: the bias, and the sums over the taps at
   * {@code offsets} from each element's place in x.
   *
   * @param first the block's first channel
   */
  void sum(int first, int count, float[] x, int[] offsets, float[] bias, float[] c, int at, int length) {
    float[] tile = Scratch.array(4, BLOCK * COLUMNS);
    int chunks = Math.max(1, (depth + DEPTH - 1) / DEPTH);
    int chunk = Math.max(1, (depth + chunks - 1) / chunks);
    for (int i = 0; i < length; i += BLOCK) {
      int elements = Math.min(BLOCK, length - i);
      for (int n = 0; n < count; n += COLUMNS) {
        int panel = start(first + n);
        int columns = Math.min(COLUMNS, count - n);
        int vectors = (columns + Simd.LANES - 1) / Simd.LANES;
        Tile.Taps loop = LOOPS[vectors - 1];
        int rows = ROWS[vectors - 1];
        for (int p = 0; p == 0 || p < depth; p += chunk) {
          int taps = Math.min(chunk, depth - p);
          for (int y = 0; y < elements; y += rows) {
            if (p == 0) {
              loop.run(x, i + y, weights, panel, COLUMNS, taps, bias, first + n, 0, tile, y * COLUMNS, COLUMNS, offsets, 0);
            } else {
              loop.run(x, i + y, weights, panel + p * COLUMNS, COLUMNS, taps, tile, y * COLUMNS, COLUMNS, tile, y * COLUMNS, COLUMNS,
                  offsets, p);
            }
          }
        }
        Transpose.run(tile, 0, COLUMNS, elements, columns, c, at + n * length + i, length);
      }
    }
  }
}
