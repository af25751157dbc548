package dev.tenon.kernels.cpu;

import dev.tenon.engine.Shape;
import dev.tenon.engine.Tensor;
import dev.tenon.engine.kernel.Call;
import dev.tenon.engine.kernel.Kernel;
import dev.tenon.engine.op.Attention;
import dev.tenon.engine.op.Op;
import java.util.Arrays;

/**
 * Runs {@link Attention} one block of queries of one head at a time: only the block's scores are ever in memory. Operands are read
 * through their strides, so that q, k and v may be views of one packed projection.
 */
record AttentionKernel(Workers workers) implements Kernel {
  /** Tasks to cut small batches into. */
  private static final int TASKS = 64;

  @Override
  public String name() {
    return "attention";
  }

  @Override
  public Class<? extends Op> op() {
    return Attention.class;
  }

  @Override
  public Offer accepts(Call call) {
    return Fit.rows(call);
  }

  @Override
  public void launch(Call call) {
    Tensor q = call.input(0);
    int heads = (int) (q.dim(0) * q.dim(2));
    int queries = (int) q.dim(1);
    int pieces = Math.min((queries + Heads.ROWS - 1) / Heads.ROWS, Math.max(1, TASKS / heads));
    int piece = Heads.roundUp((queries + pieces - 1) / pieces, Heads.ROWS);
    int perHead = (queries + piece - 1) / piece;
    workers.run(heads * perHead, task -> {
      int from = task % perHead * piece;
      new Head(call, task / perHead).run(from, Math.min(queries, from + piece));
    });
  }

  /** The work on one head. */
  private static final class Head {
    private final Attention attention;
    private final int queries;
    private final int keys;
    private final int d;
    private final long first;
    private final Strided q;
    private final Strided o;
    private final Strided lse;
    private final Strided bias;
    private final float[] k;
    private final float[] v;

    Head(Call call, int head) {
      this.attention = (Attention) call.op();
      Tensor shape = call.input(0);
      this.queries = (int) shape.dim(1);
      this.keys = (int) call.input(1).dim(1);
      this.d = (int) shape.dim(3);
      this.first = (long) head * queries;
      this.q = Heads.of(shape);
      this.o = Heads.of(call.output(0));
      this.lse = Strided.of(call.output(1));
      this.bias = attention.bias() ? bias(call.input(3), shape, keys) : null;
      float[] rows = new float[keys * d];
      Heads.of(call.input(1)).read((long) head * keys * d, keys * d, rows);
      this.k = Heads.transposed(rows, keys, d);
      Heads.of(call.input(2)).read((long) head * keys * d, keys * d, rows);
      this.v = Heads.panels(rows, keys, d);
    }

    void run(int from, int to) {
      int ld = Heads.roundUp(keys, Heads.WIDTH);
      int ldo = Heads.roundUp(d, Heads.WIDTH);
      int block = Heads.block(to - from, ld);
      float[] query = new float[block * d];
      float[] score = new float[block * ld];
      float[] out = new float[block * ldo];
      float[] row = new float[Rows.padded(keys)];
      float[] stats = new float[block];
      for (int i = from; i < to; i += block) {
        int m = Math.min(block, to - i);
        q.read((first + i) * d, m * d, query);
        UnaryMaps.affine(query, query, m * d, (float) attention.scale(), 0);
        Arrays.fill(score, 0);
        Heads.product(query, d, 1, k, m, keys, d, score, ld);
        for (int r = 0; r < m; r++) {
          stats[r] = softmax(score, r * ld, i + r, row);
        }
        lse.write(first + i, m, stats);
        Arrays.fill(out, 0);
        Heads.product(score, ld, 1, v, m, d, keys, out, ldo);
        Heads.unpad(out, m, d, 1, query);
        o.write((first + i) * d, m * d, query);
      }
    }

    /** Turns the scores of query {@code i} into probabilities and answers their log-sum-exp. */
    private float softmax(float[] score, int at, int i, float[] row) {
      int seen = attention.causal() ? Math.min(i + 1, keys) : keys;
      if (bias != null) {
        bias.read((first + i) * keys, seen, row);
        for (int j = 0; j < seen; j++) {
          score[at + j] += row[j];
        }
      }
      float max = VectorMath.max(score, at, seen);
      if (max == Float.NEGATIVE_INFINITY) {
        Arrays.fill(score, at, at + keys, 0);
        return max;
      }
      float sum = VectorMath.expSum(score, at, seen, max);
      Arrays.fill(score, at + seen, at + keys, 0);
      scale(score, at, seen, 1 / sum);
      return (float) (max + Math.log(sum));
    }

    private static void scale(float[] x, int at, int n, float scale) {
      for (int i = at; i < at + n; i++) {
        x[i] *= scale;
      }
    }
  }

  /** The bias as it broadcasts to [B, H, Nq, Nk]. */
  static Strided bias(Tensor bias, Tensor q, long keys) {
    return Strided.of(bias, bias.layout().expand(Shape.of(q.dim(0), q.dim(2), q.dim(1), keys)));
  }
}
