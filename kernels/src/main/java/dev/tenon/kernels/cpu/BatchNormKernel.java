package dev.tenon.kernels.cpu;

import dev.tenon.engine.Shape;
import dev.tenon.engine.Tensor;
import dev.tenon.engine.kernel.Call;
import dev.tenon.engine.kernel.Kernel;
import dev.tenon.engine.op.BatchNorm;
import dev.tenon.engine.op.BatchNormGrad;
import dev.tenon.engine.op.Op;
import java.util.List;
import java.util.function.IntConsumer;
import java.util.stream.IntStream;

/** Runs {@link BatchNorm} and {@link BatchNormGrad} channel by channel, each read a tile at a time. */
record BatchNormKernel(Class<? extends Op> op, Workers workers) implements Kernel {
  /** The ops it runs. */
  static final List<Class<? extends Op>> OPS = List.of(BatchNorm.class, BatchNormGrad.class);

  private static final int TILE = 4096;
  /** Elements a task handles. */
  private static final int GRAIN = 1 << 15;

  @Override
  public String name() {
    return "batch-norm";
  }

  @Override
  public Offer accepts(Call call) {
    return Fit.rows(call);
  }

  @Override
  public void launch(Call call) {
    if (call.op() instanceof BatchNorm norm) {
      Forward forward = new Forward(call, norm.eps());
      channels(call.input(0).shape(), forward::channel);
      forward.store(call);
    } else {
      Backward backward = new Backward(call, ((BatchNormGrad) call.op()).eps());
      channels(call.input(1).shape(), backward::channel);
      backward.store(call);
    }
  }

  private void channels(Shape x, IntConsumer channel) {
    int channels = (int) x.dim(1);
    int group = (int) Math.max(1, GRAIN / (x.size() / channels));
    workers.run((channels + group - 1) / group, task ->
        IntStream.range(task * group, Math.min(channels, (task + 1) * group)).forEach(channel));
  }

  /** A tensor [N, C, ...] as [C, N, ...]. */
  private static Strided byChannel(Tensor tensor) {
    return Strided.of(tensor, tensor.layout().permute(
        IntStream.range(0, tensor.rank()).map(d -> d == 0 ? 1 : d == 1 ? 0 : d).toArray()));
  }

  private static float[] values(Tensor tensor) {
    float[] values = new float[(int) tensor.size()];
    Strided.of(tensor).read(0, values.length, values);
    return values;
  }

  /** Is told of each tile of a channel. */
  private interface Tile {
    void at(long from, int n);
  }

  private static void tiles(int channel, long count, Tile tile) {
    for (long i = 0; i < count; i += TILE) {
      tile.at(channel * count + i, (int) Math.min(TILE, count - i));
    }
  }

  private static final class Forward {
    private final Strided x;
    private final Strided y;
    private final long count;
    private final double eps;
    private final float[] weight;
    private final float[] bias;
    private final float[] mean;
    private final float[] variance;

    Forward(Call call, double eps) {
      this.x = byChannel(call.input(0));
      this.y = byChannel(call.output(0));
      this.weight = values(call.input(1));
      this.bias = values(call.input(2));
      this.count = call.input(0).size() / weight.length;
      this.eps = eps;
      this.mean = new float[weight.length];
      this.variance = new float[weight.length];
    }

    void channel(int c) {
      float[] tile = new float[TILE];
      double[] sum = new double[2];
      tiles(c, count, (from, n) -> {
        x.read(from, n, tile);
        sum[0] += VectorMath.sum(tile, 0, n);
      });
      mean[c] = (float) (sum[0] / count);
      tiles(c, count, (from, n) -> {
        x.read(from, n, tile);
        UnaryMaps.affine(tile, tile, n, 1, -mean[c]);
        sum[1] += VectorMath.dot(tile, tile, 0, n);
      });
      variance[c] = (float) (sum[1] / count);
      float scale = (float) (weight[c] / Math.sqrt(sum[1] / count + eps));
      tiles(c, count, (from, n) -> {
        x.read(from, n, tile);
        UnaryMaps.affine(tile, tile, n, 1, -mean[c]);
        UnaryMaps.affine(tile, tile, n, scale, bias[c]);
        y.write(from, n, tile);
      });
    }

    void store(Call call) {
      Strided.of(call.output(1)).write(0, mean.length, mean);
      Strided.of(call.output(2)).write(0, variance.length, variance);
    }
  }

  private static final class Backward {
    private final Strided g;
    private final Strided x;
    private final Strided gradX;
    private final long count;
    private final double eps;
    private final float[] mean;
    private final float[] variance;
    private final float[] weight;
    private final float[] gradWeight;
    private final float[] gradBias;

    Backward(Call call, double eps) {
      this.g = byChannel(call.input(0));
      this.x = byChannel(call.input(1));
      this.gradX = byChannel(call.output(0));
      this.mean = values(call.input(2));
      this.variance = values(call.input(3));
      this.weight = values(call.input(4));
      this.count = call.input(1).size() / mean.length;
      this.eps = eps;
      this.gradWeight = new float[mean.length];
      this.gradBias = new float[mean.length];
    }

    void channel(int c) {
      float[] tile = new float[TILE];
      float[] gradTile = new float[TILE];
      double rstd = 1 / Math.sqrt(variance[c] + eps);
      double[] sum = new double[2];
      tiles(c, count, (from, n) -> {
        x.read(from, n, tile);
        g.read(from, n, gradTile);
        UnaryMaps.affine(tile, tile, n, 1, -mean[c]);
        sum[0] += VectorMath.dot(tile, gradTile, 0, n);
        sum[1] += VectorMath.sum(gradTile, 0, n);
      });
      gradWeight[c] = (float) (sum[0] * rstd);
      gradBias[c] = (float) sum[1];
      float scale = (float) (weight[c] * rstd);
      float average = (float) (sum[1] / count);
      float slope = (float) (sum[0] * rstd * rstd / count);
      tiles(c, count, (from, n) -> {
        x.read(from, n, tile);
        g.read(from, n, gradTile);
        UnaryMaps.affine(tile, tile, n, 1, -mean[c]);
        differ(gradTile, average, tile, slope, scale, n);
        gradX.write(from, n, tile);
      });
    }

    /** {@code x = scale·(g − average − slope·x)}. */
    private static void differ(float[] g, float average, float[] x, float slope, float scale, int n) {
      for (int i = 0; i < n; i++) {
        x[i] = scale * (g[i] - average - x[i] * slope);
      }
    }

    void store(Call call) {
      Strided.of(call.output(1)).write(0, gradWeight.length, gradWeight);
      Strided.of(call.output(2)).write(0, gradBias.length, gradBias);
    }
  }
}
