package dev.tenon.kernels.gpu;

import dev.tenon.engine.DType;
import dev.tenon.engine.Device;
import dev.tenon.engine.Layout;
import dev.tenon.engine.Shape;
import dev.tenon.engine.Tensor;
import dev.tenon.engine.kernel.Call;
import java.util.List;
import java.util.Set;

/** The conditions the GPU kernels put on a call: why one does not hold, or null when all do. */
public final class Fit {
  private static final Set<DType> REAL = Set.of(DType.F32, DType.F64, DType.BF16, DType.F16);

  private Fit() {}

  /** Real operands and results are all of one type that kernels are written for, and nothing is too large. */
  public static String real(Call call) {
    DType dtype = call.inputs().stream().map(Tensor::dtype).filter(DType::isFloating).findFirst().orElse(DType.I64);
    if (!REAL.contains(dtype) || dtype == DType.F16 && call.inputs().getFirst().device().kind() == Device.Kind.CUDA) {
      return "has no kernel in " + dtype;
    }
    for (Tensor t : call.inputs()) {
      if (t.dtype().isFloating() && t.dtype() != dtype) {
        return "takes operands of one type, and there are " + dtype + " and " + t.dtype();
      }
    }
    return small(call);
  }

  /** The type that kernels compute in on operands of {@code dtype}. */
  public static DType compute(DType dtype) {
    return dtype == DType.F64 ? DType.F64 : DType.F32;
  }

  /** No operand or result has more elements than 32-bit indices reach, or a layout with too many steps. */
  public static String small(Call call) {
    String reason = small(call.inputs());
    return reason == null ? small(call.outputs()) : reason;
  }

  private static String small(List<Tensor> tensors) {
    for (Tensor t : tensors) {
      // Most are walked in one step; to see so costs less than to plan it.
      boolean plain = t.layout().isContiguous() && t.size() <= Integer.MAX_VALUE;
      if (!plain && !Walk.of(t.shape(), t.layout(), Layout.contiguous(t.shape())).fits()) {
        return "walks up to 6 dimensions of 2^31 elements, and an operand is " + t.layout();
      }
    }
    return null;
  }

  /** All operands fit, and so does walking over them together as they broadcast to {@code shape}. */
  public static String together(Call call, Shape shape) {
    Layout[] layouts = call.inputs().stream().map(Tensor::layout).toArray(Layout[]::new);
    return Walk.of(shape, layouts).fits() ? null : "walks up to 6 dimensions of 2^31 elements, and broadcasting needs more";
  }
}
