package dev.tenon.kernels.cpu;

import dev.tenon.engine.DType;
import dev.tenon.engine.Scope;
import dev.tenon.engine.Shape;
import dev.tenon.engine.Tensor;
import dev.tenon.engine.kernel.Call;
import dev.tenon.engine.kernel.Kernel;
import dev.tenon.engine.op.AttentionGrad;
import dev.tenon.engine.op.Op;
import java.util.Arrays;

/**
 * Runs {@link AttentionGrad} one head a task, one block of queries at a time: the block's probabilities are computed again from the
 * log-sum-exp, so that no score matrix is in memory (unless a bias wants its gradient).
 */
record AttentionGradKernel(Workers workers) implements Kernel {
  @Override
  public String name() {
    return "attention-grad";
  }

  @Override
  public Class<? extends Op> op() {
    return AttentionGrad.class;
  }

  @Override
  public Offer accepts(Call call) {
    return Fit.rows(call);
  }

  @Override
  public void launch(Call call) {
    Tensor q = call.input(1);
    int heads = (int) (q.dim(0) * q.dim(2));
    if (!((AttentionGrad) call.op()).bias()) {
      workers.run(heads, head -> new Head(call, head, null).run());
      return;
    }
    try (Scope _ = Scope.open()) {
      Tensor gradScores = Tensor.empty(DType.F32, Shape.of(q.dim(0), q.dim(2), q.dim(1), call.input(2).dim(1)));
      Strided scores = Strided.of(gradScores);
      workers.run(heads, head -> new Head(call, head, scores).run());
      Tensor gradBias = gradScores.sumTo(call.input(6).shape());
      CopyKernel.copy(workers, gradBias, gradBias.layout(), call.output(3), call.output(3).layout());
    }
  }

  /** The work on one head. */
  private static final class Head {
    private final AttentionGrad grad;
    private final Call call;
    private final int queries;
    private final int keys;
    private final int d;
    private final int head;
    private final Strided bias;
    private final Strided gradScores;

    Head(Call call, int head, Strided gradScores) {
      this.grad = (AttentionGrad) call.op();
      this.call = call;
      this.queries = (int) call.input(1).dim(1);
      this.keys = (int) call.input(2).dim(1);
      this.d = (int) call.input(1).dim(3);
      this.head = head;
      this.bias = grad.bias() ? AttentionKernel.bias(call.input(6), call.input(1), keys) : null;
      this.gradScores = gradScores;
    }

    private float[] rows(int input, int length) {
      float[] rows = new float[length * d];
      Heads.of(call.input(input)).read((long) head * length * d, length * d, rows);
      return rows;
    }

    void run() {
      float[] k = rows(2, keys);
      float[] keysAcross = Heads.transposed(k, keys, d);
      float[] keysDown = Heads.panels(k, keys, d);
      float[] valuesAcross = Heads.transposed(rows(3, keys), keys, d);
      int ld = Heads.roundUp(keys, Heads.WIDTH);
      int ldo = Heads.roundUp(d, Heads.WIDTH);
      int block = Heads.block(queries, ld);
      Block b = new Block(block, ld, ldo);
      float[] gradK = new float[Heads.roundUp(keys, Heads.ROWS) * ldo];
      float[] gradV = new float[gradK.length];
      for (int i = 0; i < queries; i += block) {
        int m = Math.min(block, queries - i);
        read(b, i, m);
        b.products(keysAcross, valuesAcross, m, keys, d);
        for (int r = 0; r < m; r++) {
          scores(b, i, r);
        }
        Heads.panels(b.gradO, 0, m, d, b.packed);
        Heads.product(b.p, 1, ld, b.packed, keys, d, m, gradV, ldo);
        Heads.panels(b.q, 0, m, d, b.packed);
        Heads.product(b.gradP, 1, ld, b.packed, keys, d, m, gradK, ldo);
        Arrays.fill(b.gradQ, 0);
        Heads.product(b.gradP, ld, 1, keysDown, m, d, keys, b.gradQ, ldo);
        Heads.unpad(b.gradQ, m, d, (float) grad.scale(), b.q);
        Heads.of(call.output(0)).write(((long) head * queries + i) * d, m * d, b.q);
      }
      write(gradK, 1, k);
      write(gradV, 2, k);
    }

    private void write(float[] gradient, int output, float[] rows) {
      Heads.unpad(gradient, keys, d, 1, rows);
      Heads.of(call.output(output)).write((long) head * keys * d, keys * d, rows);
    }

    private void read(Block b, int i, int m) {
      long from = (long) head * queries + i;
      Heads.of(call.input(0)).read(from * d, m * d, b.gradO);
      Heads.of(call.input(1)).read(from * d, m * d, b.q);
      Heads.of(call.input(4)).read(from * d, m * d, b.o);
      Strided.of(call.input(5)).read(from, m, b.lse);
      UnaryMaps.affine(b.q, b.q, m * d, (float) grad.scale(), 0);
    }

    /** Turns row {@code r} of the block's scores into probabilities, and that of their gradient into the scores' gradient. */
    private void scores(Block b, int i, int r) {
      int at = r * b.ld;
      int seen = grad.causal() ? Math.min(i + r + 1, keys) : keys;
      long row = ((long) head * queries + i + r) * keys;
      if (bias != null) {
        bias.read(row, seen, b.row);
        for (int j = 0; j < seen; j++) {
          b.p[at + j] += b.row[j];
        }
      }
      if (b.lse[r] == Float.NEGATIVE_INFINITY) {
        seen = 0;
      } else {
        VectorMath.expSum(b.p, at, seen, b.lse[r]);
      }
      Arrays.fill(b.p, at + seen, at + b.ld, 0);
      float delta = 0;
      for (int c = 0; c < d; c++) {
        delta += b.gradO[r * d + c] * b.o[r * d + c];
      }
      for (int j = at; j < at + b.ld; j++) {
        b.gradP[j] = b.p[j] * (b.gradP[j] - delta);
      }
      if (gradScores != null) {
        System.arraycopy(b.gradP, at, b.row, 0, keys);
        gradScores.write(row, keys, b.row);
      }
    }
  }

  /** What is needed of one block of queries; score rows are {@code ld} apart. */
  private static final class Block {
    private final int ld;
    private final float[] q;
    private final float[] o;
    private final float[] gradO;
    private final float[] packed;
    private final float[] lse;
    private final float[] row;
    private final float[] p;
    private final float[] gradP;
    private final float[] gradQ;

    Block(int rows, int ld, int ldo) {
      this.ld = ld;
      this.q = new float[rows * ldo];
      this.o = new float[rows * ldo];
      this.gradO = new float[rows * ldo];
      this.packed = new float[rows * ldo];
      this.lse = new float[rows];
      this.row = new float[ld];
      this.p = new float[rows * ld];
      this.gradP = new float[rows * ld];
      this.gradQ = new float[rows * ldo];
    }

    /** Scores of the queries, and gradients of their probabilities. */
    void products(float[] keys, float[] values, int m, int n, int d) {
      Arrays.fill(p, 0);
      Heads.product(q, d, 1, keys, m, n, d, p, ld);
      Arrays.fill(gradP, 0);
      Heads.product(gradO, d, 1, values, m, n, d, gradP, ld);
    }
  }
}
