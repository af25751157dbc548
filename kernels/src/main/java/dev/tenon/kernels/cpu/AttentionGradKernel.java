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
      Tensor gradBias = gradScores.sumTo(call.input(6).shape());
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
    private final List<Strided> operands;
    private final Strided lse;
    private final List<Strided> gradients;
    private final Strided bias;
    private final Strided gradScores;
    private final float[] rows;
    private final float[] keysAcross;
    private final float[] keysDown;
    private final float[] valuesAcross;
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
      this.operands = call.inputs().subList(0, 5).stream().map(Heads::of).toList();
      this.lse = Strided.of(call.input(5));
      this.gradients = call.outputs().subList(0, 3).stream().map(Heads::of).toList();
      this.bias = grad.bias() ? AttentionKernel.bias(call.input(6), call.input(1), keys) : null;
      this.gradScores = gradScores;
      this.rows = new float[keys * d];
      this.keysAcross = new float[Heads.room(keys, d)];
      this.keysDown = new float[Heads.room(d, keys)];
      this.valuesAcross = new float[Heads.room(keys, d)];
      this.gradK = new float[Heads.roundUp(keys, Heads.ROWS) * ldo];
      this.gradV = new float[gradK.length];
      this.b = new Block(Heads.block(queries, ld), ld, ldo);
    }

    void run(int head) {
      operands.get(3).read((long) head * keys * d, keys * d, rows);
      Heads.transposed(rows, keys, d, valuesAcross);
      operands.get(2).read((long) head * keys * d, keys * d, rows);
      Heads.transposed(rows, keys, d, keysAcross);
      Heads.panels(rows, keys, d, keysDown);
      Arrays.fill(gradK, 0);
      Arrays.fill(gradV, 0);
      for (int i = 0; i < queries; i += b.lse.length) {
        block((long) head * queries + i, i, Math.min(b.lse.length, queries - i));
      }
      Heads.unpad(gradK, keys, d, 1, rows);
      gradients.get(1).write((long) head * keys * d, keys * d, rows);
      Heads.unpad(gradV, keys, d, 1, rows);
      gradients.get(2).write((long) head * keys * d, keys * d, rows);
    }

    /** Queries {@code i} … {@code i + m} of a head, the first of which is row {@code first} of all. */
    private void block(long first, int i, int m) {
      operands.get(0).read(first * d, m * d, b.gradO);
      operands.get(1).read(first * d, m * d, b.q);
      operands.get(4).read(first * d, m * d, b.o);
      lse.read(first, m, b.lse);
      UnaryMaps.affine(b.q, b.q, m * d, (float) grad.scale(), 0);
      b.products(keysAcross, valuesAcross, m, keys, d);
      scores(first, i, m);
      Heads.panels(b.gradO, m, d, b.packed);
      Heads.product(b.p, 1, ld, b.packed, keys, d, m, gradV, ldo);
      Heads.panels(b.q, m, d, b.packed);
      Heads.product(b.gradP, 1, ld, b.packed, keys, d, m, gradK, ldo);
      Arrays.fill(b.gradQ, 0);
      Heads.product(b.gradP, ld, 1, keysDown, m, d, keys, b.gradQ, ldo);
      Heads.unpad(b.gradQ, m, d, (float) grad.scale(), b.q);
      gradients.getFirst().write(first * d, m * d, b.q);
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
          bias.read((first + r) * keys, seen, b.row);
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
