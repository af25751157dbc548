package dev.tenon.kernels.opencl;

import dev.tenon.engine.Tensor;
import dev.tenon.kernels.gpu.AttentionKernels;
import dev.tenon.kernels.gpu.Launcher;
import java.util.Locale;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * The tiles of {@code attention.cl} and {@code attentionGrad.cl}.
 *
 * @param preferred where local memory has room for it, else the largest that it has room for
 */
record ClTiles(ClTuning.Attention preferred, int localBytes) implements AttentionKernels.Tiles {
  @Override
  public String refusal(Tensor q, int held) {
    return find(q, held).isPresent() ? null : "keeps a tile of heads in " + localBytes + " bytes, too few for head size " + q.dim(3);
  }

  @Override
  public AttentionKernels.Tile tile(Tensor q, int held) {
    ClTuning.Attention found = find(q, held).orElseThrow();
    return new AttentionKernels.Tile(found.queries(), found.keys(), 0);
  }

  private Optional<ClTuning.Attention> find(Tensor q, int held) {
    return q.dim(3) > 128 ? Optional.empty()
        : Stream.concat(Stream.of(preferred), ClTuning.Attention.ALL.stream()).filter(t -> bytes(t, q, held) <= localBytes).findFirst();
  }

  private static int width(Tensor q) {
    return q.dim(3) <= 32 ? 32 : q.dim(3) <= 64 ? 64 : 128;
  }

  /** Local memory of {@code held} tiles of queries, and as many of scores, two of keys, and three more numbers a query. */
  private static long bytes(ClTuning.Attention tile, Tensor q, int held) {
    long numbers = (long) (held * tile.queries() + 2 * tile.keys()) * (width(q) + 1) + (long) held * tile.queries() * (tile.keys() + 1)
        + 3L * tile.queries();
    return numbers * Math.max(4, q.dtype().byteSize());
  }

  @Override
  public Launcher.Entry entry(String name, boolean tiled, Tensor q, AttentionKernels.Tile tile) {
    String text = name.equals("attention") ? name : "attentionGrad";
    return new Launcher.Entry(text, name, ClTypes.of(q.dtype().name().toLowerCase(Locale.ROOT)) + " -DD=" + width(q) + " -DQUERIES="
        + tile.queries() + " -DKEYS=" + tile.keys());
  }
}
