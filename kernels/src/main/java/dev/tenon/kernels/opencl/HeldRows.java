package dev.tenon.kernels.opencl;

import dev.tenon.engine.DType;
import dev.tenon.engine.Tensor;
import dev.tenon.engine.kernel.Call;
import dev.tenon.engine.kernel.Kernel;
import dev.tenon.engine.op.LayerNorm;
import dev.tenon.engine.op.LayerNormGrad;
import dev.tenon.engine.op.LogSoftmax;
import dev.tenon.engine.op.LogSoftmaxGrad;
import dev.tenon.engine.op.Op;
import dev.tenon.engine.op.Softmax;
import dev.tenon.engine.op.SoftmaxGrad;
import dev.tenon.kernels.gpu.Fit;
import dev.tenon.kernels.gpu.Grid;
import dev.tenon.kernels.gpu.Launcher;
import dev.tenon.kernels.gpu.Lines;
import dev.tenon.kernels.gpu.OpKernel;
import dev.tenon.kernels.gpu.Operands;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** Launches the text {@code heldRows}: layer norm, softmax and their gradients on GPUs, which read rows of a fitting length once. */
record HeldRows(Launcher launcher) {
  private static final String TEXT = "heldRows";
  private static final double COST = 0.5;
  private static final long NONE = 0;
  private static final int FOUR = 4;
  private static final int ALIGNMENT = 16;
  private static final int LEAST_ITEMS = 32;
  private static final int MOST_ITEMS = 256;
  /** Items of a group that holds several rows. */
  private static final int ITEMS = 128;
  /** Vectors that an item holds of a row, and of one whose gradient has sums over the rows. */
  private static final int MOST_VALUES = 8;
  private static final int MOST_SUMMED = 4;
  /** Chunks of the rows keep a GPU busy, and are worth their part in the sums. */
  private static final int MOST_CHUNKS = 1024;
  private static final int LEAST_CHUNK = 8;
  /** Of the sums over chunks: columns of a group, and its items. */
  private static final int COLUMNS = 16;
  private static final int SUMMING = 256;

  List<Kernel> all() {
    return List.of(
        new OpKernel("held", LayerNorm.class, COST, c -> refusal(c, c.input(0), length(c.input(0), c.output(1)), MOST_VALUES),
            this::layerNorm),
        new OpKernel("held", LayerNormGrad.class, COST, c -> refusal(c, c.input(1), length(c.input(1), c.input(2)), MOST_SUMMED),
            this::layerNormGrad),
        along("softmax", Softmax.class), along("softmaxGrad", SoftmaxGrad.class), along("logSoftmax", LogSoftmax.class),
        along("logSoftmaxGrad", LogSoftmaxGrad.class));
  }

  private Kernel along(String name, Class<? extends Op> op) {
    return new OpKernel("held", op, COST, c -> {
      Lines lines = lines(c);
      return lines.inner() > 1 || lines.length() < 2 ? "works on lines of neighbors, and these are " + lines
          : refusal(c, c.output(0), lines.length(), MOST_VALUES);
    }, c -> along(c, name));
  }

  private static Lines lines(Call call) {
    int axis = switch (call.op()) {
      case Softmax op -> op.axis();
      case SoftmaxGrad op -> op.axis();
      case LogSoftmax op -> op.axis();
      case LogSoftmaxGrad op -> op.axis();
      default -> throw new IllegalArgumentException("not along one axis: " + call.op());
    };
    return Lines.of(call.output(0).shape(), axis);
  }

  private static long length(Tensor x, Tensor mean) {
    return mean.size() == 0 ? 0 : x.size() / mean.size();
  }

  private static String refusal(Call call, Tensor x, long length, int values) {
    String reason = Fit.real(call);
    if (reason != null) {
      return reason;
    }
    int width = width(x.dtype(), length);
    long most = (long) values * MOST_ITEMS * width;
    if (length == 0 || length > most) {
      return "holds rows of 1 to " + most + " elements, and those of " + x.shape() + " have " + length;
    }
    Tensor y = call.output(0);
    return width == 1 || Launcher.address(y) % ALIGNMENT == 0 ? null
        : "writes 16 bytes at a time, and the result lies at " + Launcher.address(y);
  }

  /** Elements that are read together. */
  private static int width(DType dtype, long length) {
    return dtype != DType.F64 && length % FOUR == 0 ? FOUR : 1;
  }

  /** How rows are held: who holds how much, as options of the text. */
  private record Held(int vectors, int items, int teams, String options) {
    static Held of(DType dtype, int length, int mostValues, int itemsOfGroup) {
      int width = width(dtype, length);
      int vectors = length / width;
      int items = LEAST_ITEMS;
      while (vectors > items * mostValues) {
        items *= 2;
      }
      int teams = Math.max(1, itemsOfGroup / items);
      return new Held(vectors, items, teams, ClTypes.of(dtype.name().toLowerCase(Locale.ROOT)) + " -DITEMS=" + items + " -DTEAMS=" + teams
          + " -DVALUES=" + (vectors + items - 1) / items + (width == FOUR ? " -DFOURS" : ""));
    }

    Launcher.Entry entry(String name) {
      return new Launcher.Entry(TEXT, name, options);
    }

    Grid grid(int rows) {
      return Grid.of((rows + teams - 1) / teams, items * teams);
    }
  }

  private void along(Call call, String name) {
    Tensor y = call.output(0);
    Lines lines = lines(call);
    Held held = Held.of(y.dtype(), lines.length(), MOST_VALUES, ITEMS);
    try (Operands in = launcher.operands(call)) {
      List<Object> arguments = new ArrayList<>(List.of(lines.count(), held.vectors()));
      for (int i = 0; i < call.inputs().size(); i++) {
        arguments.add(in.aligned(i));
      }
      arguments.add(y);
      launcher.launch(call, held.entry(name), held.grid(lines.count()), arguments.toArray());
    }
  }

  private void layerNorm(Call call) {
    LayerNorm op = (LayerNorm) call.op();
    Tensor mean = call.output(1);
    int rows = (int) mean.size();
    Held held = Held.of(mean.dtype(), (int) length(call.input(0), mean), MOST_VALUES, ITEMS);
    try (Operands in = launcher.operands(call)) {
      launcher.launch(call, held.entry("layerNorm"), held.grid(rows), rows, held.vectors(), in.aligned(0),
          op.affine() ? in.aligned(1) : NONE, op.affine() ? in.aligned(2) : NONE, call.output(0), mean, call.output(2), op.eps());
    }
  }

  private void layerNormGrad(Call call) {
    boolean affine = ((LayerNormGrad) call.op()).affine();
    Tensor mean = call.input(2);
    int rows = (int) mean.size();
    int n = (int) length(call.input(1), mean);
    Held held = Held.of(mean.dtype(), n, MOST_SUMMED, 1);
    int chunk = Math.max(LEAST_CHUNK, (rows + MOST_CHUNKS - 1) / MOST_CHUNKS);
    int chunks = (rows + chunk - 1) / chunk;
    try (Operands in = launcher.operands(call)) {
      long parts = affine ? in.scratch(2L * chunks * n * Fit.compute(mean.dtype()).byteSize()) : NONE;
      launcher.launch(call, held.entry("layerNormGrad"), held.grid(chunks), rows, held.vectors(), chunk, in.aligned(0), in.aligned(1),
          in.contiguous(2), in.contiguous(3), affine ? in.aligned(4) : NONE, call.output(0), parts);
      if (affine) {
        launcher.launch(call, held.entry("layerNormGradSums"), Grid.of((2L * n + COLUMNS - 1) / COLUMNS, SUMMING), n, chunks, parts,
            call.output(1), call.output(2));
      }
    }
  }
}
