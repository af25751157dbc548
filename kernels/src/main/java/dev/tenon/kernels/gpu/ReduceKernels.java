package dev.tenon.kernels.gpu;

import dev.tenon.engine.DType;
import dev.tenon.engine.Layout;
import dev.tenon.engine.Shape;
import dev.tenon.engine.Tensor;
import dev.tenon.engine.kernel.Call;
import dev.tenon.engine.kernel.Kernel;
import dev.tenon.engine.op.Extremum;
import dev.tenon.engine.op.Sum;
import dev.tenon.engine.op.SumOfSquares;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.LongStream;

/** Launches the text {@code reduce}. How a reduction is cut depends on shapes and strides alone, so that its bits do too. */
public record ReduceKernels(Launcher launcher) {
  private static final String TEXT = "reduce";
  private static final int THREADS = 256;
  /** About as many threads as keep any GPU busy; reductions with fewer outputs are cut into chunks. */
  private static final long ENOUGH = 1 << 17;
  private static final int LEAST_CHUNK = 64;
  /** Threads of an output that has a lane of each of a block's warps, and the elements that are worth them. */
  private static final int COLUMN_THREADS = 8;
  private static final int LEAST_COLUMN = 32;
  /** Bytes that a thread reads at once. */
  private static final int PACK = 16;
  private static final long MOST_CHUNKS = 1024;

  /**
   * Who computes an output.
   *
   * @param name of the kernel
   * @param outputs of a block
   */
  private record Team(String name, int outputs) {}

  /** Launches what sums a chunk of the rows into {@code parts}. */
  public interface Parts {
    void launch(int chunk, int chunks, long parts);
  }

  public List<Kernel> all() {
    return List.of(
        new OpKernel("reduce", Sum.class, Fit::real, c -> reduce(c, "Add", ((Sum) c.op()).dims())),
        new OpKernel("squares", SumOfSquares.class, Fit::real, this::squares),
        new OpKernel("reduce", Extremum.class, Fit::real,
            c -> reduce(c, ((Extremum) c.op()).max() ? "Larger" : "Smaller", ((Extremum) c.op()).dims())));
  }

  private void reduce(Call call, String name, List<Integer> dims) {
    Layout x = call.input(0).layout();
    Layout kept = part(x, dims, false);
    Layout reduced = part(x, dims, true);
    try (Operands in = launcher.operands(call)) {
      reduce(call, in, name, kept, reduced, call.input(0).dtype(), Launcher.address(call.input(0)), call.output(0));
    }
  }

  /** A block a chunk of an operand, as many operands at a time as a launch takes; then the sum of what all blocks left. */
  private void squares(Call call) {
    try (Operands in = launcher.operands(call)) {
      int[] sizes = call.inputs().stream().mapToInt(t -> (int) t.size()).toArray();
      long[][] places = IntStream.range(0, sizes.length).mapToObj(i -> new long[] {in.contiguous(i)}).toArray(long[][]::new);
      List<Launcher.Group> groups = launcher.groups(sizes, places);
      DType type = Fit.compute(call.input(0).dtype());
      int chunks = groups.stream().mapToInt(g -> g.grid().x()).reduce(0, Math::addExact);
      long parts = in.scratch((long) chunks * type.byteSize());
      long at = parts;
      for (Launcher.Group group : groups) {
        Grid blocks = Grid.of(group.grid().x(), THREADS);
        launcher.launch(call, Launcher.Entry.of("optimizer", "squares", call.input(0).dtype()), blocks, group, at);
        at += (long) blocks.x() * type.byteSize();
      }
      reduce(call, in, "Add", Layout.contiguous(Shape.of()), Layout.contiguous(Shape.of(chunks)), type, parts, call.output(0));
    }
  }

  /** The dimensions of {@code layout} that {@code dims} names, or those that it does not name. */
  private static Layout part(Layout layout, List<Integer> dims, boolean named) {
    int[] axes = IntStream.range(0, layout.shape().rank()).filter(d -> dims.contains(d) == named).toArray();
    long[] extents = new long[axes.length];
    long[] strides = new long[axes.length];
    for (int i = 0; i < axes.length; i++) {
      extents[i] = layout.shape().dim(axes[i]);
      strides[i] = layout.stride(axes[i]);
    }
    return Layout.of(Shape.of(extents), strides, 0);
  }

  private void reduce(Call call, Operands in, String name, Layout kept, Layout reduced, DType from, long x, Tensor y) {
    Walk outputs = Walk.of(kept.shape(), kept);
    Walk elements = Walk.of(reduced.shape(), reduced);
    Team team = team(!across(outputs, elements), from, outputs, elements);
    long threads = Math.ceilDiv(outputs.size() * THREADS, team.outputs);
    long chunks = Math.clamp(ENOUGH / Math.max(1, threads), 1, Math.clamp(elements.size() / LEAST_CHUNK, 1, MOST_CHUNKS));
    int chunk = (int) ((elements.size() + chunks - 1) / chunks);
    if (chunks == 1) {
      launch(call, name, team, from, y.dtype(), outputs, elements, chunk, 1, x, y);
      return;
    }
    DType between = Fit.compute(from);
    long parts = in.scratch(chunks * outputs.size() * between.byteSize());
    launch(call, name, team, from, between, outputs, elements, chunk, (int) chunks, x, parts);
    Layout column = Layout.of(Shape.of(chunks), new long[] {outputs.size()}, 0);
    launchLast(call, name, between, (int) outputs.size(), column, parts, y);
  }

  /** Reduces {@code n} columns of what earlier launches left. */
  private void launchLast(Call call, String name, DType from, int n, Layout column, long parts, Tensor y) {
    Shape one = Shape.of(n);
    Walk outputs = Walk.of(one, Layout.contiguous(one));
    Walk elements = Walk.of(column.shape(), column);
    launch(call, name, team(n < THREADS, from, outputs, elements), from, y.dtype(), outputs, elements, (int) elements.size(), 1, parts, y);
  }

  private Team team(boolean block, DType from, Walk outputs, Walk elements) {
    if (block) {
      return new Team("block", 1);
    }
    if (launcher.warp() == 1 || elements.size() < LEAST_COLUMN) {
      return new Team("thread", THREADS);
    }
    int pack = PACK / from.byteSize();
    boolean inPacks = outputs.grouped(pack).isPresent() && LongStream.of(elements.strides()[0]).allMatch(s -> s % pack == 0);
    return inPacks ? new Team("packs", THREADS / COLUMN_THREADS * pack) : new Team("column", THREADS / COLUMN_THREADS);
  }

  /** Whether neighboring outputs read neighboring elements, and the elements of one output do not. */
  private static boolean across(Walk outputs, Walk elements) {
    return elements.size() <= 1 || outputs.dims().length > 0 && outputs.strides()[0][outputs.dims().length - 1] == 1
        && elements.strides()[0][elements.dims().length - 1] != 1;
  }

  private void launch(
      Call call, String name, Team team, DType from, DType to, Walk outputs, Walk elements, int chunk, int chunks, Object x, Object y) {
    Launcher.Entry entry = Launcher.Entry.of(TEXT, name, from, to).by(team.name);
    int blocks = Math.toIntExact((outputs.size() + team.outputs - 1) / team.outputs);
    launcher.launch(call, entry, new Grid(blocks, chunks, 1, THREADS), outputs.pack(), elements.pack(),
        chunk, x, y);
  }

  /** Sums row-major {@code x} of {@code shape} to the shape of y, which broadcasts to it. */
  public void sumTo(Call call, Operands in, DType type, long x, Shape shape, Tensor y) {
    int lead = shape.rank() - y.rank();
    List<Integer> dims = IntStream.range(0, shape.rank())
        .filter(d -> d < lead || y.dim(d - lead) != shape.dim(d)).boxed().toList();
    Layout layout = Layout.contiguous(shape);
    reduce(call, in, "Add", part(layout, dims, false), part(layout, dims, true), type, x, y);
  }

  /** Results 1 and 2 of {@code call}, [n] each, as sums over rows whose parts {@code launch} computes. */
  public void pairs(Call call, Operands in, int rows, int n, Parts launch) {
    int chunk = Math.max(1, Math.max((int) ((rows * (long) n + ENOUGH - 1) / ENOUGH), (rows + 1023) / 1024));
    int chunks = Math.max(1, (rows + chunk - 1) / chunk);
    DType type = Fit.compute(call.output(1).dtype());
    long parts = in.scratch(2L * chunks * n * type.byteSize());
    launch.launch(chunk, chunks, parts);
    Layout column = Layout.of(Shape.of(chunks), new long[] {2L * n}, 0);
    for (int i = 0; i < 2; i++) {
      launchLast(call, "Add", type, n, column, parts + (long) i * n * type.byteSize(), call.output(1 + i));
    }
  }
}
