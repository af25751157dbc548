package dev.tenon.kernels.opencl;

import static dev.tenon.kernels.gpu.AttentionKernels.orNull;

import dev.tenon.engine.Layout;
import dev.tenon.engine.Shape;
import dev.tenon.engine.Tensor;
import dev.tenon.engine.kernel.Call;
import dev.tenon.engine.kernel.Kernel;
import dev.tenon.engine.op.Attention;
import dev.tenon.engine.op.AttentionGrad;
import dev.tenon.kernels.gpu.AttentionKernels;
import dev.tenon.kernels.gpu.Fit;
import dev.tenon.kernels.gpu.Grid;
import dev.tenon.kernels.gpu.Launcher;
import dev.tenon.kernels.gpu.OpKernel;
import dev.tenon.kernels.gpu.Operands;
import dev.tenon.kernels.gpu.Products;
import dev.tenon.kernels.gpu.ReduceKernels;
import dev.tenon.kernels.gpu.Walk;
import java.util.List;

/** Attention on a processor: matrix products of all heads, and {@code wideAttention.cl} for rows of the scores between them. */
record WideAttention(Launcher launcher, WideKernels wide, ReduceKernels reductions) {
  private static final String TEXT = "wideAttention";

  /** In front of the kernels that work in groups. */
  List<Kernel> all() {
    return List.of(
        new OpKernel("wide", Attention.class, WideAttention::refusal, this::forward),
        new OpKernel("wide", AttentionGrad.class, WideAttention::refusal, this::backward));
  }

  private static String refusal(Call call) {
    return WideKernels.takes(call.input(0).dtype()) ? Fit.real(call) : "computes in F32";
  }

  /** An operand [batch, positions, heads, channels], or scores [batch, queries, heads, keys] of which the layout tells the order. */
  private record Operand(Object at, Layout layout) {
    static Operand of(Tensor t) {
      return new Operand(t, t.layout());
    }

    int step(int dim) {
      return (int) layout.stride(dim);
    }

    int extent(int dim) {
      return (int) layout.shape().dim(dim);
    }

    /** Positions and channels exchanged. */
    Operand turned() {
      return new Operand(at, layout.permute(0, 3, 2, 1));
    }

    Layout heads() {
      return Layout.of(Shape.of(extent(0), extent(2)), new long[] {step(0), step(2)}, 0);
    }
  }

  /** {@code c = scale·a·b} for each head; the channels of a are the positions of b. */
  private void product(Call call, Operand a, Operand b, double scale, Operand c) {
    Walk heads = Walk.of(c.heads().shape(), a.heads(), b.heads(), c.heads());
    Products.Factors factors = new Products.Factors(a.extent(3), a.step(1), a.step(3), b.step(1), b.step(3), a.at, b.at);
    wide.product(call, heads, c.extent(1), c.extent(3), c.step(1), factors, Products.NONE, 0L, scale, c.at);
  }

  /** Scores in the order [batch, heads, queries, keys]. */
  private static Operand scores(Operands in, Tensor q, Tensor k) {
    Shape shape = Shape.of(q.dim(0), q.dim(2), q.dim(1), k.dim(1));
    return new Operand(in.scratch(4 * shape.size()), Layout.contiguous(shape).permute(0, 2, 1, 3));
  }

  private static int[] rows(Operand scores, boolean causal, Tensor bias) {
    int[] rows = {scores.extent(1), scores.extent(3), scores.extent(2), causal ? 1 : 0,
        bias == null ? 1 : (int) Attention.biases(bias.shape()), 0, 0, 0, 0};
    for (int d = 0; bias != null && d < 4; d++) {
      rows[5 + d] = (int) AttentionKernels.strides(bias, scores.layout.permute(0, 2, 1, 3).shape()).stride(d);
    }
    return rows;
  }

  private static int count(Operand scores) {
    return scores.extent(0) * scores.extent(1) * scores.extent(2);
  }

  private void forward(Call call) {
    try (Operands in = launcher.operands(call)) {
      Attention op = (Attention) call.op();
      Operand q = Operand.of(call.input(0));
      Tensor bias = op.bias() ? call.input(3) : null;
      Operand scores = scores(in, call.input(0), call.input(1));
      product(call, q, Operand.of(call.input(1)).turned(), op.scale(), scores);
      launcher.launch(call, WideKernels.entry(TEXT, "softmaxOfScores"), Grid.of(count(scores), 1), rows(scores, op.causal(), bias),
          orNull(bias), scores.at, call.output(1));
      product(call, scores, Operand.of(call.input(2)), 1, Operand.of(call.output(0)));
    }
  }

  private void backward(Call call) {
    try (Operands in = launcher.operands(call)) {
      AttentionGrad op = (AttentionGrad) call.op();
      Tensor q = call.input(1);
      Tensor k = call.input(2);
      Operand g = Operand.of(call.input(0));
      Tensor bias = op.bias() ? call.input(6) : null;
      Operand p = scores(in, q, k);
      Operand grad = scores(in, q, k);
      int rows = count(p);
      long delta = in.scratch(4L * rows);
      product(call, Operand.of(q), Operand.of(k).turned(), op.scale(), p);
      launcher.launch(call, WideKernels.entry(TEXT, "probabilities"), Grid.of(rows, 1), rows(p, op.causal(), bias), orNull(bias),
          in.contiguous(5), p.at);
      product(call, p.turned(), g, 1, Operand.of(call.output(2)));
      product(call, g, Operand.of(call.input(3)).turned(), 1, grad);
      launcher.launch(call, WideKernels.entry(TEXT, "rowDots"), Grid.of(rows, 1), rows(p, false, null), (int) q.dim(3), in.contiguous(0),
          in.contiguous(4), delta);
      launcher.launch(call, WideKernels.entry(TEXT, "gradOfScores"), Grid.of(rows, 1), p.extent(3), p.at, delta, grad.at);
      product(call, grad, Operand.of(k), op.scale(), Operand.of(call.output(0)));
      product(call, grad.turned(), Operand.of(q), op.scale(), Operand.of(call.output(1)));
      if (bias != null) {
        Shape shape = grad.layout.permute(0, 2, 1, 3).shape();
        reductions.sumTo(call, in, q.dtype(), (long) grad.at, Attention.groupedByBias(shape, bias.shape()), call.output(3));
      }
    }
  }
}
