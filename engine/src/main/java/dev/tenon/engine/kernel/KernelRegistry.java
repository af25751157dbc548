package dev.tenon.engine.kernel;

import dev.tenon.engine.op.Op;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;

/** Picks the cheapest kernel that accepts a call, and counts the calls that only the reference could run. */
public final class KernelRegistry {
  private static final System.Logger LOG = System.getLogger(KernelRegistry.class.getName());

  private final Map<Class<? extends Op>, List<Kernel>> kernels;
  private final Kernel reference = new ReferenceKernel();
  private final Set<Class<? extends Op>> reported = ConcurrentHashMap.newKeySet();
  private final AtomicLong fallbacks = new AtomicLong();

  public KernelRegistry(List<Kernel> kernels) {
    Map<Class<? extends Op>, List<Kernel>> byOp = new LinkedHashMap<>();
    kernels.forEach(k -> byOp.computeIfAbsent(k.op(), _ -> new ArrayList<>()).add(k));
    byOp.values().forEach(ofOp -> ofOp.sort(Comparator.comparingDouble(Kernel::leastCost)));
    this.kernels = byOp;
  }

  /** The kernel that will run {@code call}. */
  public Kernel select(Call call) {
    Kernel best = null;
    double cost = Double.POSITIVE_INFINITY;
    for (Kernel kernel : kernels.getOrDefault(call.op().getClass(), List.of())) {
      if (kernel.leastCost() < cost && kernel.accepts(call) instanceof Kernel.Offer.Accept(double offered) && offered < cost) {
        best = kernel;
        cost = offered;
      }
    }
    return best != null ? best : fallBack(call);
  }

  private Kernel fallBack(Call call) {
    fallbacks.incrementAndGet();
    if (reported.add(call.op().getClass())) {
      LOG.log(System.Logger.Level.DEBUG, () -> "the reference runs " + call.describe() + "\n" + explain(call));
    }
    return reference;
  }

  /** Who was asked to run {@code call}, and what each answered, one line a kernel. */
  public String explain(Call call) {
    StringBuilder text = new StringBuilder(call.describe());
    for (Kernel kernel : kernels.getOrDefault(call.op().getClass(), List.of())) {
      String answer = switch (kernel.accepts(call)) {
        case Kernel.Offer.Accept(double cost) -> "accepts at cost " + cost;
        case Kernel.Offer.Refuse(String reason) -> "refuses: " + reason;
      };
      text.append("\n  ").append(kernel.name()).append(' ').append(answer);
    }
    return text.append("\n  ").append(reference.name()).append(" accepts everything").toString();
  }

  /** Calls that went to the reference since the start or the last {@link #resetFallbacks}. */
  public long fallbacks() {
    return fallbacks.get();
  }

  /** Sets the count of {@link #fallbacks} to zero. */
  public void resetFallbacks() {
    fallbacks.set(0);
  }

  /** All kernels, for conformance tests and benchmarks to enumerate. */
  public List<Kernel> all() {
    return kernels.values().stream().flatMap(List::stream).toList();
  }
}
