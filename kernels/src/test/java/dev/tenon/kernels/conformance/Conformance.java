package dev.tenon.kernels.conformance;

import dev.tenon.engine.Backend;
import dev.tenon.engine.Backends;
import dev.tenon.engine.DType;
import dev.tenon.engine.Scope;
import dev.tenon.engine.Tensor;
import dev.tenon.engine.kernel.Call;
import dev.tenon.engine.kernel.Elements;
import dev.tenon.engine.op.Concat;
import dev.tenon.engine.op.Generator;
import dev.tenon.engine.op.Op;
import dev.tenon.engine.op.Operand;
import dev.tenon.engine.op.Ops;
import dev.tenon.engine.op.Ref;
import dev.tenon.engine.op.Spec;
import dev.tenon.engine.random.Philox;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.stream.IntStream;

/**
 * Holds a backend to the definitions: calls drawn from the catalogue, in one type, contiguous and strided, small and long, are computed on
 * the backend and compared with the op's reference in doubles under an {@link ErrorBound}. Has no need of a test framework, so that
 * it runs wherever a device is.
 */
public final class Conformance {
  /** Small calls of each op, and as many with one long extent, which reaches vector bodies, their tails and several tasks. */
  static final int DRAWS = 6;

  /** Of a bound in F32, what remains in F64, where the definition rounds as often as the kernel does. */
  private static final double F64_SHARE = 2 * DType.F64.roundoff() / DType.F32.roundoff();
  private static final double F16_MIN_VALUE = 0x1p-24;

  private final Backend backend;
  private final DType real;

  /** In F32. */
  public Conformance(Backend backend) {
    this(backend, DType.F32);
  }

  /** In {@code real}: F32, F64, or a half-precision type that is computed in F32 and rounded in the end, or before products of BF16. */
  Conformance(Backend backend, DType real) {
    this.backend = backend;
    this.real = real;
  }

  /**
   * What came of some calls.
   *
   * @param errorToBound of the worst element
   * @param where that element is, and what it is and should be
   * @param onReference calls that no kernel of the backend took
   */
  public record Verdict(double errorToBound, String where, long onReference) {
    static final Verdict NONE = new Verdict(0, "", 0);

    public boolean holds() {
      return errorToBound <= 1;
    }

    Verdict and(Verdict other) {
      Verdict worse = other.errorToBound > errorToBound || Double.isNaN(other.errorToBound) ? other : this;
      return new Verdict(worse.errorToBound, worse.where, onReference + other.onReference);
    }
  }

  /** Checks every drawn call of one op. */
  public Verdict check(Ops.Entry entry) {
    return check(entry, 2 * DRAWS);
  }

  /** Checks the first {@code draws} calls of one op, of which {@link #DRAWS} are small. */
  Verdict check(Ops.Entry entry, int draws) {
    Verdict worst = Verdict.NONE;
    for (int i = 0; i < draws; i++) {
      try (Scope _ = Scope.open(backend)) {
        Call call = draw(entry, i, real);
        worst = worst.and(check(call.op(), call.inputs()));
      }
    }
    return worst;
  }

  /** The {@code i}-th call of an op in F32, with operands in the current scope; odd ones are strided. */
  public static Call draw(Ops.Entry entry, int i) {
    return draw(entry, i, DType.F32);
  }

  static Call draw(Ops.Entry entry, int i, DType real) {
    Philox random = Philox.of(11).split(entry.name()).split(i);
    Philox shapes = random.split("shapes");
    Ops.Example example = entry.example().apply(i < DRAWS ? new Generator(shapes) : Generator.stretched(shapes, i % DRAWS / 2));
    List<Tensor> operands = new ArrayList<>();
    for (int k = 0; k < example.operands().size(); k++) {
      Operand operand = example.operands().get(k);
      operands.add(tensor(operand, values(operand, random.split("values").split(k)), i % 2 == 1, real));
    }
    return new Call(example.op(), operands, List.of());
  }

  /** Applies {@code op} and compares every result with the definition. */
  public Verdict check(Op op, List<Tensor> inputs) {
    List<Ref> operands = inputs.stream().map(Elements::unpack).toList();
    List<Ref> expected = op.infer(operands.stream().map(r -> new Spec(r.dtype(), r.shape())).toList()).stream()
        .map(s -> Ref.zeros(s.dtype(), s.shape())).toList();
    op.reference(operands, expected);
    List<double[]> bounds = ErrorBound.of(op, operands, expected);
    long before = backend.kernels().fallbacks();
    List<Tensor> actual = op.applyAll(inputs);
    Verdict worst = new Verdict(0, "", backend.kernels().fallbacks() - before);
    for (int o = 0; o < expected.size(); o++) {
      worst = worst.and(compare(op, operands, expected.get(o), actual.get(o).toDoubles(), bounds.get(o)));
    }
    return worst;
  }

  private Verdict compare(Op op, List<Ref> operands, Ref expected, double[] actual, double[] inF32) {
    Verdict worst = Verdict.NONE;
    double[] bound = real == DType.F64 ? Arrays.stream(inF32).map(b -> b * F64_SHARE).toArray() : inF32;
    for (int i = 0; i < actual.length; i++) {
      double value = expected.dtype().isFloating() ? expected.v()[i] : (long) expected.v()[i];
      double error = Double.compare(actual[i], value) == 0 ? 0 : Math.abs(actual[i] - value);
      double ratio = error == 0 ? 0 : error / (bound[i] + rounding(expected.dtype(), Math.abs(value) + bound[i]));
      if (ratio > worst.errorToBound || Double.isNaN(ratio)) {
        String where = "%s of %s, element %d: %s should be %s ± %s".formatted(
            op, operands.stream().map(r -> r.dtype() + " " + r.shape()).toList(), i, actual[i], value, bound[i]);
        worst = worst.and(new Verdict(ratio, where, 0));
      }
    }
    return worst;
  }

  /** What storing a result of this size may add. */
  private static double rounding(DType dtype, double size) {
    return switch (dtype) {
      case F16 -> Math.max(dtype.roundoff() * size, F16_MIN_VALUE / 2);
      case BF16 -> dtype.roundoff() * size + Float.MIN_NORMAL;
      // Results below the normal range may be flushed to zero.
      case F32, F64 -> Float.MIN_NORMAL;
      case I64, I32, U8, BOOL -> 0;
    };
  }

  /** Values of the operand's kind and range; real ones of full precision, so that everything rounds. */
  private static double[] values(Operand operand, Philox random) {
    double[] values = operand.draw(random);
    for (int i = 0; i < values.length && operand.kind() == Operand.Kind.REAL; i++) {
      values[i] = operand.low() + random.uniformDouble(i) * (operand.high() - operand.low());
    }
    return values;
  }

  /** A tensor of these values; {@code strided}, a transposed view of every second element of a longer one. */
  private static Tensor tensor(Operand operand, double[] values, boolean strided, DType real) {
    DType dtype = switch (operand.kind()) {
      case REAL -> real;
      case INDEX -> DType.I64;
      case FLAG -> DType.BOOL;
    };
    Tensor plain = Tensor.of(dtype, operand.shape(), values);
    if (!strided || plain.rank() == 0) {
      return plain;
    }
    int[] reversed = IntStream.range(0, plain.rank()).map(i -> plain.rank() - 1 - i).toArray();
    Tensor turned = plain.permute(reversed).contiguous();
    Tensor column = turned.reshape(turned.shape().insert(turned.rank(), 1));
    return new Concat(-1).apply(column, column).select(-1, 1).permute(reversed);
  }

  /** Checks a network's call, with its real operands in this type. */
  Verdict check(NetworkCalls.Network network) {
    try (Scope _ = Scope.open(backend)) {
      Call call = network.draw();
      return check(call.op(), call.inputs().stream().map(t -> t.dtype().isFloating() ? t.cast(real) : t).toList());
    }
  }

  /**
   * Checks the device named by the first argument ({@code cpu}, {@code cuda}, …), and fails unless all ops hold. The second, if any, is
   * how many calls to draw of each: few where a device is simulated. The third is a type other than F32, such as {@code bf16}, in which
   * networks' calls are checked as well.
   */
  public static void main(String[] args) {
    int failed = 0;
    int draws = args.length > 1 ? Integer.parseInt(args[1]) : 2 * DRAWS;
    DType real = args.length > 2 ? DType.valueOf(args[2].toUpperCase(Locale.ROOT)) : DType.F32;
    List<NetworkCalls.Network> networks = args.length > 2 ? NetworkCalls.ALL : List.of();
    try (Backend backend = Backends.open(Backends.find(args.length == 0 ? "cpu" : args[0]))) {
      System.out.println(backend.describe());
      Conformance conformance = new Conformance(backend, real);
      for (Ops.Entry entry : Ops.ALL) {
        failed += report(entry.name(), conformance.check(entry, draws));
      }
      for (NetworkCalls.Network network : networks) {
        failed += report(network.name(), conformance.check(network));
      }
    }
    System.out.println(Ops.ALL.size() + networks.size() - failed + " passed, " + failed + " failed");
    System.exit(failed == 0 ? 0 : 1);
  }

  private static int report(String name, Verdict verdict) {
    System.out.printf("%-60s %8.3f of the bound, %3d calls on the reference  %s%n", name, verdict.errorToBound, verdict.onReference,
        verdict.holds() ? "" : verdict.where);
    return verdict.holds() ? 0 : 1;
  }
}
