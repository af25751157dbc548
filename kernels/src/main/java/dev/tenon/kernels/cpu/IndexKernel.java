package dev.tenon.kernels.cpu;

import dev.tenon.engine.Layout;
import dev.tenon.engine.Shape;
import dev.tenon.engine.Tensor;
import dev.tenon.engine.kernel.Call;
import dev.tenon.engine.kernel.Kernel;
import dev.tenon.engine.op.Gather;
import dev.tenon.engine.op.IndexAdd;
import dev.tenon.engine.op.IndexSelect;
import dev.tenon.engine.op.Op;
import dev.tenon.engine.op.Scatter;
import dev.tenon.engine.op.ScatterAdd;
import java.util.List;

/**
 * Runs the ops that address elements by an index: each element by its own, line by line along the axis; or whole slices, in pieces of
 * at most a tile.
 */
record IndexKernel(Class<? extends Op> op, Workers workers) implements Kernel {
  /** The ops it runs. */
  static final List<Class<? extends Op>> OPS =
      List.of(Gather.class, Scatter.class, ScatterAdd.class, IndexSelect.class, IndexAdd.class);

  @Override
  public String name() {
    return "index";
  }

  @Override
  public Offer accepts(Call call) {
    return Fit.indexed(call);
  }

  @Override
  public void launch(Call call) {
    Tensor x = call.input(0);
    Tensor out = call.output(0);
    switch (call.op()) {
      case Gather gather -> Rows.run(workers,
          List.of(lines(x, gather.axis(), call.input(1)), lines(call.input(1), gather.axis(), call.input(1))),
          List.of(lines(out, gather.axis(), call.input(1))), gathering(gather, (int) x.dim(gather.axis())));
      case Scatter scatter -> scatter(call, scatter.axis(), false);
      case ScatterAdd scatter -> scatter(call, scatter.axis(), true);
      case IndexSelect select -> select(call, x.shape().axis(select.axis()));
      case IndexAdd add -> add(call, x.shape().axis(add.axis()));
      default -> throw new IllegalArgumentException(call.op().name() + " has no index");
    }
  }

  /** The lines of a tensor along the axis where {@code index} has some, too. */
  private static Rows.Operand lines(Tensor tensor, int axis, Tensor index) {
    int a = tensor.shape().axis(axis);
    Layout layout = tensor.layout();
    for (int d = 0; d < tensor.rank(); d++) {
      layout = d == a ? layout : layout.slice(d, 0, index.dim(d), 1);
    }
    return Rows.Operand.of(tensor, layout.permute(LineKernel.lastly(tensor.rank(), a)), (int) tensor.dim(a));
  }

  private static Rows.Body gathering(Op op, int extent) {
    return (in, out, n) -> {
      for (int i = 0; i < n; i++) {
        out[0][i] = in[0][Gather.bounded(op, in[1][i], extent)];
      }
    };
  }

  /** Lines of what is there already, of the index and of src. */
  private static Rows.Body scattering(Op op, int extent, int picks, boolean add) {
    return (in, out, n) -> {
      System.arraycopy(in[0], 0, out[0], 0, n);
      for (int i = 0; i < picks; i++) {
        int at = Gather.bounded(op, in[1][i], extent);
        out[0][at] = add ? out[0][at] + in[2][i] : in[2][i];
      }
    };
  }

  private void scatter(Call call, int axis, boolean add) {
    Tensor out = call.output(0);
    Tensor index = call.input(1);
    Rows.Body body = scattering(call.op(), (int) out.dim(axis), (int) index.dim(axis), add);
    CopyKernel.copy(workers, call.input(0), call.input(0).layout(), out, out.layout());
    Rows.Operand lines = lines(out, axis, index);
    Rows.run(workers, List.of(lines, lines(index, axis, index), lines(call.input(2), axis, index)), List.of(lines), body);
  }

  /** The positions an index holds. */
  private static int[] positions(Op op, Tensor index, long extent) {
    float[] values = new float[(int) index.size()];
    Strided.of(index).read(0, values.length, values);
    int[] positions = new int[values.length];
    for (int i = 0; i < values.length; i++) {
      positions[i] = Gather.bounded(op, values[i], extent);
    }
    return positions;
  }

  private void select(Call call, int axis) {
    Shape shape = call.input(0).shape();
    int[] at = positions(call.op(), call.input(1), shape.dim(axis));
    Strided x = Strided.of(call.input(0));
    Strided y = Strided.of(call.output(0));
    long inner = shape.product(axis + 1, shape.rank());
    int tile = (int) Math.min(Rows.TILE, inner);
    long slices = shape.product(0, axis) * at.length;
    long group = Math.max(1, (1 << 15) / inner);
    workers.run((int) ((slices + group - 1) / group), task -> {
      float[] row = new float[tile];
      for (long s = task * group; s < Math.min(slices, (task + 1) * group); s++) {
        long from = (s / at.length * shape.dim(axis) + at[(int) (s % at.length)]) * inner;
        for (long i = 0; i < inner; i += tile) {
          int n = (int) Math.min(tile, inner - i);
          x.read(from + i, n, row);
          y.write(s * inner + i, n, row);
        }
      }
    });
  }

  /** A task adds all that goes to one piece of the slices of one outer position, in order. */
  private void add(Call call, int axis) {
    Tensor out = call.output(0);
    Shape shape = out.shape();
    int[] at = positions(call.op(), call.input(1), shape.dim(axis));
    CopyKernel.copy(workers, call.input(0), call.input(0).layout(), out, out.layout());
    Strided src = Strided.of(call.input(2));
    Strided y = Strided.of(out);
    long inner = shape.product(axis + 1, shape.rank());
    int tile = (int) Math.min(Rows.TILE / 4, inner);
    int pieces = (int) ((inner + tile - 1) / tile);
    workers.run((int) shape.product(0, axis) * pieces, task -> {
      float[] sum = new float[Rows.padded(tile)];
      float[] more = new float[Rows.padded(tile)];
      long outer = task / pieces;
      long piece = (long) (task % pieces) * tile;
      int n = (int) Math.min(tile, inner - piece);
      for (int i = 0; i < at.length; i++) {
        long to = (outer * shape.dim(axis) + at[i]) * inner + piece;
        y.read(to, n, sum);
        src.read((outer * at.length + i) * inner + piece, n, more);
        BinaryMaps.add(sum, more, sum, n);
        y.write(to, n, sum);
      }
    });
  }
}
