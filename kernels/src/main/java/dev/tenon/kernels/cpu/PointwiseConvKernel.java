package dev.tenon.kernels.cpu;

import dev.tenon.engine.Layout;
import dev.tenon.engine.Shape;
import dev.tenon.engine.Tensor;
import dev.tenon.engine.kernel.Call;
import dev.tenon.engine.kernel.Kernel;
import dev.tenon.engine.op.Conv2d;
import dev.tenon.engine.op.Conv2dGradInput;
import dev.tenon.engine.op.Conv2dGradWeight;
import dev.tenon.engine.op.Op;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/** Runs convolutions by 1×1 without stride, padding and groups, and their gradients, as matrix products. */
record PointwiseConvKernel(Class<? extends Op> op, Gemm gemm) implements Kernel {
  /** The ops it runs. */
  static final List<Class<? extends Op>> OPS = List.of(Conv2d.class, Conv2dGradInput.class, Conv2dGradWeight.class);
  /** Outside the heap, like all other operands: code that meets both kinds of memory is a third slower. */
  private static final MemorySegment ONE = Arena.global().allocateFrom(Simd.FLOAT, 1);

  @Override
  public String name() {
    return "conv-pointwise";
  }

  @Override
  public Offer accepts(Call call) {
    boolean pointwise = switch (call.op()) {
      case Conv2d conv -> isPointwise(conv, call.input(1).dim(2), call.input(1).dim(3));
      case Conv2dGradInput grad -> isPointwise(grad.conv(), call.input(1).dim(2), call.input(1).dim(3));
      case Conv2dGradWeight grad -> isPointwise(grad.conv(), grad.kernelH(), grad.kernelW());
      default -> false;
    };
    if (!pointwise) {
      return Offer.refuse("takes windows of 1x1 without stride, padding and groups");
    }
    for (Tensor t : call.inputs()) {
      if (t.rank() == 4 && !rowsFollow(t)) {
        return Offer.refuse("takes images whose rows follow each other");
      }
    }
    return Fit.rows(call) instanceof Offer.Refuse refusal ? refusal : Fit.packed(call);
  }

  static boolean rowsFollow(Tensor images) {
    return images.dim(2) <= 1 || images.layout().stride(2) == images.dim(3) * images.layout().stride(3);
  }

  private static boolean isPointwise(Conv2d conv, long kernelH, long kernelW) {
    return kernelH == 1 && kernelW == 1 && conv.strideH() == 1 && conv.strideW() == 1 && conv.padH() == 0 && conv.padW() == 0
        && conv.groups() == 1;
  }

  @Override
  public void launch(Call call) {
    Tensor out = call.output(0);
    MemorySegment to = out.storage().segment();
    if (call.op() instanceof Conv2dGradWeight) {
      List<Gemm.Term> terms = new ArrayList<>();
      for (int b = 0; b < call.input(0).dim(0); b++) {
        terms.add(new Gemm.Term(channels(call.input(0), b), channels(call.input(1), b)));
      }
      gemm.run((int) out.dim(0), (int) out.dim(1), terms, to, 0);
      return;
    }
    Tensor weight = call.input(1);
    Lanes rows = call.op() instanceof Conv2d ? lanes(weight, 0, 1) : lanes(weight, 1, 0);
    int n = (int) (out.dim(2) * out.dim(3));
    gemm.each((int) out.dim(0), b -> {
      List<Gemm.Term> terms = new ArrayList<>(List.of(new Gemm.Term(rows, pixels(call.input(0), b))));
      if (call.op() instanceof Conv2d conv && conv.bias()) {
        terms.add(toEach(call.input(2), n));
      }
      gemm.run(rows.perMatrix(), n, terms, to, (long) b * rows.perMatrix() * n);
    });
  }

  /** A product that adds a channel's bias to each of {@code n} pixels. */
  static Gemm.Term toEach(Tensor bias, int n) {
    Lanes column = new Lanes(bias.storage().segment(), Lanes.indices(bias.layout()), (int) bias.dim(0), 1, 1);
    return new Gemm.Term(column, new Lanes(ONE, new long[n], n, 1, 1));
  }

  /** Lanes across dimension {@code across} along dimension {@code along} of a weight. */
  private static Lanes lanes(Tensor weight, int across, int along) {
    Layout layout = weight.layout();
    long[] starts = Lanes.spaced(layout.offset(), (int) weight.dim(across), layout.stride(across));
    return new Lanes(weight.storage().segment(), starts, starts.length, layout.stride(along), (int) weight.dim(along));
  }

  /** A lane of pixels for each channel of an image. */
  static Lanes channels(Tensor x, int image) {
    Layout layout = x.layout();
    long offset = layout.offset() + image * layout.stride(0);
    long[] starts = Lanes.spaced(offset, (int) x.dim(1), layout.stride(1));
    return new Lanes(x.storage().segment(), starts, starts.length, layout.stride(3), (int) (x.dim(2) * x.dim(3)));
  }

  /** A lane of channels for each pixel of an image. */
  static Lanes pixels(Tensor x, int image) {
    Layout layout = x.layout();
    long offset = layout.offset() + image * layout.stride(0);
    long[] starts = Lanes.indices(Layout.of(
        Shape.of(x.dim(2), x.dim(3)), new long[] {layout.stride(2), layout.stride(3)}, offset));
    return new Lanes(x.storage().segment(), starts, starts.length, layout.stride(1), (int) x.dim(1));
  }
}
