package dev.tenon.kernels.gpu;

import dev.tenon.engine.DType;
import dev.tenon.engine.Layout;
import dev.tenon.engine.Shape;
import dev.tenon.engine.Tensor;
import dev.tenon.engine.kernel.Call;
import dev.tenon.engine.kernel.Kernel;
import dev.tenon.engine.op.Affinity;
import dev.tenon.engine.op.AffinityGrad;
import java.util.List;

/**
 * Launches the text {@code affinity} between matrix products. Maps of all pairs of pixels are made image by image, for as many reference
 * pixels at a time as their memory allows, and in the order of these, so that sums over them always round alike.
 *
 * @param team how many threads share a sum over a map
 */
public record AffinityKernels(Launcher launcher, Products products, int team) {
  private static final String TEXT = "affinity";
  private static final int TAPS = 9;
  /** Memory for maps, unless those of one reference pixel need more. */
  private static final long MOST_BYTES = 1L << 28;

  public List<Kernel> all() {
    return List.of(
        new OpKernel("gram", Affinity.class, Fit::real, this::forward),
        new OpKernel("gram", AffinityGrad.class, Fit::real, this::backward));
  }

  /** The extents of features and values, and the type that is computed in. */
  private record Size(int images, int tasks, int channels, int values, int height, int width, DType type) {
    static Size of(Tensor f, Tensor v) {
      return new Size((int) f.dim(0), (int) f.dim(1), (int) f.dim(2), (int) v.dim(2), (int) f.dim(3), (int) f.dim(4),
          Fit.compute(f.dtype()));
    }

    int pixels() {
      return height * width;
    }

    long bytes(long elements) {
      return elements * type.byteSize();
    }

    /** Reference pixels at a time. */
    int rows() {
      return Math.clamp(MOST_BYTES / bytes(2L * (tasks + 1) * pixels()), 1, pixels());
    }

    /** All tasks, with steps of one operand and another between them. */
    Walk tasks(int stepA, int stepB) {
      Shape shape = Shape.of(tasks);
      return Walk.of(shape, Layout.of(shape, new long[] {stepA}, 0), Layout.of(shape, new long[] {stepB}, 0));
    }
  }

  /** Reference pixels {@code first} and following of one image, and maps for them: a product a task, and one mixed. */
  private record Block(Size size, int image, int first, int rows, long product, long mixed) {
    /** As the kernels' structure {@code Maps}. */
    int[] pack() {
      return new int[] {size.tasks, size.height, size.width, first, rows};
    }

    /** Where {@code planes} of each image, from {@code start}, are for this one. */
    long at(long start, int planes) {
      return start + size.bytes((long) image * planes * size.pixels());
    }

    long features(long f) {
      return at(f, size.tasks * size.channels);
    }

    long values(long v) {
      return at(v, size.tasks * size.values);
    }

    /** The first reference pixel of a plane. */
    long own(long plane) {
      return plane + size.bytes(first);
    }
  }

  /** What computes one block. */
  private interface Part {
    void run(Block block);
  }

  private void forward(Call call) {
    try (Operands in = launcher.operands(call)) {
      Size size = Size.of(call.input(0), call.input(1));
      long f = in.as(0, size.type);
      long v = in.as(1, size.type);
      long weight = in.as(2, size.type);
      long bias = in.as(3, size.type);
      long y = in.result(0, size.type);
      int planes = size.tasks * size.values;
      long part = in.scratch(size.bytes((long) planes * size.rows()));
      each(in, size, block -> {
        maps(call, block, f, weight, bias);
        Products.Factors diffused =
            new Products.Factors(size.pixels(), size.pixels(), 1, 1, size.pixels(), block.values(v), block.mixed);
        products.multiply(call, size.type, GemmKernels.SINGLE, planes, block.rows, diffused, part);
        columns(call, block, "copyTo", planes, part, block.values(y));
      });
      in.finish(0, y, size.type);
    }
  }

  private void each(Operands in, Size size, Part part) {
    int rows = size.rows();
    long product = in.scratch(size.bytes((long) size.tasks * rows * size.pixels()));
    long mixed = in.scratch(size.bytes((long) rows * size.pixels()));
    for (int image = 0; image < size.images; image++) {
      for (int first = 0; first < size.pixels(); first += rows) {
        part.run(new Block(size, image, first, Math.min(rows, size.pixels() - first), product, mixed));
      }
    }
  }

  /** The scalar products of the features, and these mixed. */
  private void maps(Call call, Block block, long f, long weight, long bias) {
    Size size = block.size;
    int pixels = size.pixels();
    int step = size.channels * pixels;
    long features = block.features(f);
    products.multiply(call, size.type, size.tasks(step, step), block.rows, pixels,
        new Products.Factors(size.channels, 1, pixels, pixels, 1, block.own(features), features), block.product);
    launcher.launch(call, Launcher.Entry.of(TEXT, "mixMaps", size.type), Grid.over((long) block.rows * pixels, 1), block.pack(),
        block.product, weight, bias, block.mixed);
  }

  /** Copies or adds [planes, rows] to the columns of the block's pixels in [planes, pixels]. */
  private void columns(Call call, Block block, String name, int planes, long part, long target) {
    add(call, block.size, name, planes, block.rows, part, block.own(target));
  }

  private void add(Call call, Size size, String name, int planes, int width, long part, long target) {
    Shape shape = Shape.of(planes, width);
    Walk walk = Walk.of(shape, Layout.contiguous(shape), Layout.of(shape, new long[] {size.pixels(), 1}, 0));
    launcher.launch(call, Launcher.Entry.of(TEXT, name, size.type), Grid.over(walk.size(), 1), walk.pack(), part, target);
  }

  private void backward(Call call) {
    try (Operands in = launcher.operands(call)) {
      Size size = Size.of(call.input(1), call.input(2));
      long g = in.as(0, size.type);
      long f = in.as(1, size.type);
      long v = in.as(2, size.type);
      long weight = in.as(3, size.type);
      long bias = in.as(4, size.type);
      long[] grads = new long[4];
      for (int i = 0; i < grads.length; i++) {
        grads[i] = in.result(i, size.type);
        int elements = Math.toIntExact(call.output(i).size());
        launcher.launch(call, Launcher.Entry.of("move", "fill", size.type), Grid.over(elements, 4), grads[i], elements, 0.0);
      }
      long part = in.scratch(size.bytes((long) size.tasks * Math.max(size.channels, size.values) * size.pixels()));
      long gradMixed = in.scratch(size.bytes((long) size.rows() * size.pixels()));
      each(in, size, block -> {
        maps(call, block, f, weight, bias);
        values(call, block, block.values(g), block.values(v), block.values(grads[1]), part, gradMixed);
        kernels(call, block, weight, gradMixed, grads[2], grads[3]);
        features(call, block, block.features(f), block.features(grads[0]), part);
      });
      for (int i = 0; i < grads.length; i++) {
        in.finish(i, grads[i], size.type);
      }
    }
  }

  /** Adds to the gradient of an image's values, and computes that of the mixed maps. */
  private void values(Call call, Block block, long g, long v, long gradV, long part, long gradMixed) {
    Size size = block.size;
    int pixels = size.pixels();
    int planes = size.tasks * size.values;
    products.multiply(call, size.type, GemmKernels.SINGLE, block.rows, pixels,
        new Products.Factors(planes, 1, pixels, pixels, 1, block.own(g), v), gradMixed);
    products.multiply(call, size.type, GemmKernels.SINGLE, planes, pixels,
        new Products.Factors(block.rows, pixels, 1, pixels, 1, block.own(g), block.mixed), part);
    add(call, size, "addTo", planes, pixels, part, gradV);
  }

  /** Adds to the gradients of the kernels and biases; those of the products take the place of these. */
  private void kernels(Call call, Block block, long weight, long gradMixed, long gradWeight, long gradBias) {
    Size size = block.size;
    long sums = (long) block.rows * (size.tasks * TAPS + 1);
    launcher.launch(call, Launcher.Entry.of(TEXT, "gradKernels", size.type), Grid.of(sums, team), block.pack(), block.product, gradMixed,
        gradWeight, gradBias);
    launcher.launch(call, Launcher.Entry.of(TEXT, "gradProducts", size.type),
        Grid.over((long) size.tasks * block.rows * size.pixels(), 1), block.pack(), gradMixed, weight, block.product);
  }

  /** Adds to the gradient of an image's features: for the reference pixels, then for all that they are multiplied with. */
  private void features(Call call, Block block, long f, long gradF, long part) {
    Size size = block.size;
    int pixels = size.pixels();
    int step = size.channels * pixels;
    int planes = size.tasks * size.channels;
    Walk tasks = size.tasks(step, block.rows * pixels);
    products.multiply(call, size.type, tasks, size.channels, block.rows,
        new Products.Factors(pixels, pixels, 1, 1, pixels, f, block.product), part);
    columns(call, block, "addTo", planes, part, gradF);
    products.multiply(call, size.type, tasks, size.channels, pixels,
        new Products.Factors(block.rows, pixels, 1, pixels, 1, block.own(f), block.product), part);
    add(call, size, "addTo", planes, pixels, part, gradF);
  }
}
