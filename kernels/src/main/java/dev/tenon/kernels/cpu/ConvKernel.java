package dev.tenon.kernels.cpu;

import dev.tenon.engine.Tensor;
import dev.tenon.engine.kernel.Call;
import dev.tenon.engine.kernel.Kernel;
import dev.tenon.engine.op.Conv2d;
import dev.tenon.engine.op.Conv2dGradInput;
import dev.tenon.engine.op.Op;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;

/**
 * Runs {@link Conv2d} of any window, stride, padding, dilation and groups, and {@link Conv2dGradInput}, which is the same sum with the
 * weight turned around. No columns are made of the image: each tile of the output reads the packed planes at one offset a tap.
 */
record ConvKernel(Class<? extends Op> op, Workers workers) implements Kernel {
  static final List<Class<? extends Op>> OPS = List.of(Conv2d.class, Conv2dGradInput.class);

  /** Elements of packed and computed planes that a task holds: they should stay in the second cache. */
  private static final int ELEMENTS = 1 << 18;
  /** Taps that are summed before the next tile: what they read should stay in the first cache. */
  private static final int DEPTH = 320;
  /** Elements that all channels are summed for before the next: what they read of the input should stay in the first cache, too. */
  private static final int BLOCK = 2 * ConvTiles.WIDE;
  /** Multiplications that are worth a task of their own. */
  private static final long GRAIN = 1 << 21;
  /** Where there are fewer planes to share out, the output channels of one are split, which packs its inputs again, and so are rows. */
  private static final int TASKS = 16;

  @Override
  public String name() {
    return "conv-direct";
  }

  @Override
  public Offer accepts(Call call) {
    return Fit.rows(call);
  }

  @Override
  public void launch(Call call) {
    Tensor x = call.input(0);
    Tensor weight = call.input(1);
    Tensor out = call.output(0);
    float[] w = new float[(int) weight.size()];
    Strided.of(weight).read(0, w.length, w);
    if (call.op() instanceof Conv2d conv) {
      float[] bias = new float[(int) weight.dim(0)];
      if (conv.bias()) {
        Strided.of(call.input(2)).read(0, bias.length, bias);
      }
      run(ConvShape.forward(conv, x, weight, out), x, w, bias, out.storage().segment());
    } else {
      Conv2d conv = ((Conv2dGradInput) call.op()).conv();
      run(ConvShape.transposed(conv, x, weight, out), x, turned(w, weight, conv.groups()), new float[(int) out.dim(1)],
          out.storage().segment());
    }
  }

  /** The weight [out, C/groups, ...] as [C, out/groups, ...]. */
  private static float[] turned(float[] w, Tensor weight, int groups) {
    int outputs = (int) weight.dim(0) / groups;
    int inputs = (int) weight.dim(1);
    int window = (int) (weight.dim(2) * weight.dim(3));
    float[] turned = new float[w.length];
    for (int g = 0; g < groups; g++) {
      for (int o = 0; o < outputs; o++) {
        for (int c = 0; c < inputs; c++) {
          System.arraycopy(w, ((g * outputs + o) * inputs + c) * window, turned, ((g * inputs + c) * outputs + o) * window, window);
        }
      }
    }
    return turned;
  }

  private void run(ConvShape shape, Tensor x, float[] w, float[] bias, MemorySegment out) {
    int planes = shape.batch() * shape.groups();
    int split = Math.max(1, Math.min(TASKS / planes, shape.outputs() / (4 * ConvTiles.ROWS)));
    int outputs = ConvTiles.roundUp((shape.outputs() + split - 1) / split, shape.outputs() >= Simd.LANES ? Simd.LANES : 1);
    int blocks = (shape.outputs() + outputs - 1) / outputs;
    ConvPlanes strips = shape.strips(shape.inputs(), outputs, planes * blocks < TASKS ? ELEMENTS / 4 : ELEMENTS);
    int perPlane = (shape.rows().count() + strips.strip() - 1) / strips.strip();
    int pieces = planes * blocks * perPlane;
    int group = Math.clamp(GRAIN / Math.max(1, shape.products() * strips.strip() / blocks), 1, (pieces + TASKS - 1) / TASKS);
    Sums sums = Sums.of(shape, strips, w, bias, outputs);
    Strided input = Strided.of(x);
    workers.run((pieces + group - 1) / group, task -> {
      Strips work = new Strips(shape, strips, sums, outputs);
      for (int piece = task * group; piece < Math.min(pieces, (task + 1) * group); piece++) {
        int plane = piece / (blocks * perPlane);
        work.run(input, plane, piece / perPlane % blocks, piece % perPlane * strips.strip(), out);
      }
    });
  }

  /**
   * The taps of each phase of the output: their offsets in the packed planes, and their weights, in rows or in panels.
   *
   * @param panels none where channels are too few
   */
  private record Sums(
      List<ConvPlanes.Phase> phases, List<int[]> offsets, List<float[]> rows, List<ConvPanels> panels, float[] bias) {
    static Sums of(ConvShape shape, ConvPlanes strips, float[] w, float[] bias, int outputs) {
      List<ConvPlanes.Phase> phases = strips.phases();
      List<int[]> offsets = phases.stream().map(p -> p.offsets(shape.inputs(), strips.input())).toList();
      List<float[]> rows = phases.stream().map(p -> weights(w, p, shape)).toList();
      List<ConvPanels> panels = shape.outputs() < Simd.LANES ? List.of() : IntStream.range(0, phases.size())
          .mapToObj(p -> ConvPanels.of(rows.get(p), shape, outputs, offsets.get(p).length)).toList();
      return new Sums(phases, offsets, rows, panels, Arrays.copyOf(bias, bias.length + ConvPanels.COLUMNS));
    }
  }

  /** The weights of a phase's taps: a row for each output channel, and some to spare. */
  private static float[] weights(float[] w, ConvPlanes.Phase phase, ConvShape shape) {
    int taps = phase.taps();
    int window = shape.rows().window() * shape.columns().window();
    int rows = shape.groups() * shape.outputs();
    float[] weights = new float[(rows + ConvTiles.MANY_ROWS) * shape.inputs() * taps];
    for (int i = 0; i < rows * shape.inputs(); i++) {
      for (int t = 0; t < taps; t++) {
        weights[i * taps + t] = w[i * window + phase.window()[t]];
      }
    }
    return weights;
  }

  /** What a task computes on: strips of planes, one after the other in the same arrays. */
  private static final class Strips {
    private final ConvShape shape;
    private final ConvPlanes planes;
    private final Sums sums;
    private final int outputs;
    private final boolean single;
    private final int length;
    private final float[] x;
    private final float[] c;
    private final float[] inputRows;
    private final float[] outputRows;

    Strips(ConvShape shape, ConvPlanes planes, Sums sums, int outputs) {
      this.shape = shape;
      this.planes = planes;
      this.sums = sums;
      this.outputs = outputs;
      this.single = outputs < ConvTiles.ROWS;
      this.length = ConvTiles.roundUp(planes.output(), single ? ConvTiles.LONG : ConvTiles.WIDE);
      int packed = shape.inputs() * planes.input();
      this.x = Scratch.array(2, packed + planes.slack());
      Arrays.fill(x, packed, packed + planes.slack(), 0);
      this.c = Scratch.array(3, sums.phases().size() * rows() * length + planes.slack());
      this.inputRows = planes.inputRows();
      this.outputRows = planes.outputRows();
    }

    private int rows() {
      return single ? outputs : ConvTiles.roundUp(outputs, ConvTiles.MANY_ROWS);
    }

    /** Computes a block of channels of a plane of one image's group, from row {@code first} on. */
    void run(Strided input, int plane, int block, int first, MemorySegment out) {
      for (int i = 0; i < shape.inputs(); i++) {
        planes.pack(input, (long) plane * shape.inputs() + i, first, inputRows, x, i * planes.input());
      }
      int from = block * outputs;
      int count = Math.min(outputs, shape.outputs() - from);
      int group = plane % shape.groups();
      int rows = rows();
      for (int p = 0; p < sums.phases().size(); p++) {
        sum(p, group * shape.outputs() + from, p * rows * length, count);
      }
      for (int o = 0; o < count; o++) {
        long to = (long) plane * shape.outputs() + from + o;
        if (planes.isStraight()) {
          planes.store(c, o * length, out, to, first);
          continue;
        }
        for (int p = 0; p < sums.phases().size(); p++) {
          planes.unpack(c, (p * rows + o) * length, sums.phases().get(p), outputRows);
        }
        planes.store(outputRows, out, to, first);
      }
    }

    /** Fills in {@code count} channels of C, from {@code at} on, whose weights begin with row {@code row}. */
    private void sum(int phase, int row, int at, int count) {
      int[] offsets = sums.offsets().get(phase);
      if (!sums.panels().isEmpty()) {
        sums.panels().get(phase).sum(row, count, x, offsets, sums.bias(), c, at, length);
        return;
      }
      for (int o = 0; o < count; o++) {
        Arrays.fill(c, at + o * length, at + (o + 1) * length, sums.bias()[row + o]);
      }
      add(sums.rows().get(phase), row, offsets, at, count);
    }

    /** Adds the sums over all taps to what is there. */
    private void add(float[] w, int row, int[] offsets, int at, int count) {
      int depth = offsets.length;
      int chunks = (depth + DEPTH - 1) / DEPTH;
      int chunk = (depth + chunks - 1) / Math.max(1, chunks);
      for (int p = 0; p < depth; p += chunk) {
        int end = Math.min(depth, p + chunk);
        if (single) {
          for (int o = 0; o < count; o++) {
            for (int i = 0; i < length; i += ConvTiles.LONG) {
              ConvTiles.one(w, (row + o) * depth, x, i, offsets, p, end, c, at + o * length + i);
            }
          }
        } else {
          for (int i = 0; i < length; i += BLOCK) {
            block(w, row, depth, offsets, p, end, at, count, i);
          }
        }
      }
    }

    /** One block of all channels, by as high tiles as there are channels for. */
    private void block(float[] w, int row, int depth, int[] offsets, int from, int to, int at, int count, int block) {
      int o = 0;
      for (; ConvTiles.MANY_ROWS == 8 && count - o > ConvTiles.ROWS; o += 8) {
        for (int i = block; i < Math.min(length, block + BLOCK); i += ConvTiles.WIDE) {
          ConvTiles.eight(w, (row + o) * depth, depth, x, i, offsets, from, to, c, at + o * length + i, length);
        }
      }
      for (; o < count; o += ConvTiles.ROWS) {
        for (int i = block; i < Math.min(length, block + BLOCK); i += ConvTiles.WIDE) {
          ConvTiles.four(w, (row + o) * depth, depth, x, i, offsets, from, to, c, at + o * length + i, length);
        }
      }
    }
  }
}
