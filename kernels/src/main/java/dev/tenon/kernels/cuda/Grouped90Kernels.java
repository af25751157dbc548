package dev.tenon.kernels.cuda;

import dev.tenon.engine.DType;
import dev.tenon.engine.kernel.Call;
import dev.tenon.engine.kernel.Kernel;
import dev.tenon.engine.op.Conv2d;
import dev.tenon.engine.op.Conv2dGradInput;
import dev.tenon.engine.op.Window2d;
import dev.tenon.kernels.gpu.Convolution;
import dev.tenon.kernels.gpu.Fit;
import dev.tenon.kernels.gpu.Grid;
import dev.tenon.kernels.gpu.Launcher;
import dev.tenon.kernels.gpu.OpKernel;
import dev.tenon.kernels.gpu.Operands;
import java.util.List;

/**
 * Launches the text {@code grouped90}: convolutions in groups by warpgroups, which GPUs of compute capability 9.0 have, and the gradients
 * of their inputs.
 */
record Grouped90Kernels(Launcher launcher, int multiprocessors, int sharedLimit) {
  private static final String TEXT = "grouped90";
  /** Below that of the kernels that need no warpgroups. */
  private static final double COST = 0.2;
  private static final int THREADS = 512;
  /** What the text calls by these names. */
  private static final int TEAM = 32;
  private static final int ENTRIES = 4;
  private static final int STAGES = 3;
  private static final int ENTRY = 16;
  private static final int BARRIERS = 2 * STAGES * Long.BYTES;
  /** Rows of a band, and columns of a unit. */
  private static final int UNIT = 8;
  /** Units of a band, for each number of which there is a kernel. */
  private static final int MOST_UNITS = 7;
  private static final int MOST_TEAMS = 65535;

  List<Kernel> all() {
    return List.of(new OpKernel(TEXT, Conv2d.class, COST, this::refusal, this::convolve),
        new OpKernel(TEXT, Conv2dGradInput.class, COST, this::refusal, this::convolve));
  }

  private String refusal(Call call) {
    String reason = Fit.real(call);
    if (reason != null) {
      return reason;
    }
    DType dtype = call.input(0).dtype();
    if (dtype != DType.BF16) {
      return "multiplies BF16, and the operands are " + dtype;
    }
    Convolution c = Convolution.of(call);
    boolean known = c.depth() == UNIT || c.depth() == 2 * UNIT || c.depth() == TEAM;
    if (!known || c.depth() != c.filters() || c.from().channels() % TEAM != 0 || c.from().channels() / TEAM > MOST_TEAMS) {
      return "takes groups of 8, 16 or 32 channels and as many filters, 32 together, and here are " + c.groups() + " of " + c.depth()
          + " and " + c.filters();
    }
    Window2d w = c.window();
    if (w.strideH() != 1 || w.strideW() != 1 || c.spreadH() != 1 || c.spreadW() != 1 || !c.isPadded()
        || c.from().width() % UNIT != 0 || c.to().width() % UNIT != 0 || c.to().width() > MOST_UNITS * UNIT) {
      return "takes stride 1, less padding than the window reaches, and up to " + MOST_UNITS * UNIT + " columns, in eights, and here is "
          + c;
    }
    int bytes = new Band(c).bytes() + BARRIERS;
    return bytes <= sharedLimit ? null : "keeps bands of eight rows in " + sharedLimit + " bytes, and here they take " + bytes;
  }

  /** The rows that eight rows of the result read, of 32 channels, as they lie in shared memory. */
  private record Band(Convolution c) {
    int lines() {
      return UNIT + (c.window().kernelH() - 1) * c.window().dilationH();
    }

    int pitch() {
      return c.from().width() + 2 * c.window().padW();
    }

    int plane() {
      return lines() * pitch();
    }

    /** Two entries each, of a group. */
    int steps() {
      return (c.taps() * c.depth() / UNIT + 1) / 2;
    }

    /** A team's weights, 16 elements a step and filter; the bands; the results of two warpgroups; and where the entries of a step lie. */
    int bytes() {
      return TEAM * steps() * 2 * ENTRY + STAGES * (ENTRIES * plane() + 1) * ENTRY + 2 * TEAM * (c.to().width() * UNIT * 2 + ENTRY)
          + steps() * Long.BYTES;
    }

    int count() {
      return c.batch() * ((c.to().height() + UNIT - 1) / UNIT);
    }

    int[] ints() {
      return new int[] {lines(), pitch(), plane()};
    }
  }

  private void convolve(Call call) {
    Convolution c = Convolution.of(call);
    Band band = new Band(c);
    int teams = c.from().channels() / TEAM;
    int turned = call.op() instanceof Conv2dGradInput ? 1 : 0;
    // As many blocks as there are multiprocessors, none of which has less to do than it must have.
    int bands = Math.max(1, band.count());
    int each = (bands - 1) / Math.clamp(multiprocessors / teams, 1, bands) + 1;
    Grid grid = new Grid((bands - 1) / each + 1, teams, 1, THREADS, band.bytes());
    try (Operands in = launcher.operands(call)) {
      Object bias = call.op() instanceof Conv2d op && op.bias() ? in.contiguous(2) : Long.valueOf(0);
      launcher.launch(call, Launcher.Entry.of(TEXT, "grouped90_" + c.depth() + "_" + c.to().width() / UNIT, DType.BF16), grid, c.ints(),
          band.ints(), turned, in.aligned(0), in.aligned(1), bias, call.output(0));
    }
  }
}
