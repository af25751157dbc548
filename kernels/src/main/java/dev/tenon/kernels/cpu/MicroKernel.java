package dev.tenon.kernels.cpu;

/** The {@link Tile} that matrix products are made of on this machine. */
final class MicroKernel {
  static final Tile TILE = Tile.parse(TileChoice.here().read());
  static final int ROWS = TILE.rows();
  static final int COLUMNS = TILE.columns();
  static final String NAME = "gemm-" + ROWS + "x" + COLUMNS;

  private MicroKernel() {}
}
