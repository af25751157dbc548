package dev.tenon.engine.op;

import dev.tenon.engine.Shape;
import dev.tenon.engine.op.Ops.Example;
import java.util.ArrayList;
import java.util.List;

/** Calls of matrix products, linear layers and attention. */
final class MatrixExamples {
  private MatrixExamples() {}

  static Example matMul(Generator g) {
    Shape batch = g.shape(0, 1);
    long k = g.dim();
    return Ops.call(new MatMul(), Operand.real(batch.concat(Shape.of(g.dim(), k))), Operand.real(Shape.of(k, g.dim())));
  }

  static Example linear(Generator g, boolean bias) {
    Shape x = g.shape(1, 3);
    long out = g.dim();
    Operand w = Operand.real(Shape.of(out, x.dim(-1)));
    return bias
        ? Ops.call(new Linear(true), Operand.real(x), w, Operand.real(Shape.of(out)))
        : Ops.call(new Linear(false), Operand.real(x), w);
  }

  static Example loraLinear(Generator g, boolean bias) {
    Shape x = g.shape(1, 3);
    long out = g.dim();
    long rank = g.dim();
    Operand w = Operand.real(Shape.of(out, x.dim(-1)));
    Operand loraA = Operand.real(Shape.of(x.dim(-1), rank));
    Operand loraB = Operand.real(Shape.of(rank, out));
    return bias
        ? Ops.call(new LoraLinear(true, 0.5), Operand.real(x), w, Operand.real(Shape.of(out)), loraA, loraB)
        : Ops.call(new LoraLinear(false, 1.5), Operand.real(x), w, loraA, loraB);
  }

  /** z and its gate. */
  static List<Operand> gated(Generator g) {
    Shape gate = g.shape(1, 3).with(-1, g.filled());
    return List.of(Operand.real(gate.with(-1, gate.dim(-1) * g.dim())), Operand.real(gate));
  }

  static Example gatedGelu(Generator g) {
    List<Operand> operands = gated(g);
    return new Example(new GatedGelu((int) operands.getLast().shape().dim(-1)), operands);
  }

  static Example gatedGeluGrad(Generator g) {
    List<Operand> operands = new ArrayList<>(gated(g));
    operands.add(operands.getFirst());
    return new Example(new GatedGeluGrad((int) operands.get(1).shape().dim(-1)), operands);
  }

  /** The extents of an attention. */
  private record Heads(long batch, long queries, long keys, long heads, long headDim) {
    static Heads draw(Generator g) {
      return new Heads(g.dim(), g.dim(), g.dim(), g.between(1, 2), g.extent(1, 4));
    }

    Operand q() {
      return Operand.real(Shape.of(batch, queries, heads, headDim));
    }

    Operand kv() {
      return Operand.real(Shape.of(batch, keys, heads, headDim));
    }

    Shape scores() {
      return Shape.of(batch, heads, queries, keys);
    }
  }

  static Example attention(Generator g, boolean causal, boolean bias) {
    Heads h = Heads.draw(g);
    Attention op = new Attention(0.5, causal, bias);
    return bias
        ? Ops.call(op, h.q(), h.kv(), h.kv(), Operand.real(g.broadcasting(h.scores())))
        : Ops.call(op, h.q(), h.kv(), h.kv());
  }

  /** Every second batch has the same bias. */
  static Example attentionOfWindows(Generator g, boolean grad) {
    Heads h = Heads.draw(g);
    Heads all = new Heads(2 * h.batch, h.queries, h.keys, h.heads, h.headDim);
    Operand bias = Operand.real(h.scores());
    return grad
        ? Ops.call(new AttentionGrad(0.5, false, true), all.q(), all.q(), all.kv(), all.kv(), all.q(),
            Operand.within(all.scores().without(3), 1, 3), bias)
        : Ops.call(new Attention(0.5, false, true), all.q(), all.kv(), all.kv(), bias);
  }

  static Example attentionGrad(Generator g, boolean causal, boolean bias) {
    Heads h = Heads.draw(g);
    AttentionGrad op = new AttentionGrad(0.5, causal, bias);
    Operand lse = Operand.within(h.scores().without(3), 1, 3);
    return bias
        ? Ops.call(op, h.q(), h.q(), h.kv(), h.kv(), h.q(), lse, Operand.real(g.broadcasting(h.scores())))
        : Ops.call(op, h.q(), h.q(), h.kv(), h.kv(), h.q(), lse);
  }
}
