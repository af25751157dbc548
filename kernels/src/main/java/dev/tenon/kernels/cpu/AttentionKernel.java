package dev.tenon.kernels.cpu;

import dev.tenon.engine.Shape;
import dev.tenon.engine.Tensor;
import dev.tenon.engine.kernel.Call;
import dev.tenon.engine.kernel.Kernel;
import dev.tenon.engine.op.Attention;
import dev.tenon.engine.op.Op;
import java.util.Arrays;
import java.util.List;

/**
 * Runs {@link Attention} one block of queries of one head at a time: only the block's scores are ever in memory. Operands are read
 * through their strides, so that q, k and v may be views of one packed projection.
 */
record AttentionKernel(Workers workers) implements Kernel {
  /** Tasks to a thread: where heads are fewer, the queries of each are cut into pieces, which all pack its keys and values. */
  private static final int TASKS = 2;

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
    int group = Heads.group(heads);
    int groups = (heads + group - 1) / group;
    int wanted = (TASKS * workers.threads() + heads - 1) / heads;
    int piece = Heads.roundUp((queries + wanted - 1) / wanted, Heads.ROWS);
    int pieces = (queries + piece - 1) / piece;
    workers.run(groups * pieces, task -> {
      Head head = new Head(call);
      int from = task % pieces * piece;
      for (int h = task / pieces * group; h < Math.min(heads, (task / pieces + 1) * group); h++) {
        head.run(h, from, Math.min(queries, from + piece));
      }
    });
  }

  /** The work on one head after the other. */
  private static final class Head {
    private final Attention attention;
    private final int queries;
    private final int keys;
    private final int d;
    private final int ld;
    private final int ldo;
    private final int block;
    private final List<Tensor> operands;
    private final Tensor o;
    private final Strided lse;
    private final Strided bias;
    private final float[] p;
    private final float[] k;
    private final float[] v;
    private final float[] query;
    private final float[] score;
    private final float[] out;
    private final float[] row;
    private final float[] peaks;
    private final float[] factors;

    Head(Call call) {
      this.attention = (Attention) call.op();
      this.queries = (int) call.input(0).dim(1);
      this.keys = (int) call.input(1).dim(1);
      this.d = (int) call.input(0).dim(3);
      this.ld = Heads.roundUp(keys, Heads.WIDTH);
      this.ldo = Heads.roundUp(d, Heads.WIDTH);
      this.block = Heads.block(queries, ld);
      this.operands = call.inputs();
      this.o = call.output(0);
      this.lse = Strided.of(call.output(1));
      this.bias = attention.bias() ? bias(call.input(3), call.input(0), keys) : null;
      this.p = Scratch.array(0, block * keys);
      this.k = Scratch.array(1, ld * d);
      this.v = Scratch.array(2, ldo * keys);
      this.query = Scratch.array(3, block * d);
      this.score = Scratch.array(4, block * ld);
      this.out = Scratch.array(5, block * ldo);
      this.row = Scratch.array(6, Rows.padded(keys));
      this.peaks = Scratch.array(7, block);
      this.factors = Scratch.array(8, block);
    }

    void run(int head, int from, int to) {
      Heads.rows(operands.get(1), head).pack(0, keys, 0, d, Heads.WIDTH, k, 0);
      Heads.columns(operands.get(2), head).pack(0, d, 0, keys, Heads.WIDTH, v, 0);
      for (int i = from; i < to; i += block) {
        int m = Math.min(block, to - i);
        Heads.rows(operands.get(0), head, i, m).pack(0, m, 0, d, Heads.ROWS, query, 0);
        block(head, i, m);
      }
    }

    /** Queries {@code i} … {@code i + m} of a head. */
    private void block(int head, int i, int m) {
      UnaryMaps.affine(query, query, Heads.roundUp(m, Heads.ROWS) * d, (float) attention.scale(), 0);
      Heads.product(query, k, m, keys, d, score, ld);
      softmax((long) head * queries + i, i, m);
      Heads.strips(score, ld, m, keys, p);
      Heads.product(p, v, m, d, keys, out, ldo);
      for (int r = 0; r < m; r++) {
        RowMaps.scale(out, r * ldo, d, factors[r], out);
      }
      Heads.write(out, m, d, o, head, i);
    }

    /** Keys that query {@code i} of a head sees. */
    private int seen(int i) {
      return attention.causal() ? Math.min(i + 1, keys) : keys;
    }

    /**
     * Turns the block's scores into probabilities, but for a factor each row, and writes their log-sum-exp. All rows go a step at a
     * time, as a row's steps have to wait for each other.
     */
    private void softmax(long first, int i, int m) {
      for (int r = 0; r < m; r++) {
        if (bias != null) {
          bias.read((first + r) * keys % bias.size(), seen(i + r), row);
          add(score, r * ld, row, seen(i + r));
        }
        peaks[r] = VectorMath.peak(score, r * ld, seen(i + r));
        if (peaks[r] == Float.NEGATIVE_INFINITY) {
          peaks[r] = VectorMath.max(score, r * ld, seen(i + r));
        }
      }
      for (int r = 0; r < m; r++) {
        if (peaks[r] == Float.NEGATIVE_INFINITY) {
          Arrays.fill(score, r * ld, (r + 1) * ld, 0);
          factors[r] = 0;
        } else {
          float sum = VectorMath.decay(score, 1, -peaks[r], score, r * ld, seen(i + r));
          Arrays.fill(score, r * ld + seen(i + r), (r + 1) * ld, 0);
          factors[r] = 1 / sum;
          peaks[r] = (float) (peaks[r] + Math.log(sum));
        }
      }
      lse.write(first, m, peaks);
    }
  }

  /** Adds {@code n} elements to those of x from {@code at}. */
  static void add(float[] x, int at, float[] y, int n) {
    for (int i = 0; i < n; i++) {
      x[at + i] += y[i];
    }
  }

  /** The bias as it broadcasts to [B, H, Nq, Nk], or to that of the batches that have one of their own. */
  static Strided bias(Tensor bias, Tensor q, long keys) {
    return Strided.of(bias, bias.layout().expand(Shape.of(Attention.biases(bias.shape()), q.dim(2), q.dim(1), keys)));
  }
}
