package dev.tenon.kernels.cpu;

import static org.assertj.core.api.Assertions.assertThat;

import dev.tenon.engine.Backend;
import dev.tenon.engine.DType;
import dev.tenon.engine.Device;
import dev.tenon.engine.Scope;
import dev.tenon.engine.Shape;
import dev.tenon.engine.Tensor;
import dev.tenon.engine.kernel.Call;
import dev.tenon.engine.kernel.Elements;
import dev.tenon.engine.op.Linear;
import dev.tenon.engine.op.LoraLinear;
import dev.tenon.engine.op.MatMul;
import dev.tenon.engine.op.Op;
import dev.tenon.engine.op.Ref;
import dev.tenon.engine.op.Spec;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Holds each kernel to its op's reference in doubles, by bounds that follow from the arithmetic. */
class ConformanceTest {
  private final Random random = new Random(7);

  private Tensor random(long... shape) {
    return Tensor.of(DType.F32, Shape.of(shape), random.doubles(Shape.of(shape).size(), -2, 2).toArray());
  }

  /** A linear op's result may be off by roundoff · (length + 2) times the op applied to absolute values. */
  private static void check(Backend backend, Op op, int length, Tensor... inputs) {
    Tensor out = op.apply(inputs);
    assertThat(backend.kernels().select(new Call(op, List.of(inputs), List.of(out))).name()).isNotEqualTo("reference");
    List<Ref> refs = Arrays.stream(inputs).map(Elements::unpack).toList();
    double[] expected = reference(op, refs);
    double[] size = reference(op, refs.stream()
        .map(r -> new Ref(r.dtype(), r.shape(), Arrays.stream(r.v()).map(Math::abs).toArray())).toList());
    double[] actual = out.toDoubles();
    for (int i = 0; i < actual.length; i++) {
      double bound = 1.01 * (length + 2) * DType.F32.roundoff() * size[i];
      assertThat(Math.abs(actual[i] - expected[i])).as("%s element %d", op, i).isLessThanOrEqualTo(bound);
    }
  }

  private static double[] reference(Op op, List<Ref> inputs) {
    List<Ref> outputs = op.infer(inputs.stream().map(r -> new Spec(r.dtype(), r.shape())).toList()).stream()
        .map(s -> Ref.zeros(s.dtype(), s.shape())).toList();
    op.reference(inputs, outputs);
    return outputs.getFirst().v();
  }

  @ParameterizedTest
  @CsvSource({"1,1,1", "3,5,7", "4,16,32", "67,300,37", "5,1,600", "65,513,1", "0,3,2", "2,0,3", "130,17,33"})
  void matrixProductsOfAnyStrides(int m, int k, int n) {
    try (Backend backend = new CpuProvider().open(Device.CPU, 2); var _ = Scope.open(backend)) {
      check(backend, new MatMul(), k, random(m, k), random(k, n));
      check(backend, new MatMul(), k, random(k, m).transpose(0, 1), random(n, k).transpose(0, 1));
      check(backend, new MatMul(), k, random(3, 1, m, k), random(2, k, n));
      check(backend, new MatMul(), k, random(m, 2, k).permute(1, 0, 2), random(k, n + 2).slice(1, 1, n + 1));
      check(backend, new Linear(true), k + 1, random(2, m, k), random(n, k), random(n));
      check(backend, new Linear(false), k, random(k, m).transpose(0, 1), random(k, n).transpose(0, 1));
      check(backend, new LoraLinear(true, 0.5), 2 * k + 8, random(m, k), random(n, k), random(n), random(k, 3), random(3, n));
    }
  }

  @Test
  void theNumberOfThreadsDoesNotChangeABit() {
    float[] first = null;
    for (int threads = 1; threads <= 3; threads++) {
      random.setSeed(3);
      try (Backend backend = new CpuProvider().open(Device.CPU, threads); var _ = Scope.open(backend)) {
        float[] result = new LoraLinear(true, 2)
            .apply(random(131, 300), random(600, 300), random(600), random(300, 4), random(4, 600)).toFloats();
        first = first == null ? result : first;
        assertThat(result).containsExactly(first);
      }
    }
  }
}
