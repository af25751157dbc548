package dev.tenon.engine.op;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.fail;

import dev.tenon.engine.DType;
import dev.tenon.engine.HostBackend;
import dev.tenon.engine.Scope;
import dev.tenon.engine.Shape;
import dev.tenon.engine.TenonException;
import dev.tenon.engine.Tensor;
import dev.tenon.engine.autograd.Gradients;
import dev.tenon.engine.autograd.Tape;
import dev.tenon.engine.kernel.Elements;
import dev.tenon.engine.random.Philox;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

/** What every op of the catalogue must do: run on any floating storage, and refuse operands that do not fit in one sentence. */
class CatalogueTest {
  private static final int EXAMPLES = 3;

  private interface Check {
    void check(Ops.Example example, Philox random);
  }

  private static Stream<DynamicTest> everyOp(Check check) {
    return Ops.ALL.stream().map(entry -> DynamicTest.dynamicTest(entry.name(), () -> {
      try (HostBackend backend = HostBackend.reference(); Scope _ = Scope.open(backend)) {
        for (int i = 0; i < EXAMPLES; i++) {
          Philox random = Philox.of(3).split(entry.name()).split(i);
          check.check(entry.example().apply(new Generator(random.split("shapes"))), random);
        }
      }
    }));
  }

  private static DType dtype(Operand operand, DType real) {
    return switch (operand.kind()) {
      case REAL -> real;
      case INDEX -> DType.I64;
      case FLAG -> DType.BOOL;
    };
  }

  private static List<Tensor> draw(Ops.Example example, DType real, Philox random) {
    List<Tensor> operands = new ArrayList<>();
    for (int i = 0; i < example.operands().size(); i++) {
      Operand operand = example.operands().get(i);
      operands.add(Tensor.of(dtype(operand, real), operand.shape(), operand.draw(random.split(i))));
    }
    return operands;
  }

  private static List<Spec> specs(List<Tensor> tensors) {
    return tensors.stream().map(t -> new Spec(t.dtype(), t.shape())).toList();
  }

  /** Sixteen-bit storage: the op's definition on the values that are stored, rounded once; gradients come in the same type. */
  @TestFactory
  Stream<DynamicTest> runsOnSixteenBitStorage() {
    return everyOp((example, random) -> {
      for (DType dtype : List.of(DType.BF16, DType.F16)) {
        List<Tensor> operands = draw(example, dtype, random).stream()
            .map(t -> t.dtype().isFloating() ? t.withGrad() : t).toList();
        List<Ref> inputs = operands.stream().map(Elements::unpack).toList();
        List<Ref> expected =
            example.op().infer(specs(operands)).stream().map(s -> Ref.zeros(s.dtype(), s.shape())).toList();
        example.op().reference(inputs, expected);
        try (Tape tape = Tape.record()) {
          List<Tensor> outputs = example.op().applyAll(operands);
          for (int i = 0; i < outputs.size(); i++) {
            assertThat(outputs.get(i).dtype()).isEqualTo(expected.get(i).dtype());
            Tensor rounded = Tensor.of(expected.get(i).dtype(), expected.get(i).shape(), expected.get(i).v());
            assertThat(outputs.get(i).toDoubles()).isEqualTo(rounded.toDoubles());
          }
          if (!(example.op() instanceof NoGradient)) {
            Gradients gradients = tape.backward(outputs.getFirst().sum());
            operands.stream().filter(Tensor::requiresGrad).map(gradients::of).filter(g -> g != null)
                .forEach(g -> assertThat(g.dtype()).isEqualTo(dtype));
          }
        }
      }
    });
  }

  /** Operands of a wrong rank, extent or type: either they fit after all, or the sentence names the op and what was given. */
  @TestFactory
  Stream<DynamicTest> refusesWhatDoesNotFit() {
    return everyOp((example, random) -> {
      List<Tensor> right = draw(example, DType.F32, random);
      boolean refused = false;
      for (int i = 0; i < right.size(); i++) {
        for (Tensor wrong : wrong(right.get(i))) {
          List<Tensor> operands = new ArrayList<>(right);
          operands.set(i, wrong);
          refused |= refuses(example.op(), operands);
        }
      }
      assertThat(refuses(example.op(), List.of())).as("no operand at all").isTrue();
      List<Tensor> tooMany = new ArrayList<>(right);
      // Not as many as any op takes more of, such as a parameter's.
      IntStream.range(0, 7).forEach(_ -> tooMany.add(right.getLast()));
      boolean variadic = example.op() instanceof Concat || example.op() instanceof Cast || example.op() instanceof SumOfSquares;
      assertThat(refuses(example.op(), tooMany)).as("operands left over").isEqualTo(!variadic);
      assertThat(refused || right.size() == 1).as("some wrong operand is refused").isTrue();
    });
  }

  private static Set<Tensor> wrong(Tensor right) {
    Set<Tensor> wrong = new LinkedHashSet<>();
    wrong.add(Tensor.zeros(right.dtype(), Shape.of()));
    wrong.add(Tensor.zeros(right.dtype(), right.shape().insert(0, 11)));
    wrong.add(Tensor.zeros(right.dtype(), right.shape().insert(right.rank(), 13)));
    for (int d = 0; d < right.rank(); d++) {
      wrong.add(Tensor.zeros(right.dtype(), right.shape().with(d, right.dim(d) + 4)));
    }
    wrong.add(Tensor.zeros(right.dtype() == DType.I32 ? DType.U8 : DType.I32, right.shape()));
    wrong.add(Tensor.zeros(DType.F64, right.shape()));
    return wrong;
  }

  private static boolean refuses(Op op, List<Tensor> operands) {
    try {
      op.applyAll(operands);
      return false;
    } catch (TenonException e) {
      assertThat(e.getMessage()).startsWith(op.name() + ": ").doesNotContain("\n");
      assertThat(e.getMessage()).matches(m -> operands.stream().anyMatch(t -> m.contains(t.shape().toString()))
          || m.contains(String.valueOf(operands.size())));
      return true;
    } catch (RuntimeException e) {
      return fail("%s%s threw %s instead of refusing its operands", op, specs(operands), e, e);
    }
  }
}
