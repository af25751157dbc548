package dev.tenon.kernels.cuda;

import dev.tenon.engine.DType;
import dev.tenon.engine.Layout;
import dev.tenon.engine.Shape;
import dev.tenon.engine.Storage;
import dev.tenon.engine.Tensor;
import dev.tenon.engine.kernel.Call;
import dev.tenon.engine.kernel.Kernel;
import dev.tenon.engine.kernel.KernelRegistry;
import dev.tenon.engine.op.Binary;
import dev.tenon.engine.op.Conv2d;
import dev.tenon.engine.op.Conv2dGradInput;
import dev.tenon.engine.op.Conv2dGradWeight;
import dev.tenon.engine.op.Fold;
import dev.tenon.engine.op.MatMul;
import dev.tenon.engine.op.Op;
import dev.tenon.engine.op.Unfold;
import dev.tenon.engine.op.Window2d;
import dev.tenon.kernels.gpu.Fit;
import dev.tenon.kernels.gpu.Launcher;
import dev.tenon.kernels.gpu.OpKernel;
import dev.tenon.kernels.gpu.Operands;
import dev.tenon.kernels.gpu.ReduceKernels;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.function.Consumer;

/**
 * Large convolutions of F32 as products of matrices, where those have tensor cores to themselves: patches are written as the columns of a
 * matrix, an image at a time.
 *
 * @param parts kernels of what a convolution is made of: patches as columns and back, products, sums of two
 */
record ProductConvKernels(Launcher launcher, ReduceKernels reductions, KernelRegistry parts) {
  /** Less than kernels that gather patches themselves, but not than those on tensor cores. */
  private static final double COST = 0.375;
  /** Terms of a product that repay writing patches. */
  private static final long MANY = 1L << 26;
  /** Fewer filters or channels multiply each patch too few times. */
  private static final long LEAST_CHANNELS = 64;

  List<Kernel> all() {
    return List.of(kernel(Conv2d.class, this::forward), kernel(Conv2dGradInput.class, this::gradInput),
        kernel(Conv2dGradWeight.class, this::gradWeight));
  }

  private Kernel kernel(Class<? extends Op> op, Consumer<Call> run) {
    return new OpKernel("products", op, COST, ProductConvKernels::refusal, run);
  }

  /** An image's matrices: x, its patches, and the result. */
  private record Sizes(Conv2d conv, Shape x, Shape weight, Shape y) {
    static Sizes of(Call call) {
      Shape first = call.input(0).shape();
      Shape second = call.input(1).shape();
      Shape result = call.output(0).shape();
      return switch (call.op()) {
        case Conv2d op -> new Sizes(op, first, second, result);
        case Conv2dGradInput op -> new Sizes(op.conv(), result, second, first);
        case Conv2dGradWeight op -> new Sizes(op.conv(), second, result, first);
        default -> throw new IllegalArgumentException(call.describe() + " is no convolution");
      };
    }

    Window2d window() {
      return conv.window(weight.dim(2), weight.dim(3));
    }

    Shape image() {
      return x.with(0, 1);
    }

    Shape columns() {
      return Shape.of(1, weight.product(1, 4), y.product(2, 4));
    }

    Shape result() {
      return Shape.of(1, y.dim(1), y.product(2, 4));
    }

    Shape filters() {
      return Shape.of(weight.dim(0), weight.product(1, 4));
    }
  }

  private static String refusal(Call call) {
    String reason = Fit.real(call);
    if (reason != null) {
      return reason;
    }
    if (call.input(0).dtype() != DType.F32) {
      return "multiplies F32, and the operands are " + call.input(0).dtype();
    }
    Sizes s = Sizes.of(call);
    if (s.conv.groups() > 1 || Math.min(s.weight.dim(0), s.weight.dim(1)) < LEAST_CHANNELS) {
      return "takes one group of at least " + LEAST_CHANNELS + " channels and filters, and here are " + s.conv.groups() + " of "
          + s.weight.dim(1) + " and " + s.weight.dim(0);
    }
    if (s.weight.product(2, 4) == 1) {
      return "writes patches, and here they would be the pixels themselves";
    }
    long terms = s.columns().size() * s.weight.dim(0);
    return terms >= MANY ? null : "writes patches for at least " + MANY + " terms an image, and here are " + terms;
  }

  /** Memory seen as a dense tensor. */
  @SuppressWarnings("restricted")
  private static Tensor view(Call call, long address, Shape shape) {
    MemorySegment segment = MemorySegment.ofAddress(address).reinterpret(shape.size() * Float.BYTES);
    Storage storage = new Storage(call.input(0).storage().backend(), segment, () -> {});
    return new Tensor(storage, Layout.contiguous(shape), DType.F32, false);
  }

  /** The image with number {@code i} of those that begin at {@code address}. */
  private static Tensor image(Call call, long address, int i, Shape shape) {
    return view(call, address + i * shape.size() * Float.BYTES, shape);
  }

  private static Tensor transposed(Tensor matrix) {
    int rank = matrix.rank();
    int[] order = rank == 2 ? new int[] {1, 0} : new int[] {0, 2, 1};
    return new Tensor(matrix.storage(), matrix.layout().permute(order), DType.F32, false);
  }

  private void run(Op op, List<Tensor> operands, Tensor result) {
    Call part = new Call(op, operands, List.of(result));
    parts.select(part).launch(part);
  }

  /** The patches of an image. */
  private Tensor columns(Call call, Sizes s, Tensor image, long room) {
    Tensor columns = view(call, room, s.columns());
    run(new Unfold(s.window()), List.of(image), columns);
    return columns;
  }

  private static long room(Operands in, Sizes s) {
    return in.scratch(s.columns().size() * Float.BYTES);
  }

  private void forward(Call call) {
    Sizes s = Sizes.of(call);
    try (Operands in = launcher.operands(call)) {
      long x = in.contiguous(0);
      Tensor filters = view(call, in.contiguous(1), s.filters());
      long y = Launcher.address(call.output(0));
      long room = room(in, s);
      for (int i = 0; i < s.x.dim(0); i++) {
        run(new MatMul(), List.of(filters, columns(call, s, image(call, x, i, s.image()), room)), image(call, y, i, s.result()));
      }
      if (s.conv.bias()) {
        Tensor bias = view(call, in.contiguous(2), Shape.of(s.y.dim(1), 1, 1));
        run(new Binary(Binary.Fn.ADD), List.of(call.output(0), bias), call.output(0));
      }
    }
  }

  private void gradInput(Call call) {
    Sizes s = Sizes.of(call);
    try (Operands in = launcher.operands(call)) {
      long g = in.contiguous(0);
      Tensor filters = transposed(view(call, in.contiguous(1), s.filters()));
      long x = Launcher.address(call.output(0));
      Tensor columns = view(call, room(in, s), s.columns());
      for (int i = 0; i < s.x.dim(0); i++) {
        run(new MatMul(), List.of(filters, image(call, g, i, s.result())), columns);
        run(new Fold(s.window(), (int) s.x.dim(2), (int) s.x.dim(3)), List.of(columns), image(call, x, i, s.image()));
      }
    }
  }

  private void gradWeight(Call call) {
    Sizes s = Sizes.of(call);
    int images = (int) s.x.dim(0);
    Shape filters = s.filters().insert(0, 1);
    try (Operands in = launcher.operands(call)) {
      long g = in.contiguous(0);
      long x = in.contiguous(1);
      long room = room(in, s);
      long sums = in.scratch(images * filters.size() * Float.BYTES);
      for (int i = 0; i < images; i++) {
        Tensor columns = columns(call, s, image(call, x, i, s.image()), room);
        run(new MatMul(), List.of(image(call, g, i, s.result()), transposed(columns)), image(call, sums, i, filters));
      }
      reductions.sumTo(call, in, DType.F32, sums, Shape.of(images).concat(s.weight), call.output(0));
    }
  }
}
