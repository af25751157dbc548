package dev.tenon.kernels.cuda;

import dev.tenon.engine.Tensor;
import dev.tenon.kernels.gpu.AttentionKernels;
import dev.tenon.kernels.gpu.Launcher;

/**
 * The tiles of {@code attention.cu}.
 *
 * @param sharedLimit bytes of shared memory a block can have
 */
record CudaTiles(int sharedLimit) implements AttentionKernels.Tiles {
  private static final int QUERIES = 64;
  private static final int KEYS = 32;
  private static final int MOST_IN_GRID = 65535;

  @Override
  public String refusal(Tensor q, int held) {
    if (q.dim(3) > 160 || sharedBytes(q, held) > sharedLimit) {
      return "keeps a tile of heads in " + sharedLimit + " bytes, too few for head size " + q.dim(3);
    }
    return q.dim(0) > MOST_IN_GRID || q.dim(2) > MOST_IN_GRID ? "takes up to 65535 batches and heads" : null;
  }

  private static int width(Tensor q) {
    return q.dim(3) <= 32 ? 32 : q.dim(3) <= 64 ? 64 : q.dim(3) <= 128 ? 128 : 160;
  }

  private static int sharedBytes(Tensor q, int held) {
    int rows = held * QUERIES + 2 * KEYS;
    return (rows * (width(q) + 1) + held * QUERIES * (KEYS + 1)) * Math.max(4, q.dtype().byteSize());
  }

  @Override
  public AttentionKernels.Tile tile(Tensor q, int held) {
    return new AttentionKernels.Tile(QUERIES, KEYS, sharedBytes(q, held));
  }

  @Override
  public Launcher.Entry entry(String name, boolean tiled, Tensor q, AttentionKernels.Tile tile) {
    return Launcher.Entry.of("attention", tiled ? name + width(q) : name, q.dtype());
  }
}
