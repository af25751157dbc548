package dev.tenon.kernels.conformance;

import dev.tenon.engine.DType;
import dev.tenon.engine.Shape;
import dev.tenon.engine.Tensor;
import dev.tenon.engine.op.AdaptiveBins;
import dev.tenon.engine.op.Affinity;
import dev.tenon.engine.op.AffinityGrad;
import dev.tenon.engine.op.ArgMax;
import dev.tenon.engine.op.ArgSort;
import dev.tenon.engine.op.BatchNorm;
import dev.tenon.engine.op.BatchNormGrad;
import dev.tenon.engine.op.Binary;
import dev.tenon.engine.op.Compare;
import dev.tenon.engine.op.Conv2d;
import dev.tenon.engine.op.Conv2dGradInput;
import dev.tenon.engine.op.Conv2dGradWeight;
import dev.tenon.engine.op.CrossEntropy;
import dev.tenon.engine.op.CrossEntropyGrad;
import dev.tenon.engine.op.CumSum;
import dev.tenon.engine.op.Dropout;
import dev.tenon.engine.op.Extremum;
import dev.tenon.engine.op.Fold;
import dev.tenon.engine.op.Gather;
import dev.tenon.engine.op.IndexAdd;
import dev.tenon.engine.op.IndexSelect;
import dev.tenon.engine.op.Interpolation;
import dev.tenon.engine.op.Interpolation.Method;
import dev.tenon.engine.op.MaxPool2d;
import dev.tenon.engine.op.Op;
import dev.tenon.engine.op.PoolWindow;
import dev.tenon.engine.op.Resample2d;
import dev.tenon.engine.op.Resample2dGrad;
import dev.tenon.engine.op.Sampling;
import dev.tenon.engine.op.Scatter;
import dev.tenon.engine.op.ScatterAdd;
import dev.tenon.engine.op.Sum;
import dev.tenon.engine.op.Unfold;
import dev.tenon.engine.op.Where;
import dev.tenon.engine.op.Window2d;
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
      conv("depthwise 7x7 of wider maps", 1, 3, 1, 5, 5, 7, 2, 5, 30, 37),
      conv("depthwise 7x7 with little padding", 1, 1, 1, 6, 6, 7, 1, 6, 20, 45),
      conv("depthwise 5x5", 1, 2, 1, 9, 9, 5, 2, 9, 19, 33),
      conv("depthwise 3x3 without padding", 1, 0, 1, 7, 7, 3, 3, 7, 9, 18),
      conv("depthwise 3x3 of lines of 16 bytes", 1, 1, 1, 6, 6, 3, 3, 6, 17, 24),
      conv("depthwise 5x5 in bands", 1, 2, 1, 2, 2, 5, 1, 2, 130, 112),
      conv("of two channels to one, in groups", 1, 1, 1, 5, 5, 3, 2, 10, 12, 20),
      conv("of three channels each", 1, 1, 1, 6, 18, 3, 2, 6, 15, 9),
      conv("in 8 groups", 1, 1, 1, 8, 64, 3, 3, 64, 14, 15),
      conv("in 32 groups", 1, 1, 1, 32, 256, 3, 1, 256, 14, 9),
      conv("of 40 channels each, in bands", 1, 1, 1, 2, 48, 3, 2, 80, 40, 24),
      conv("in groups, of stride 2", 2, 1, 1, 4, 36, 3, 3, 64, 13, 16),
      conv("in groups of 8, of lines of 16 bytes", 1, 1, 1, 8, 64, 3, 2, 64, 11, 24),
      conv("in groups of 16, of lines of 16 bytes", 1, 2, 1, 2, 32, 5, 2, 32, 17, 16),
      conv("in groups of 32, of lines of 16 bytes", 1, 1, 1, 2, 64, 3, 1, 64, 10, 56),
      conv("in groups of 8, dilated", 1, 2, 2, 4, 32, 3, 2, 32, 9, 40),
      conv("to twelve channels", 1, 1, 1, 2, 24, 3, 2, 10, 21, 19),
      conv("in strips", 1, 1, 1, 1, 9, 3, 1, 16, 50, 60),
      conv("of stride 2", 2, 1, 1, 1, 21, 3, 2, 18, 23, 30),
      conv("dilated", 1, 2, 2, 1, 36, 3, 1, 40, 17, 13),
      conv("dilated beyond the image", 1, 12, 12, 1, 5, 3, 1, 4, 9, 7),
      conv("pointwise", 1, 0, 1, 1, 70, 1, 2, 130, 9, 11),
      conv("pointwise of stride 2", 2, 0, 1, 1, 20, 1, 2, 33, 9, 8),
      conv("of patches", 16, 0, 1, 1, 50, 16, 2, 3, 48, 32),
      conv("of patches with a rest", 4, 0, 1, 1, 21, 4, 2, 3, 19, 30),
      conv("of overlapping patches", 4, 3, 1, 1, 12, 7, 2, 3, 37, 33),
      conv("that leaves a rest over", 3, 0, 1, 1, 8, 2, 2, 3, 11, 14),
      conv("that doubles an image, backwards", 2, 0, 1, 1, 24, 2, 2, 20, 18, 14)).flatMap(s -> s);

  /** Interpolation or average pooling of x, and the gradient. */
  private static Stream<Network> resample(String name, Sampling rows, Sampling columns, long... x) {
    Resample2d op = new Resample2d(rows, columns);
    long[] y = {x[0], x[1], rows.extent((int) x[2]), columns.extent((int) x[3])};
    return Stream.of(of("resample2d " + name, op, s -> List.of(s.real(x))),
        of("resample2dGrad " + name, new Resample2dGrad(op, (int) x[2], (int) x[3]), s -> List.of(s.real(y))));
  }

  private static final Stream<Network> RESAMPLED = Stream.of(
      resample("to twice the size", Interpolation.by(Method.LINEAR, 2), Interpolation.by(Method.LINEAR, 2), 2, 19, 12, 17),
      resample("of position embeddings", Interpolation.to(Method.CUBIC, 24), Interpolation.to(Method.CUBIC, 17), 1, 96, 14, 14),
      resample("to a smaller size", Interpolation.to(Method.CUBIC_ANTIALIAS, 11), Interpolation.to(Method.LINEAR_ANTIALIAS, 13),
          2, 3, 37, 53),
      resample("to the mean of a map", new AdaptiveBins(1), new AdaptiveBins(1), 3, 130, 7, 7),
      resample("by a token mixer", new PoolWindow(3, 1, 1, false, false), new PoolWindow(3, 1, 1, false, false), 2, 48, 14, 14))
      .flatMap(s -> s);

  private static Stream<Network> affinity(String name, long tasks, long channels, long height, long width) {
    long[] f = {2, tasks, channels, height, width};
    long[] v = {2, tasks, channels + 1, height, width};
    long pixels = height * width;
    return Stream.of(
        of("affinity " + name, new Affinity(),
            s -> List.of(s.real(f), s.real(v), s.real(pixels, tasks, 3, 3), s.real(pixels))),
        of("affinityGrad " + name, new AffinityGrad(),
            s -> List.of(s.real(v), s.real(f), s.real(v), s.real(pixels, tasks, 3, 3), s.real(pixels))));
  }

  private static Tensor index(long extent, long... shape) {
    long[] values = new long[(int) Shape.of(shape).size()];
    for (int i = 0; i < values.length; i++) {
      values[i] = (i * 7919L + 13) % extent;
    }
    return Tensor.of(values, shape);
  }

  private static final Stream<Network> INDEXED = Stream.of(
      of("crossEntropy of classes", new CrossEntropy(0.1, -100, false), s -> List.of(s.real(65, 598), index(598, 65))),
      of("crossEntropyGrad of classes", new CrossEntropyGrad(new CrossEntropy(0.1, -100, false)),
          s -> List.of(s.real(65, 598), index(598, 65), s.real(65))),
      of("crossEntropy of pixels", new CrossEntropy(0, 3, true), s -> List.of(s.real(2, 19, 24, 31), index(19, 2, 24, 31), s.real(19))),
      of("crossEntropyGrad of pixels", new CrossEntropyGrad(new CrossEntropy(0, 3, true)),
          s -> List.of(s.real(2, 19, 24, 31), index(19, 2, 24, 31), s.real(19), s.real(2, 24, 31))),
      of("crossEntropy of pixels, smoothed", new CrossEntropy(0.1, -100, false), s -> List.of(s.real(2, 7, 5, 13), index(7, 2, 5, 13))),
      of("crossEntropyGrad of pixels, smoothed", new CrossEntropyGrad(new CrossEntropy(0.1, 2, false)),
          s -> List.of(s.real(2, 7, 50, 60), index(7, 2, 50, 60), s.real(2, 50, 60))),
      of("gather of a line", new Gather(1), s -> List.of(s.real(37, 130), index(130, 37, 5))),
      of("scatterAdd of pooled maxima", new ScatterAdd(2), s -> List.of(s.real(2, 9, 130), index(130, 2, 9, 33), s.real(2, 9, 33))),
      of("scatter of samples", new Scatter(0), s -> List.of(s.real(130, 37), index(130, 11, 37), s.real(11, 37))),
      of("indexSelect of a bias table", new IndexSelect(0), s -> List.of(s.real(169, 3), index(169, 49, 49))),
      of("indexAdd to a bias table", new IndexAdd(0), s -> List.of(s.real(169, 3), index(169, 49, 49), s.real(49, 49, 3))),
      of("indexAdd to an embedding", new IndexAdd(0), s -> List.of(s.real(40, 300), index(40, 65), s.real(65, 300))),
      of("where of ignored labels", new Where(), s -> List.of(
          new Compare(Compare.Relation.EQ).apply(index(7, 2, 24, 31), Tensor.scalar(DType.I64, 3)), Tensor.scalar(DType.I64, 0),
          index(19, 2, 24, 31))),
      of("compare labels", new Compare(Compare.Relation.EQ), s -> List.of(index(19, 2, 24, 31), Tensor.scalar(DType.I64, 3))),
      of("argMax of classes", new ArgMax(1, false), s -> List.of(s.real(65, 598))),
      of("argSort of classes", new ArgSort(1, true), s -> List.of(s.real(65, 598))),
      of("extremum over maps", new Extremum(true, List.of(1, 3), false), s -> List.of(s.real(5, 7, 31, 13))),
      of("cumSum of columns", new CumSum(0, true), s -> List.of(s.real(130, 37))));

  /** Large enough, and their rows of whole packs, for kernels of dense convolutions and of statistics that need both. */
  private static final Stream<Network> DECODERS = Stream.concat(Stream.of(
      conv("dense 3x3", 1, 1, 1, 1, 136, 3, 2, 72, 9, 72),
      conv("dense 5x5 with little padding", 1, 1, 2, 1, 40, 5, 1, 33, 15, 24),
      conv("pointwise of whole packs", 1, 0, 1, 1, 72, 1, 2, 200, 6, 12)).flatMap(s -> s), Stream.of(
      of("batchNorm of large maps", new BatchNorm(1e-5), s -> List.of(s.real(2, 3, 130, 136), s.real(3), s.real(3))),
      of("batchNormGrad of large maps", new BatchNormGrad(1e-5),
          s -> List.of(s.real(2, 3, 130, 136), s.real(2, 3, 130, 136), s.real(3), s.within(0.5, 2, 3), s.real(3))),
      of("gradient of a bias of channels", new Sum(List.of(0, 2, 3), false), s -> List.of(s.real(2, 3, 130, 136))),
      of("bias of channels", new Binary(Binary.Fn.ADD), s -> List.of(s.real(2, 3, 13, 16), s.real(3, 1, 1)))));

  static final List<Network> ALL = Stream.of(CONVOLUTIONS, RESAMPLED, INDEXED, DECODERS,
      affinity("of two tasks", 2, 12, 10, 13), affinity("of one task and a single row", 1, 5, 1, 37),
      affinity("of three tasks and even rows", 3, 8, 6, 16), Stream.of(
      of("conv2d of a view with channels last", new Conv2d(1, 1, 1, 1, 1, 1, 1, false),
          s -> List.of(s.real(2, 13, 17, 5).permute(0, 3, 1, 2), s.real(3, 3, 7, 5).permute(2, 3, 0, 1))),
      of("pointwise conv2d of a view with channels last", new Conv2d(1, 1, 0, 0, 1, 1, 1, true),
          s -> List.of(s.real(2, 13, 17, 35).permute(0, 3, 1, 2), s.real(35, 37).permute(1, 0).reshape(37, 35, 1, 1), s.real(37))),
      of("maxPool2d", new MaxPool2d(new PoolWindow(3, 2, 1, false, true), new PoolWindow(3, 2, 1, false, true)),
          s -> List.of(s.real(2, 33, 28, 23))),
      of("maxPool2d that hangs over the end", new MaxPool2d(new PoolWindow(3, 2, 0, true, true), new PoolWindow(2, 2, 1, true, true)),
          s -> List.of(s.real(1, 5, 10, 37))),
      of("batchNorm of maps", new BatchNorm(1e-5), s -> List.of(s.real(3, 33, 28, 23), s.real(33), s.real(33))),
      of("batchNormGrad of maps", new BatchNormGrad(1e-5),
          s -> List.of(s.real(3, 33, 28, 23), s.real(3, 33, 28, 23), s.real(33), s.within(0.5, 2, 33), s.real(33))),
      of("unfold", new Unfold(new Window2d(3, 3, 1, 1, 1, 1, 1, 1)), s -> List.of(s.real(2, 5, 14, 13))),
      of("fold", new Fold(new Window2d(2, 2, 2, 2, 0, 0, 1, 1), 14, 12), s -> List.of(s.real(2, 20, 42))),
      of("dropout of tokens", new Dropout(0.1, 7, 3), s -> List.of(s.real(8, 37, 192))))).flatMap(s -> s).toList();
}
