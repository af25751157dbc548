package dev.tenon.kernels.cpu;

import dev.tenon.engine.Tensor;
import dev.tenon.engine.kernel.Call;
import dev.tenon.engine.kernel.Kernel;
import dev.tenon.engine.op.CrossEntropy;
import dev.tenon.engine.op.CrossEntropyGrad;
import dev.tenon.engine.op.Gather;
import dev.tenon.engine.op.Op;
import java.util.Arrays;
import java.util.List;
import jdk.incubator.vector.FloatVector;

/** Runs {@link CrossEntropy} of pixels and its gradient for many pixels at a time, whose logits of one class follow each other. */
record PixelLossKernel(Class<? extends Op> op, Workers workers) implements Kernel {
  /** The ops it runs. */
  static final List<Class<? extends Op>> OPS = List.of(CrossEntropy.class, CrossEntropyGrad.class);

  /** Less than that of {@link LineKernel}, which gathers each pixel's logits. */
  private static final double COST = 0.5;
  /** Logits that a task holds at a time. */
  private static final int TILE = 1 << 14;
  /** Logits of a task. */
  private static final int GRAIN = 1 << 16;

  @Override
  public String name() {
    return "pixel-loss";
  }

  @Override
  public Offer accepts(Call call) {
    Tensor x = call.input(0);
    if (x.rank() < 3 || !Strided.of(x).isDense()) {
      return Offer.refuse("takes logits without gaps that have dimensions behind the classes");
    }
    return Fit.indexed(call) instanceof Offer.Refuse refusal ? refusal : Offer.accept(COST);
  }

  @Override
  public void launch(Call call) {
    Tensor x = call.input(0);
    int classes = (int) x.dim(1);
    int pixels = (int) x.shape().product(2, x.rank());
    int tile = ConvTiles.roundUp(Math.clamp(TILE / classes, 1, pixels), Simd.LANES);
    int span = Math.max(1, GRAIN / (tile * classes)) * tile;
    int spans = (pixels + span - 1) / span;
    workers.run((int) x.dim(0) * spans, task -> {
      Tile work = new Tile(call, classes, pixels, tile);
      int end = Math.min(pixels, (task % spans + 1) * span);
      for (int at = task % spans * span; at < end; at += tile) {
        work.run(task / spans, at, Math.min(tile, end - at));
      }
    });
  }

  /** Some pixels of one image. */
  private static final class Tile {
    private final CrossEntropy loss;
    private final boolean gradient;
    private final int classes;
    private final int pixels;
    private final int pitch;
    private final Strided logits;
    private final Strided labels;
    private final Strided gradOutput;
    private final Strided out;
    private final float[] weight;
    private final float[] x;
    private final float[] exp;
    private final float[] row;
    private final float[] max;
    private final float[] sum;
    private final float[] label;

    Tile(Call call, int classes, int pixels, int pitch) {
      this.gradient = call.op() instanceof CrossEntropyGrad;
      this.loss = call.op() instanceof CrossEntropyGrad grad ? grad.loss() : (CrossEntropy) call.op();
      this.classes = classes;
      this.pixels = pixels;
      this.pitch = pitch;
      this.logits = Strided.of(call.input(0));
      this.labels = Strided.of(call.input(1));
      this.gradOutput = gradient ? Strided.of(call.inputs().getLast()) : null;
      this.out = Strided.of(call.output(0));
      this.weight = new float[classes];
      Arrays.fill(weight, 1);
      if (loss.weighted()) {
        Strided.of(call.input(2)).read(0, classes, weight);
      }
      this.x = Scratch.array(0, classes * pitch);
      this.exp = Scratch.array(1, classes * pitch);
      this.row = Scratch.array(2, pitch);
      this.max = Scratch.array(3, pitch);
      this.sum = Scratch.array(4, pitch);
      this.label = Scratch.array(5, pitch);
    }

    /** Computes pixels {@code at} … {@code at + n} of an image. */
    void run(int image, int at, int n) {
      Arrays.fill(max, 0, n, Float.NEGATIVE_INFINITY);
      for (int c = 0; c < classes; c++) {
        logits.read(((long) image * classes + c) * pixels + at, n, row);
        System.arraycopy(row, 0, x, c * pitch, n);
        larger(row, max, n);
      }
      Arrays.fill(sum, 0, n, 0);
      for (int c = 0; c < classes; c++) {
        difference(x, c * pitch, max, exp, c * pitch, n);
        VectorMath.exp(exp, 1, 0, exp, c * pitch, n);
        addTo(sum, exp, c * pitch, n);
      }
      labels.read((long) image * pixels + at, n, label);
      if (gradient) {
        gradient(image, at, n);
      } else {
        for (int p = 0; p < n; p++) {
          row[p] = loss(p);
        }
        out.write((long) image * pixels + at, n, row);
      }
    }

    private float loss(int p) {
      if (label[p] == (float) loss.ignoreIndex()) {
        return 0;
      }
      double lse = max[p] + Math.log(sum[p]);
      int own = Gather.bounded(loss, label[p], classes);
      double value = 0;
      for (int c = loss.labelSmoothing() == 0 ? own : 0; c < (loss.labelSmoothing() == 0 ? own + 1 : classes); c++) {
        double share = share(c, own);
        value += share == 0 ? 0 : share * (lse - x[c * pitch + p]);
      }
      return (float) value;
    }

    private double share(int c, int own) {
      return weight[c] * (loss.labelSmoothing() / classes + (c == own ? 1 - loss.labelSmoothing() : 0));
    }

    /** A class's share is {@code sum} times its exponential, less what the label and its smoothing ask for. */
    private void gradient(int image, int at, int n) {
      gradOutput.read((long) image * pixels + at, n, row);
      double smooth = 0;
      for (float w : weight) {
        smooth += loss.labelSmoothing() / classes * w;
      }
      for (int p = 0; p < n; p++) {
        if (label[p] == (float) loss.ignoreIndex()) {
          label[p] = -1;
        } else {
          int own = Gather.bounded(loss, label[p], classes);
          label[p] = own;
          sum[p] = (float) (row[p] * (smooth + (1 - loss.labelSmoothing()) * weight[own]) / sum[p]);
        }
      }
      for (int c = 0; c < classes; c++) {
        float part = (float) (loss.labelSmoothing() / classes * weight[c]);
        scale(exp, c * pitch, sum, row, -part, n);
      }
      for (int p = 0; p < n; p++) {
        if (label[p] >= 0) {
          int own = (int) label[p];
          exp[own * pitch + p] -= (float) (row[p] * (1 - loss.labelSmoothing()) * weight[own]);
        } else {
          for (int c = 0; c < classes; c++) {
            exp[c * pitch + p] = 0;
          }
        }
      }
      for (int c = 0; c < classes; c++) {
        System.arraycopy(exp, c * pitch, row, 0, n);
        out.write(((long) image * classes + c) * pixels + at, n, row);
      }
    }
  }

  private static void larger(float[] x, float[] max, int n) {
    for (int i = 0; i < n; i++) {
      max[i] = Math.max(max[i], x[i]);
    }
  }

  private static void addTo(float[] sum, float[] x, int at, int n) {
    for (int i = 0; i < n; i++) {
      sum[i] += x[at + i];
    }
  }

  private static void difference(float[] x, int at, float[] less, float[] y, int to, int n) {
    for (int i = 0; i < n; i++) {
      y[to + i] = x[at + i] - less[i];
    }
  }

  /** {@code x = x·by + part·g}. */
  private static void scale(float[] x, int at, float[] by, float[] g, float part, int n) {
    for (int i = 0; i < n; i += Simd.LANES) {
      FloatVector scaled = FloatVector.fromArray(Simd.F32, x, at + i).mul(FloatVector.fromArray(Simd.F32, by, i));
      FloatVector.fromArray(Simd.F32, g, i).fma(FloatVector.broadcast(Simd.F32, part), scaled).intoArray(x, at + i);
    }
  }
}
