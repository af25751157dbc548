package dev.tenon.kernels.cpu;

import dev.tenon.engine.Tensor;
import dev.tenon.engine.kernel.Call;
import dev.tenon.engine.kernel.Kernel;
import dev.tenon.engine.op.Affinity;
import dev.tenon.engine.op.AffinityGrad;
import dev.tenon.engine.op.Op;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;

/** Runs {@link Affinity} and {@link AffinityGrad} a few reference pixels at a time: no map of all pairs of pixels is ever stored. */
record AffinityKernel(Class<? extends Op> op, Workers workers) implements Kernel {
  /** The ops it runs. */
  static final List<Class<? extends Op>> OPS = List.of(Affinity.class, AffinityGrad.class);

  /** Parts that the gradients of features and values are summed in, each with planes of its own. */
  private static final int PARTS = 4;
  /** Elements of an array, which the planes of one image must fit into. */
  private static final long ARRAY = 1L << 30;

  @Override
  public String name() {
    return "affinity";
  }

  @Override
  public Offer accepts(Call call) {
    Tensor f = call.input(call.op() instanceof Affinity ? 0 : 1);
    Tensor v = call.input(call.op() instanceof Affinity ? 1 : 2);
    long planes = f.dim(1) * Math.max(f.dim(2), v.dim(2));
    if (planes * (f.dim(3) + 4) * (f.dim(4) + 2 + ConvTiles.LONG) > ARRAY) {
      return Offer.refuse("packs the planes of one image into an array, and they are " + f.shape());
    }
    return Fit.rows(call);
  }

  @Override
  public void launch(Call call) {
    if (call.op() instanceof Affinity) {
      Image image = Image.of(call.inputs());
      for (int b = 0; b < call.input(0).dim(0); b++) {
        forward(image.packed(workers, call.input(0), call.input(1), b), call.output(0), b);
      }
      return;
    }
    Image image = Image.of(call.inputs().subList(1, 5));
    Gradients gradients = new Gradients(image);
    for (int b = 0; b < call.input(0).dim(0); b++) {
      Image packed = image.packed(workers, call.input(1), call.input(2), b);
      float[] g = image.planes.pack(workers, call.input(0), (long) b * image.values(), image.values());
      gradients.clear();
      workers.run(PARTS, part -> gradients.add(packed, g, part));
      image.planes.store(workers, gradients.features, image.features(), call.output(0), (long) b * image.features());
      image.planes.store(workers, gradients.values, image.values(), call.output(1), (long) b * image.values());
    }
    Strided.of(call.output(2)).write(0, gradients.weight.length, gradients.weight);
    Strided.of(call.output(3)).write(0, gradients.bias.length, gradients.bias);
  }

  /** The operands for one image: features f and values v packed, {@code channels} and {@code depth} planes a task. */
  private record Image(
      AffinityPlanes planes, int tasks, int channels, int depth, float[] weight, float[] bias, float[] f, float[] v) {
    static Image of(List<Tensor> operands) {
      Tensor f = operands.get(0);
      return new Image(new AffinityPlanes((int) f.dim(3), (int) f.dim(4)), (int) f.dim(1), (int) f.dim(2), (int) operands.get(1).dim(2),
          array(operands.get(2)), array(operands.get(3)), null, null);
    }

    private static float[] array(Tensor tensor) {
      float[] values = new float[(int) tensor.size()];
      Strided.of(tensor).read(0, values.length, values);
      return values;
    }

    Image packed(Workers workers, Tensor f, Tensor v, int b) {
      return new Image(planes, tasks, channels, depth, weight, bias,
          planes.pack(workers, f, (long) b * features(), features()), planes.pack(workers, v, (long) b * values(), values()));
    }

    int features() {
      return tasks * channels;
    }

    int values() {
      return tasks * depth;
    }

    int blocks() {
      return (planes.pixels() + AffinityBlock.ROWS - 1) / AffinityBlock.ROWS;
    }

    /** Each task's features of the block's pixels, a row a pixel. */
    float[][] featuresAt(int q) {
      return IntStream.range(0, tasks).mapToObj(t -> AffinityBlock.columns(planes, f, t * channels, channels, q)).toArray(float[][]::new);
    }
  }

  private void forward(Image image, Tensor out, int b) {
    AffinityPlanes planes = image.planes;
    int[] f = planes.starts(image.features());
    int[] v = planes.starts(image.values());
    Strided y = Strided.of(out);
    int tasks = Math.min(image.blocks(), 32);
    workers.run(tasks, task -> {
      AffinityBlock block = new AffinityBlock(planes, image.tasks, image.weight);
      float[] column = new float[AffinityBlock.ROWS];
      for (int i = task; i < image.blocks(); i += tasks) {
        int q = i * AffinityBlock.ROWS;
        int count = Math.min(AffinityBlock.ROWS, planes.pixels() - q);
        block.compute(q, image.featuresAt(q), image.f, f, image.channels, image.bias);
        float[] diffused = block.dots(block.mixed, 0, image.v, v, image.values());
        for (int c = 0; c < image.values(); c++) {
          System.arraycopy(diffused, c * AffinityBlock.ROWS, column, 0, count);
          y.write(((long) b * image.values() + c) * planes.pixels() + q, count, column);
        }
      }
    });
  }

  /** The gradients of one image's features and values, each part's by itself, and of all images' kernels. */
  private static final class Gradients {
    private final float[][] features;
    private final float[][] values;
    private final float[] weight;
    private final float[] bias;
    private final int[] mirrored;
    private final int[] kernel;
    private final int[] f;
    private final int[] v;
    private final int[] rows;

    Gradients(Image image) {
      AffinityPlanes planes = image.planes;
      this.features = new float[PARTS][(image.features() + ConvTiles.ROWS) * planes.size()];
      this.values = new float[PARTS][(image.values() + ConvTiles.ROWS) * planes.size()];
      this.weight = new float[image.weight.length];
      this.bias = new float[image.bias.length];
      this.mirrored = planes.kernel(-1);
      this.kernel = planes.kernel(1);
      this.f = planes.starts(image.features());
      this.v = planes.starts(image.values());
      this.rows = planes.starts(AffinityBlock.ROWS);
    }

    void clear() {
      for (int part = 0; part < PARTS; part++) {
        Arrays.fill(features[part], 0);
        Arrays.fill(values[part], 0);
      }
    }

    /** Adds what every {@link #PARTS}-th block contributes. */
    void add(Image image, float[] g, int part) {
      AffinityPlanes planes = image.planes;
      AffinityBlock block = new AffinityBlock(planes, image.tasks, image.weight);
      float[] gradMixed = new float[AffinityBlock.ROWS * planes.size()];
      float[] gradProducts = new float[AffinityBlock.ROWS * planes.size()];
      for (int i = part; i < image.blocks(); i += PARTS) {
        int q = i * AffinityBlock.ROWS;
        float[][] at = image.featuresAt(q);
        block.compute(q, at, image.f, f, image.channels, image.bias);
        float[] gradAt = AffinityBlock.columns(planes, g, 0, image.values(), q);
        block.addPlanes(AffinityBlock.turned(gradAt, image.values()), image.values(), block.mixed, rows, AffinityBlock.ROWS,
            values[part], 0);
        Arrays.fill(gradMixed, 0);
        block.addPlanes(gradAt, AffinityBlock.ROWS, image.v, v, image.values(), gradMixed, 0);
        for (int t = 0; t < image.tasks; t++) {
          Arrays.fill(gradProducts, 0);
          for (int r = 0; r < Math.min(AffinityBlock.ROWS, planes.pixels() - q); r++) {
            kernel(image, block, gradMixed, gradProducts, q + r, r, t);
          }
          features(image, block, gradProducts, at[t], q, t, part);
        }
      }
    }

    /** Adds to the gradients of the kernel and the bias of pixel {@code q}; fills in that of its products for a task. */
    private void kernel(Image image, AffinityBlock block, float[] gradMixed, float[] gradProducts, int q, int r, int t) {
      AffinityPlanes planes = image.planes;
      int row = r * planes.size();
      int at = (q * image.tasks + t) * 9;
      float[] sums = new float[9 * Simd.LANES];
      int[] offsets = new int[9];
      Arrays.setAll(offsets, k -> (t * AffinityBlock.ROWS + r) * planes.size() + kernel[k]);
      ConvTiles.oneSum(gradMixed, row + planes.lead(), block.products, offsets, 0, planes.length(), sums, 0);
      ConvTiles.addLanes(sums, sums.length);
      for (int k = 0; k < 9; k++) {
        weight[at + k] += sums[k * Simd.LANES];
      }
      if (t == 0) {
        bias[q] += VectorMath.sum(gradMixed, row + planes.lead(), planes.length());
      }
      for (int i = 0; i < planes.length(); i += ConvTiles.LONG) {
        ConvTiles.one(image.weight, at, gradMixed, row + i, mirrored, 0, 9, gradProducts, row + planes.lead() + i);
      }
    }

    /** Adds to the gradients of a task's features: those of every pixel, and those of the block's. */
    private void features(Image image, AffinityBlock block, float[] gradProducts, float[] at, int q, int t, int part) {
      AffinityPlanes planes = image.planes;
      int first = t * image.channels;
      block.addPlanes(AffinityBlock.turned(at, image.channels), image.channels, gradProducts, rows, AffinityBlock.ROWS,
          features[part], first);
      int[] own = Arrays.copyOfRange(f, first, first + image.channels);
      float[] dots = block.dots(gradProducts, 0, image.f, own, image.channels);
      for (int c = 0; c < image.channels; c++) {
        for (int r = 0; r < Math.min(AffinityBlock.ROWS, planes.pixels() - q); r++) {
          features[part][(first + c) * planes.size() + planes.lead() + planes.at(q + r)] += dots[c * AffinityBlock.ROWS + r];
        }
      }
    }
  }
}
