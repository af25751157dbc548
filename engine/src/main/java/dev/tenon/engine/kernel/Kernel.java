package dev.tenon.engine.kernel;

import dev.tenon.engine.op.Op;

/** One way to run an op on one kind of device. Stateless: all it needs is in the call. */
public interface Kernel {
  /** What tables and traces call it, such as {@code gemm-4x16}. */
  String name();

  /** The op it computes. */
  Class<? extends Op> op();

  /** Whether this kernel can run {@code call} exactly as the op defines it. */
  Offer accepts(Call call);

  /** Computes the call's outputs. Only called after {@link #accepts} accepted. */
  void launch(Call call);

  /** A kernel's answer to being asked. */
  sealed interface Offer {
    /** It can; the lowest cost of all offers wins. */
    record Accept(double cost) implements Offer {}

    /** It cannot, and why. */
    record Refuse(String reason) implements Offer {}

    static Offer accept(double cost) {
      return new Accept(cost);
    }

    static Offer refuse(String reason) {
      return new Refuse(reason);
    }
  }
}
