package dev.tenon.kernels.conformance;

import dev.tenon.engine.Tensor;
import dev.tenon.engine.op.Conv2d;
import dev.tenon.engine.op.Conv2dGradInput;
import dev.tenon.engine.op.Conv2dGradWeight;
import dev.tenon.engine.op.Op;
import dev.tenon.kernels.conformance.NetworkCalls.Network;
import dev.tenon.kernels.conformance.NetworkCalls.Source;
import java.util.List;
import java.util.function.Function;
import java.util.stream.Stream;

/** Calls of ops over images as convolutional networks and decoders make them. */
final class ImageCalls {
  private ImageCalls() {}

  private static Network of(String name, Op op, Function<Source, List<Tensor>> operands) {
    return new Network(name, op, operands);
  }

  /** A convolution of x [B, C, H, W] with [out, C/groups, k, k], and its two gradients. */
  private static Stream<Network> conv(String name, int stride, int pad, int dilation, int groups, int out, int kernel, long... x) {
    Conv2d op = new Conv2d(stride, stride, pad, pad, dilation, dilation, groups, false);
    Conv2d biased = new Conv2d(stride, stride, pad, pad, dilation, dilation, groups, true);
    long[] weight = {out, x[1] / groups, kernel, kernel};
    var window = op.window(kernel, kernel);
    long[] y = {x[0], out, window.rows(x[2]), window.columns(x[3])};
    return Stream.of(
        of("conv2d " + name, biased, s -> List.of(s.real(x), s.real(weight), s.real(out))),
        of("conv2dGradInput " + name, new Conv2dGradInput(op, (int) x[2], (int) x[3]), s -> List.of(s.real(y), s.real(weight))),
        of("conv2dGradWeight " + name, new Conv2dGradWeight(op, kernel, kernel), s -> List.of(s.real(y), s.real(x))));
  }

  private static final Stream<Network> CONVOLUTIONS = Stream.of(
      conv("depthwise 3x3", 1, 1, 1, 37, 37, 3, 2, 37, 29, 31),
      conv("depthwise 5x5 of stride 2", 2, 2, 1, 19, 19, 5, 2, 19, 28, 23),
      conv("depthwise 7x7", 1, 3, 1, 23, 23, 7, 2, 23, 14, 14),
      conv("of three channels each", 1, 1, 1, 6, 18, 3, 2, 6, 15, 9),
      conv("in 8 groups", 1, 1, 1, 8, 64, 3, 3, 64, 14, 15),
      conv("in 32 groups", 1, 1, 1, 32, 256, 3, 1, 256, 14, 9),
      conv("in strips", 1, 1, 1, 1, 9, 3, 1, 16, 50, 60),
      conv("of stride 2", 2, 1, 1, 1, 21, 3, 2, 18, 23, 30),
      conv("dilated", 1, 2, 2, 1, 36, 3, 1, 40, 17, 13),
      conv("dilated beyond the image", 1, 12, 12, 1, 5, 3, 1, 4, 9, 7),
      conv("pointwise", 1, 0, 1, 1, 70, 1, 2, 130, 9, 11),
      conv("pointwise of stride 2", 2, 0, 1, 1, 20, 1, 2, 33, 9, 8),
      conv("of patches", 16, 0, 1, 1, 50, 16, 2, 3, 48, 32),
      conv("of overlapping patches", 4, 3, 1, 1, 12, 7, 2, 3, 37, 33),
      conv("that leaves a rest over", 3, 0, 1, 1, 8, 2, 2, 3, 11, 14),
      conv("that doubles an image, backwards", 2, 0, 1, 1, 24, 2, 2, 20, 18, 14)).flatMap(s -> s);

  static final List<Network> ALL = Stream.concat(CONVOLUTIONS, Stream.of(
      of("conv2d of a view with channels last", new Conv2d(1, 1, 1, 1, 1, 1, 1, false),
          s -> List.of(s.real(2, 13, 17, 5).permute(0, 3, 1, 2), s.real(3, 3, 7, 5).permute(2, 3, 0, 1))))).toList();
}
