package dev.tenon.kernels.cpu;

import dev.tenon.engine.DType;
import dev.tenon.engine.Scope;
import dev.tenon.engine.Shape;
import dev.tenon.engine.Tensor;
import dev.tenon.engine.kernel.Call;
import dev.tenon.engine.kernel.Kernel;
import dev.tenon.engine.op.Attention;
import dev.tenon.engine.op.AttentionGrad;
import dev.tenon.engine.op.Op;
import java.util.Arrays;
import java.util.List;

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
      run(call, heads, null);
      return;
    }
    try (Scope _ = Scope.open()) {
      Tensor gradScores = Tensor.empty(DType.F32, Shape.of(q.dim(0), q.dim(2), q.dim(1), call.input(2).dim(1)));
      Strided scores = Strided.of(gradScores);
      run(call, heads, scores);
      Shape bias = call.input(6).shape();
      Tensor gradBias = gradScores.reshape(Attention.groupedByBias(gradScores.shape(), bias)).sumTo(bias);
      CopyKernel.copy(workers, gradBias, gradBias.layout(), call.output(3), call.output(3).layout());
    }
  }

  private void run(Call call, int heads, Strided gradScores) {
    int group = Heads.group(heads);
    workers.run((heads + group - 1) / group, task -> {
      Head head = new Head(call, gradScores);
      for (int h = task * group; h < Math.min(heads, (task + 1) * group); h++) {
        head.run(h);
      }
    });
  }

  /** The work on one head after the other. */
  private static final class Head {
    private final AttentionGrad grad;
    private final int queries;
    private final int keys;
    private final int d;
    private final int ld;
    private final int ldo;
    private final List<Tensor> operands;
    private final Strided gradO;
    private final Strided o;
    private final Strided lse;
    private final List<Tensor> gradients;
    private final Strided bias;
    private final Strided gradScores;
    /** K and V as right operands of a block's scores, and K as that of its gradient. */
    private final float[] keyRows;
    private final float[] valueRows;
    private final float[] keyColumns;
    private final float[] gradK;
    private final float[] gradV;
    private final Block b;

    Head(Call call, Strided gradScores) {
      this.grad = (AttentionGrad) call.op();
      this.queries = (int) call.input(1).dim(1);
      this.keys = (int) call.input(2).dim(1);
      this.d = (int) call.input(1).dim(3);
      this.ld = Heads.roundUp(keys, Heads.WIDTH);
      this.ldo = Heads.roundUp(d, Heads.WIDTH);
      this.operands = call.inputs();
      this.gradO = Heads.of(call.input(0));
      this.o = Heads.of(call.input(4));
      this.lse = Strided.of(call.input(5));
      this.gradients = call.outputs();
      this.bias = grad.bias() ? AttentionKernel.bias(call.input(6), call.input(1), keys) : null;
      this.gradScores = gradScores;
      this.keyRows = Scratch.array(0, ld * d);
      this.valueRows = Scratch.array(1, ld * d);
      this.keyColumns = Scratch.array(2, ldo * keys);
      this.gradK = Scratch.array(3, Heads.roundUp(keys, Heads.ROWS) * ldo);
      this.gradV = Scratch.array(4, Heads.roundUp(keys, Heads.ROWS) * ldo);
      this.b = new Block(Heads.block(queries, ld), ld, ldo);
    }

    void run(int head) {
      Heads.rows(operands.get(2), head).pack(0, keys, 0, d, Heads.WIDTH, keyRows, 0);
      Heads.rows(operands.get(3), head).pack(0, keys, 0, d, Heads.WIDTH, valueRows, 0);
      Heads.columns(operands.get(2), head).pack(0, d, 0, keys, Heads.WIDTH, keyColumns, 0);
      Arrays.fill(gradK, 0, keys * ldo, 0);
      Arrays.fill(gradV, 0, keys * ldo, 0);
      for (int i = 0; i < queries; i += b.queries) {
        block(head, i, Math.min(b.queries, queries - i));
      }
      UnaryMaps.affine(gradK, gradK, keys * ldo, (float) grad.scale(), 0);
      Heads.write(gradK, keys, d, gradients.get(1), head, 0);
      Heads.write(gradV, keys, d, gradients.get(2), head, 0);
    }

    /** Queries {@code i} … {@code i + m} of a head. */
    private void block(int head, int i, int m) {
      long first = (long) head * queries + i;
      gradO.read(first * d, m * d, b.gradO);
      o.read(first * d, m * d, b.o);
      lse.read(first, m, b.lse);
      Heads.rows(operands.get(1), head, i, m).pack(0, m, 0, d, Heads.ROWS, b.left, 0);
      UnaryMaps.affine(b.left, b.left, Heads.roundUp(m, Heads.ROWS) * d, (float) grad.scale(), 0);
      Heads.product(b.left, keyRows, m, keys, d, b.p, ld);
      Heads.rows(operands.get(0), head, i, m).pack(0, m, 0, d, Heads.ROWS, b.left, 0);
      Heads.product(b.left, valueRows, m, keys, d, b.gradP, ld);
      scores(first, i, m);
      Heads.columnStrips(b.p, ld, m, keys, b.left);
      Heads.columns(operands.get(0), head).pack(0, d, i, m, Heads.WIDTH, b.right, 0);
      Heads.addProduct(b.left, b.right, keys, d, m, gradV, ldo);
      Heads.columnStrips(b.gradP, ld, m, keys, b.left);
      Heads.columns(operands.get(1), head).pack(0, d, i, m, Heads.WIDTH, b.right, 0);
      Heads.addProduct(b.left, b.right, keys, d, m, gradK, ldo);
      Heads.strips(b.gradP, ld, m, keys, b.left);
      Heads.product(b.left, keyColumns, m, d, keys, b.gradQ, ldo);
      UnaryMaps.affine(b.gradQ, b.gradQ, m * ldo, (float) grad.scale(), 0);
      Heads.write(b.gradQ, m, d, gradients.getFirst(), head, i);
    }

    /**
     * Turns the block's scores, those of query {@code i} of its head and on, into probabilities, and their gradients into those of the
     * scores. All rows go a step at a time, as a row's steps have to wait for each other.
     */
    private void scores(long first, int i, int m) {
      for (int r = 0; r < m; r++) {
        int at = r * ld;
        int seen = grad.causal() ? Math.min(i + r + 1, keys) : keys;
        if (bias != null) {
          bias.read((first + r) * keys % bias.size(), seen, b.row);
          AttentionKernel.add(b.p, at, b.row, seen);
        }
        if (b.lse[r] == Float.NEGATIVE_INFINITY) {
          seen = 0;
        } else {
          VectorMath.decay(b.p, 1, -b.lse[r], b.p, at, seen);
        }
        Arrays.fill(b.p, at + seen, at + ld, 0);
      }
      for (int r = 0; r < m; r++) {
        RowMaps.softmaxGrad(b.p, b.gradP, r * ld, ld, VectorMath.dot(b.gradO, b.o, r * d, d), b.gradP);
      }
      for (int r = 0; r < m && gradScores != null; r++) {
        System.arraycopy(b.gradP, r * ld, b.row, 0, keys);
        gradScores.write((first + r) * keys, keys, b.row);
      }
    }
  }

  /** What is needed of one block of queries; score rows are {@code ld} apart. */
  private static final class Block {
    private final int queries;
    private final float[] o;
    private final float[] gradO;
    private final float[] lse;
    private final float[] row;
    private final float[] p;
    private final float[] gradP;
    private final float[] gradQ;
    /** Operands of the product that is computed. */
    private final float[] left;
    private final float[] right;

    Block(int rows, int ld, int ldo) {
      this.queries = rows;
      this.o = Scratch.array(5, rows * ldo);
      this.gradO = Scratch.array(6, rows * ldo);
      this.lse = Scratch.array(7, rows);
      this.row = Scratch.array(8, ld);
      this.p = Scratch.array(9, rows * ld + Heads.ROWS);
      this.gradP = Scratch.array(10, rows * ld + Heads.ROWS);
      this.gradQ = Scratch.array(11, rows * ldo);
      this.left = Scratch.array(12, rows * (Math.max(ld, ldo) + Heads.ROWS));
      this.right = Scratch.array(13, rows * ldo);
    }
  }
}
