package dev.tenon.kernels.cuda;

import dev.tenon.engine.DType;
import dev.tenon.engine.kernel.Call;
import dev.tenon.kernels.gpu.Grid;
import dev.tenon.kernels.gpu.Launcher;
import dev.tenon.kernels.gpu.Operands;

/** Launches the products of the text {@code tensor.cu}, for compute capability 8.0 and up. */
record WarpProducts(Launcher launcher, int multiprocessors) implements AlignedProducts {
  private static final int THREADS = 128;
  private static final int MOST_IN_GRID = 65535;
  private static final int LEAST_SLICES = 8;
  private static final int MOST_PARTS = 32;
  /** Blocks that a multiprocessor runs at once. */
  private static final int BLOCKS_EACH = 2;
  /** What adding up one more part takes, as a share of the time of the whole product. */
  private static final double PART_COST = 0.02;

  @Override
  public boolean continues() {
    return false;
  }

  @Override
  public String refusal(Factors factors) {
    return null;
  }

  @Override
  public void multiply(Call call, Operands in, Factors f) {
    DType dtype = f.dtype();
    int m = f.m();
    int n = f.n();
    int tile = AlignedProducts.tiles(m, n, 128, 128) * f.batch().size() < multiprocessors ? 64 : 128;
    long tiles = AlignedProducts.tiles(m, n, tile, tile);
    int depth = TensorKernels.SLICE / dtype.byteSize();
    int slices = (f.k() + depth - 1) / depth + (f.second().k() + depth - 1) / depth;
    int parts = parts(tiles * f.batch().size(), slices, f.batch().size());
    int[] result = {m, n, parts};
    long partial = parts == 1 ? 0 : in.scratch(parts * f.batch().size() * m * n * Float.BYTES);
    String name = "tensor" + tile + (f.a().along() ? "k" : "m") + (f.b().along() ? "k" : "n");
    launcher.launch(call, Launcher.Entry.of(TensorKernels.TEXT, name, dtype),
        new Grid((int) tiles, (int) f.batch().size() * parts, 1, THREADS, TensorKernels.STAGES * TensorKernels.SLICE * 2 * tile),
        f.batch().pack(), result, new int[] {f.k(), f.a().line(), f.b().line()}, f.a().at(), f.b().at(), f.second().pack(), f.second().a(),
        f.second().b(), f.bias(), call.output(0), partial);
    TensorKernels.sumParts(launcher, call, f, parts, partial);
  }

  /**
   * Into how many parts a depth of {@code slices} is cut: as many as let the blocks fill the GPU for as little time as possible, where
   * every part costs something to add up.
   */
  private int parts(long blocks, int slices, long batch) {
    long room = (long) BLOCKS_EACH * multiprocessors;
    long most = Math.clamp(slices / LEAST_SLICES, 1, Math.min(MOST_PARTS, MOST_IN_GRID / batch));
    int best = 1;
    double least = Double.POSITIVE_INFINITY;
    for (int parts = 1; parts <= most; parts++) {
      double time = (double) ((blocks * parts + room - 1) / room) / parts + PART_COST * (parts - 1);
      if (time < least) {
        least = time;
        best = parts;
      }
    }
    return best;
  }
}
