package dev.tenon.jmh;

import dev.tenon.engine.DType;
import dev.tenon.engine.TenonException;
import dev.tenon.engine.Tensor;
import dev.tenon.engine.op.Cost;
import dev.tenon.engine.op.Generator;
import dev.tenon.engine.op.Operand;
import dev.tenon.engine.op.Ops;
import dev.tenon.engine.op.Spec;
import dev.tenon.engine.random.Philox;
import dev.tenon.training.bench.Check;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.stream.IntStream;

/** A call of every op of the catalogue, as large as the reference can still check it soon: an op that is listed there can be timed. */
final class OpCalls {
  static final String PREFIX = "op ";
  private static final int DRAWS = 200;
  private static final double MOST_FLOPS = 1e8;
  private static final double MOST_BYTES = 2e7;

  /** The operands as they are drawn, and how much work they are. */
  private record Drawn(Ops.Example example, List<Spec> outputs, Cost cost) {
    static Drawn of(Ops.Example example) {
      List<Spec> inputs = specs(example);
      List<Spec> outputs = example.op().infer(inputs);
      return new Drawn(example, outputs, Cost.of(example.op().cost(inputs, outputs).flops(), inputs, outputs));
    }

    boolean fits() {
      return cost.flops() <= MOST_FLOPS && cost.bytes() <= MOST_BYTES && outputs.stream().allMatch(s -> s.shape().size() > 0);
    }

    double work() {
      return cost.flops() / MOST_FLOPS + cost.bytes() / MOST_BYTES;
    }
  }

  private OpCalls() {}

  static String name(Ops.Entry entry) {
    return PREFIX + entry.name();
  }

  static OpCall of(Ops.Entry entry) {
    Ops.Example example = largest(entry);
    int results = example.op().infer(specs(example)).size();
    Philox values = Philox.of(3).split(name(entry));
    return new OpCall(name(entry), example.op(), _ -> operands(example, values),
        Check.Part.whole(example.op(), example.operands().size(), results));
  }

  /** Of the calls that are drawn and not too large, the largest. */
  static Ops.Example largest(Ops.Entry entry) {
    Philox random = Philox.of(13).split(entry.name());
    return IntStream.range(0, DRAWS)
        .mapToObj(i -> Drawn.of(entry.example().apply(Generator.large(random.split(i))))).filter(Drawn::fits)
        .max(Comparator.comparingDouble(Drawn::work)).map(Drawn::example)
        .orElseThrow(() -> new TenonException("no drawn call of " + entry.name() + " is small enough to check; look at its example"));
  }

  private static List<Spec> specs(Ops.Example example) {
    return example.operands().stream().map(o -> new Spec(dtype(o), o.shape())).toList();
  }

  private static DType dtype(Operand operand) {
    return switch (operand.kind()) {
      case REAL -> DType.F32;
      case INDEX -> DType.I64;
      case FLAG -> DType.BOOL;
    };
  }

  private static List<Tensor> operands(Ops.Example example, Philox random) {
    List<Tensor> operands = new ArrayList<>();
    for (Operand operand : example.operands()) {
      Philox own = random.split(operands.size());
      double[] values = operand.draw(own);
      // Those of the catalogue have few digits, so that gradients can be checked by differences.
      for (int i = 0; i < values.length && operand.kind() == Operand.Kind.REAL; i++) {
        values[i] = operand.low() + own.uniformDouble(i) * (operand.high() - operand.low());
      }
      operands.add(Tensor.of(dtype(operand), operand.shape(), values));
    }
    return operands;
  }
}
