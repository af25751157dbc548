package dev.tenon.engine.kernel;

import dev.tenon.engine.Tensor;
import dev.tenon.engine.op.Op;
import java.util.List;
import java.util.function.Predicate;

/** One way to run an op on one kind of device. Stateless: all it needs is in the call. */
public interface Kernel {
  /** What tables and traces call it, such as {@code gemm-4x16}. */
  String name();

  /** The op it computes. */
  Class<? extends Op> op();

  /** Whether this kernel can run {@code call} exactly as the op defines it. */
  Offer accepts(Call call);

  /** No offer of this kernel is lower, so that it need not be asked where one that is no higher has been made. */
  default double leastCost() {
    return 0;
  }

  /** Whether a launch leaves everything to the device, so that a {@link dev.tenon.engine.Recording} can repeat it. */
  default boolean isRecordable() {
    return true;
  }

  /** Computes the call's outputs. Only called after {@link #accepts} accepted. */
  void launch(Call call);

  /**
   * How many of the calls in {@code next} this kernel can run along with {@code call}, in the same pass. Each of them is the only use of
   * the one before; none of their results but the last is then written.
   */
  default int absorbs(Call call, List<Call> next) {
    return 0;
  }

  /**
   * {@code call} and those it {@link #absorbs}, made ready to be run again and again on the same tensors. Whatever does not change
   * between runs, such as {@code frozen} operands in another order, may be worked out here.
   */
  default Runnable prepare(Call call, List<Call> absorbed, Frozen frozen) {
    return () -> launch(call);
  }

  /** Which operands keep their values between runs, and how weights among them may be stored. */
  record Frozen(Predicate<Tensor> operands, WeightFormat format) {}

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
