package dev.tenon.kernels.cpu;

import dev.tenon.engine.Tensor;
import dev.tenon.engine.kernel.Call;
import dev.tenon.engine.kernel.Kernel;
import dev.tenon.engine.op.Conv2dGradWeight;
import dev.tenon.engine.op.Op;
import java.util.Arrays;

/**
 * Runs {@link Conv2dGradWeight} as products of output planes with shifted input planes. A task keeps the sums of some output and input
 * channels of one group, a vector of lanes each, over a part of the batch.
 */
record ConvGradWeightKernel(Workers workers) implements Kernel {
  /** Elements of packed planes that a task holds. */
  private static final int ELEMENTS = 1 << 16;
  /** Elements of the sums a task keeps: with the planes they should stay in the second cache. */
  private static final int SUMS = 5 << 15;
  /** Output channels that a task works on, at most. */
  private static final int OUTPUTS = 32;
  /** Multiplications that are worth a task of their own. */
  private static final long GRAIN = 1 << 21;
  /** Where the channels make fewer tasks, the batch is split. */
  private static final int TASKS = 16;

  @Override
  public String name() {
    return "conv-grad-weight";
  }

  @Override
  public Class<? extends Op> op() {
    return Conv2dGradWeight.class;
  }

  @Override
  public Offer accepts(Call call) {
    return Fit.rows(call);
  }

  @Override
  public void launch(Call call) {
    Tensor weight = call.output(0);
    ConvShape shape = ConvShape.forward(((Conv2dGradWeight) call.op()).conv(), call.input(1), weight, call.input(0));
    Blocks blocks = Blocks.of(shape);
    int parts = Math.min(shape.batch(), (TASKS + blocks.count() - 1) / blocks.count());
    int images = (shape.batch() + parts - 1) / parts;
    long products = shape.products() * shape.rows().count() * images * shape.groups() / blocks.count();
    int group = Math.clamp(GRAIN / Math.max(1, products), 1, Math.max(1, blocks.count() / TASKS));
    int groups = (blocks.count() + group - 1) / group;
    Partials partials = Partials.of(parts, (int) weight.size());
    Strided g = Strided.of(call.input(0));
    Strided x = Strided.of(call.input(1));
    workers.run(parts * groups, task -> {
      int part = task / groups;
      Sums sums = new Sums(shape, blocks);
      for (int b = task % groups * group; b < Math.min(blocks.count(), (task % groups + 1) * group); b++) {
        sums.clear();
        for (int image = part * images; image < Math.min(shape.batch(), (part + 1) * images); image++) {
          sums.add(g, x, image, b);
        }
        sums.store(b, partials, part);
      }
    });
    Strided.of(weight).write(0, (int) weight.size(), partials.total());
  }

  /** How the sums are shared out: in each group, {@code outputs} times {@code inputs} channels at a time. */
  private record Blocks(int groups, int outputs, int inputs, int ofOutputs, int ofInputs) {
    static Blocks of(ConvShape shape) {
      int window = shape.rows().window() * shape.columns().window();
      int outputs = Math.min(shape.outputs(), OUTPUTS);
      while (outputs > ConvTiles.ROWS && outputs * window * Simd.LANES > SUMS) {
        outputs = (outputs + 1) / 2;
      }
      int inputs = Math.clamp(SUMS / ((long) outputs * window * Simd.LANES), 1, shape.inputs());
      return new Blocks(shape.groups(), outputs, inputs, (shape.outputs() + outputs - 1) / outputs, (shape.inputs() + inputs - 1) / inputs);
    }

    int count() {
      return groups * ofOutputs * ofInputs;
    }

    int group(int block) {
      return block / (ofOutputs * ofInputs);
    }

    int firstOutput(int block) {
      return block / ofInputs % ofOutputs * outputs;
    }

    int firstInput(int block) {
      return block % ofInputs * inputs;
    }
  }

  /** What a task computes on. */
  private static final class Sums {
    private final ConvShape shape;
    private final Blocks blocks;
    private final ConvPlanes planes;
    private final boolean single;
    private final int window;
    private final int taps;
    private final int[] offsets;
    private final int length;
    private final float[] x;
    private final float[] g;
    private final int size;
    private final float[] sums;
    private final float[] inputRows;
    private final float[] outputRows;

    Sums(ConvShape shape, Blocks blocks) {
      this.shape = shape;
      this.blocks = blocks;
      this.planes = shape.strips(blocks.inputs, blocks.outputs, ELEMENTS);
      this.single = blocks.outputs < ConvTiles.ROWS;
      this.window = shape.rows().window() * shape.columns().window();
      this.taps = ConvTiles.roundUp(blocks.inputs * window, single ? ConvTiles.TAPS : ConvTiles.SUM_TAPS);
      // Taps that only fill up the last tile read what the first one reads.
      this.offsets = Arrays.copyOf(planes.phases().getFirst().offsets(blocks.inputs, planes.input()), taps);
      this.length = ConvTiles.roundUp(planes.output(), Simd.LANES);
      int outputs = ConvTiles.roundUp(blocks.outputs, single ? 1 : ConvTiles.ROWS);
      int packed = blocks.inputs * planes.input();
      this.x = Scratch.array(2, packed + planes.slack());
      Arrays.fill(x, 0, packed + planes.slack(), 0);
      this.g = Scratch.array(3, outputs * length);
      this.size = outputs * taps * Simd.LANES;
      this.sums = Scratch.array(4, size);
      this.inputRows = planes.inputRows();
      this.outputRows = planes.outputRows();
    }

    void clear() {
      Arrays.fill(sums, 0, size, 0);
    }

    /** Adds the products of one image. */
    void add(Strided gradOutput, Strided input, int image, int block) {
      long plane = (long) image * shape.groups() + blocks.group(block);
      int inputs = Math.min(blocks.inputs, shape.inputs() - blocks.firstInput(block));
      int outputs = Math.min(blocks.outputs, shape.outputs() - blocks.firstOutput(block));
      for (int first = 0; first < shape.rows().count(); first += planes.strip()) {
        for (int i = 0; i < inputs; i++) {
          planes.pack(input, plane * shape.inputs() + blocks.firstInput(block) + i, first, inputRows, x, i * planes.input());
        }
        for (int o = 0; o < outputs; o++) {
          planes.packOutput(
              gradOutput, plane * shape.outputs() + blocks.firstOutput(block) + o, first, outputRows, g, o * length, length);
        }
        products(outputs);
      }
    }

    private void products(int outputs) {
      int width = taps * Simd.LANES;
      if (single) {
        for (int o = 0; o < outputs; o++) {
          for (int t = 0; t < taps; t += ConvTiles.TAPS) {
            ConvTiles.oneSum(g, o * length, x, offsets, t, length, sums, o * width + t * Simd.LANES);
          }
        }
        return;
      }
      for (int o = 0; o < outputs; o += ConvTiles.ROWS) {
        for (int t = 0; t < taps; t += ConvTiles.SUM_TAPS) {
          ConvTiles.fourSums(g, o * length, length, x, offsets, t, length, sums, o * width + t * Simd.LANES, width);
        }
      }
    }

    /** Adds up the lanes and hands on each output channel's sums. */
    void store(int block, Partials partials, int part) {
      ConvTiles.addLanes(sums, size);
      int first = blocks.firstInput(block);
      float[] row = new float[Math.min(blocks.inputs, shape.inputs() - first) * window];
      for (int o = 0; o < Math.min(blocks.outputs, shape.outputs() - blocks.firstOutput(block)); o++) {
        for (int t = 0; t < row.length; t++) {
          row[t] = sums[(o * taps + t) * Simd.LANES];
        }
        int output = blocks.group(block) * shape.outputs() + blocks.firstOutput(block) + o;
        partials.set(part, (output * shape.inputs() + first) * window, row, row.length);
      }
    }
  }
}
