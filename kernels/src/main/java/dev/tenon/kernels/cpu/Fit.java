package dev.tenon.kernels.cpu;

import dev.tenon.engine.DType;
import dev.tenon.engine.Tensor;
import dev.tenon.engine.kernel.Call;
import dev.tenon.engine.kernel.Kernel;

/** The conditions the CPU kernels put on a call, with the reasons they give when one does not hold. */
final class Fit {
  /** What a kernel costs that is written for the op; cheaper ones would say less. */
  private static final double COST = 1;
  /** Java arrays end below this many elements. */
  private static final long ARRAY = 1L << 30;

  /** Whole numbers up to this are exact in floats. */
  private static final long EXACT = 1 << 24;

  private Fit() {}

  static Kernel.Offer accept() {
    return Kernel.Offer.accept(COST);
  }

  /** Accepts operands that are all F32. */
  static Kernel.Offer f32(Call call) {
    for (Tensor t : call.inputs()) {
      if (t.dtype() != DType.F32) {
        return Kernel.Offer.refuse("computes in F32 only, and an operand is " + t.dtype());
      }
    }
    return accept();
  }

  /** Accepts operands of types that floats hold exactly, in which they are staged. */
  static Kernel.Offer staged(Call call) {
    for (Tensor t : call.inputs()) {
      boolean exact = switch (t.dtype()) {
        case F32, F16, BF16, U8, BOOL -> true;
        case F64, I64, I32 -> false;
      };
      if (!exact) {
        return Kernel.Offer.refuse("stages elements as F32, which does not hold every " + t.dtype());
      }
    }
    return accept();
  }

  /** Accepts F32 operands that have elements, and rows of them that fit into arrays. */
  static Kernel.Offer rows(Call call) {
    for (Tensor t : call.inputs()) {
      if (t.size() == 0 || t.size() > Integer.MAX_VALUE) {
        return Kernel.Offer.refuse("works on operands of 1 to 2³¹ − 1 elements, and one has shape " + t.shape());
      }
    }
    return f32(call);
  }

  /** Accepts F32 operands that have elements beside an index, operand 1, which floats hold exactly up to {@link #EXACT}. */
  static Kernel.Offer indexed(Call call) {
    for (int i = 0; i < call.inputs().size(); i++) {
      Tensor t = call.input(i);
      if (i != 1 && t.dtype() != DType.F32) {
        return Kernel.Offer.refuse("computes in F32 only, and an operand is " + t.dtype());
      }
      if (t.size() == 0 || t.size() > Integer.MAX_VALUE) {
        return Kernel.Offer.refuse("works on operands of 1 to 2³¹ − 1 elements, and one has shape " + t.shape());
      }
    }
    return counted(call.input(0));
  }

  /** Accepts a tensor whose positions along any dimension floats hold exactly. */
  static Kernel.Offer counted(Tensor x) {
    for (long dim : x.shape().toArray()) {
      if (dim > EXACT) {
        return Kernel.Offer.refuse("stages positions as F32, which counts up to " + EXACT + ", and x has shape " + x.shape());
      }
    }
    return accept();
  }

  /** Accepts F32 operands small enough to be packed into arrays. */
  static Kernel.Offer packed(Call call) {
    for (Tensor t : call.inputs()) {
      if (t.size() > ARRAY / 16) {
        return Kernel.Offer.refuse("packs operands of at most " + ARRAY / 16 + " elements, and one has shape " + t.shape());
      }
    }
    return f32(call);
  }
}
