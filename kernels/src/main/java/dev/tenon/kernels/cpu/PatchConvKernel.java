package dev.tenon.kernels.cpu;

import dev.tenon.engine.Tensor;
import dev.tenon.engine.kernel.Call;
import dev.tenon.engine.kernel.Kernel;
import dev.tenon.engine.op.Conv2d;
import dev.tenon.engine.op.Conv2dGradInput;
import dev.tenon.engine.op.Conv2dGradWeight;
import dev.tenon.engine.op.Op;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/**
 * Runs convolutions whose windows lie side by side, as those that cut an image into patches, and their gradients: matrix products with
 * an array of a row for each window.
 */
record PatchConvKernel(Class<? extends Op> op, Gemm gemm) implements Kernel {
  /** The ops it runs. */
  static final List<Class<? extends Op>> OPS = List.of(Conv2d.class, Conv2dGradInput.class, Conv2dGradWeight.class);

  /** Less than those of {@link ConvKernel}: where it can, it is faster. */
  private static final double COST = 0.5;

  @Override
  public String name() {
    return "conv-patches";
  }

  @Override
  public Offer accepts(Call call) {
    Tensor second = call.input(1);
    boolean patches = switch (call.op()) {
      case Conv2d conv -> cuts(conv, second.dim(2), second.dim(3));
      case Conv2dGradInput grad -> cuts(grad.conv(), second.dim(2), second.dim(3));
      case Conv2dGradWeight grad -> cuts(grad.conv(), grad.kernelH(), grad.kernelW());
      default -> false;
    };
    if (!patches) {
      return Offer.refuse("takes windows without groups and padding that are as large as the stride, and larger than 1x1");
    }
    if (!(call.op() instanceof Conv2dGradWeight) && !second.layout().isContiguous()) {
      return Offer.refuse("takes weights without gaps");
    }
    if (!(call.op() instanceof Conv2d) && !PointwiseConvKernel.rowsFollow(call.input(0))) {
      return Offer.refuse("takes images whose rows follow each other");
    }
    for (Offer offer : List.of(Fit.rows(call), Fit.packed(call))) {
      if (offer instanceof Offer.Refuse) {
        return offer;
      }
    }
    return Offer.accept(COST);
  }

  private static boolean cuts(Conv2d conv, long kernelH, long kernelW) {
    return conv.groups() == 1 && conv.padH() == 0 && conv.padW() == 0 && conv.dilationH() == 1 && conv.dilationW() == 1
        && conv.strideH() == kernelH && conv.strideW() == kernelW && kernelH * kernelW > 1;
  }

  @Override
  public void launch(Call call) {
    switch (call.op()) {
      case Conv2d conv -> forward(call, conv);
      case Conv2dGradInput _ -> gradInput(call);
      default -> gradWeight(call);
    }
  }

  private void forward(Call call, Conv2d conv) {
    Tensor weight = call.input(1);
    Tensor y = call.output(0);
    int outputs = (int) y.dim(1);
    Patches patches = Patches.of(call.input(0), y, conv.strideH(), conv.strideW());
    Strided x = Strided.of(call.input(0));
    Lanes filters = lanes(weight, outputs, patches.depth(), patches.depth(), 1);
    gemm.each((int) y.dim(0), image -> {
      MemorySegment rows = Scratch.memory(2, patches.size());
      patches.read(x, image, rows, 0);
      List<Gemm.Term> terms = new ArrayList<>(List.of(new Gemm.Term(filters,
          new Lanes(rows, Lanes.spaced(0, patches.count(), patches.depth()), patches.count(), 1, patches.depth()))));
      if (conv.bias()) {
        terms.add(PointwiseConvKernel.toEach(call.input(2), patches.count()));
      }
      gemm.run(outputs, patches.count(), terms, y.storage().segment(), (long) image * outputs * patches.count());
    });
  }

  private void gradInput(Call call) {
    Tensor g = call.input(0);
    Tensor weight = call.input(1);
    Tensor x = call.output(0);
    Patches patches = Patches.of(x, g, (int) weight.dim(2), (int) weight.dim(3));
    Lanes taps = lanes(weight, patches.depth(), 1, (int) weight.dim(0), patches.depth());
    gemm.each((int) x.dim(0), image -> {
      MemorySegment rows = Scratch.memory(2, patches.size());
      gemm.run(patches.count(), patches.depth(), List.of(new Gemm.Term(PointwiseConvKernel.pixels(g, image), taps)), rows, 0);
      patches.write(rows, x.storage().segment(), image);
    });
  }

  private void gradWeight(Call call) {
    Tensor g = call.input(0);
    Tensor out = call.output(0);
    Conv2dGradWeight op = (Conv2dGradWeight) call.op();
    Patches patches = Patches.of(call.input(1), g, op.kernelH(), op.kernelW());
    Strided x = Strided.of(call.input(1));
    MemorySegment rows = Scratch.memory(2, Math.toIntExact(g.dim(0) * patches.size()));
    gemm.each((int) g.dim(0), image -> patches.read(x, image, rows, (long) image * patches.size()));
    List<Gemm.Term> terms = new ArrayList<>();
    for (int image = 0; image < g.dim(0); image++) {
      Lanes taps = new Lanes(rows, Lanes.spaced((long) image * patches.size(), patches.depth(), 1),
          patches.depth(), patches.depth(), patches.count());
      terms.add(new Gemm.Term(PointwiseConvKernel.channels(g, image), taps));
    }
    gemm.run((int) out.dim(0), patches.depth(), terms, out.storage().segment(), 0);
  }

  /** {@code count} lanes of a weight without gaps. */
  private static Lanes lanes(Tensor weight, int count, int apart, int length, int step) {
    return new Lanes(weight.storage().segment(), Lanes.spaced(weight.layout().offset(), count, apart), count, step, length);
  }

  /** The patches of an image [channels, height, width], each a row of all that its window sees. */
  private record Patches(int channels, int height, int width, int rows, int columns, int tall, int wide) {
    static Patches of(Tensor x, Tensor y, int tall, int wide) {
      return new Patches((int) x.dim(1), (int) x.dim(2), (int) x.dim(3), (int) y.dim(2), (int) y.dim(3), tall, wide);
    }

    int count() {
      return rows * columns;
    }

    int depth() {
      return channels * tall * wide;
    }

    int size() {
      return count() * depth();
    }

    /** Where in its patch the row {@code y} of a channel is, of the first patch in its row. */
    private int at(int channel, int y) {
      return y / tall * columns * depth() + (channel * tall + y % tall) * wide;
    }

    void read(Strided x, int image, MemorySegment to, long at) {
      float[] row = Scratch.array(3, width);
      for (int c = 0; c < channels; c++) {
        for (int y = 0; y < rows * tall; y++) {
          x.read((((long) image * channels + c) * height + y) * width, columns * wide, row);
          for (int i = 0; i < columns; i++) {
            MemorySegment.copy(row, i * wide, to, Simd.FLOAT, (at + at(c, y) + (long) i * depth()) * 4, wide);
          }
        }
      }
    }

    /** Writes them side by side, and zeros where there are none. */
    void write(MemorySegment from, MemorySegment x, int image) {
      float[] plane = new float[height * width];
      for (int c = 0; c < channels; c++) {
        for (int y = 0; y < rows * tall; y++) {
          for (int i = 0; i < columns; i++) {
            MemorySegment.copy(from, Simd.FLOAT, (at(c, y) + (long) i * depth()) * 4, plane, y * width + i * wide, wide);
          }
        }
        MemorySegment.copy(plane, 0, x, Simd.FLOAT, ((long) image * channels + c) * height * width * 4, plane.length);
      }
    }
  }
}
