package dev.tenon.kernels.cuda;

import static dev.tenon.kernels.gpu.AttentionKernels.heads;

import dev.tenon.engine.DType;
import dev.tenon.engine.Layout;
import dev.tenon.engine.Tensor;
import dev.tenon.engine.kernel.Call;
import dev.tenon.engine.kernel.Kernel;
import dev.tenon.engine.op.Attention;
import dev.tenon.kernels.gpu.Fit;
import dev.tenon.kernels.gpu.Grid;
import dev.tenon.kernels.gpu.Launcher;
import dev.tenon.kernels.gpu.OpKernel;
import dev.tenon.kernels.gpu.Operands;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.List;

/**
 * Launches the text {@code flash90split.cu}: much attention of F32, forward, to the accuracy of F32 and on tensor cores that multiply BF16.
 * Where an element is infinite, results are NaN.
 */
record SplitAttention(Driver driver, Launcher launcher, int multiprocessors) {
  private static final String TEXT = "flash90split";
  private static final double COST = 0.2;
  /** Heads of so many channels and fewer are computed faster without tensor cores, since splitting them takes as long as that. */
  private static final int NARROW = 64;
  /** Heads are filled up to the first of these channels. */
  private static final int[] WIDTHS = {96, 128, 144};
  /** What the text calls by these names. */
  private static final int PARTS = 3;
  private static final int KEYS = 64;
  private static final int BARRIERS = 128;
  private static final int QUERIES = 128;
  /** What a block of the kernel that splits takes. */
  private static final int CHANNELS = 32;
  /** Positions are padded to multiples of this, as copies want it. */
  private static final int CHUNK = 8;
  private static final int MOST_IN_GRID = 65535;
  /** So many products of numbers repay splitting, and so many steps starting a block. */
  private static final long LEAST_TERMS = 1L << 26;
  private static final long LEAST_STEPS = 8;

  List<Kernel> all() {
    return List.of(new OpKernel("split flash", Attention.class, COST, SplitAttention::refusal, this::forward));
  }

  private static String refusal(Call call) {
    Attention op = (Attention) call.op();
    String reason = Fit.real(call);
    if (reason != null) {
      return reason;
    }
    if (op.causal() || op.bias() || op.scale() <= 0) {
      return "knows neither causality nor a bias, and takes the largest product for the largest score";
    }
    Tensor q = call.input(0);
    Tensor k = call.input(1);
    int most = WIDTHS[WIDTHS.length - 1];
    if (q.dtype() != DType.F32 || q.dim(3) % 2 != 0 || q.dim(3) <= NARROW || q.dim(3) > most) {
      return "takes heads of F32 with an even number of channels from 66 to " + most + ", and q is " + q.shape() + " " + q.dtype();
    }
    if (call.inputs().stream().anyMatch(t -> t.layout().stride(3) != 1)) {
      return "takes heads whose channels are neighbors";
    }
    if (q.size() * k.dim(1) < LEAST_TERMS) {
      return "splits the operands of much attention, and here is " + q.shape() + " with " + k.dim(1) + " keys";
    }
    long jobs = q.dim(0) * q.dim(2);
    return jobs <= MOST_IN_GRID && steps(q.dim(1), QUERIES) * jobs * steps(k.dim(1), KEYS) <= Integer.MAX_VALUE ? null
        : "takes up to 65535 heads of all samples and 2^31 tiles of scores, and q is " + q.shape();
  }

  private static long steps(long positions, int each) {
    return (positions + each - 1) / each;
  }

  /** The operands' parts, and the structure of their maps. */
  private record Parts(Call call, Operands in, MemorySegment maps) {
    static int padded(Tensor t) {
      return AlignedProducts.roundUp((int) t.dim(1), CHUNK);
    }

    static int jobs(Tensor t) {
      return (int) (t.dim(0) * t.dim(2));
    }

    long scratch(Tensor t) {
      return in.scratch((long) PARTS * jobs(t) * t.dim(3) * padded(t) * DType.BF16.byteSize());
    }

    /** Map {@code i}, of the parts at {@code address}. */
    void encode(Driver driver, int i, Tensor t, long address) {
      driver.encode(maps.asSlice((long) i * TensorMap.BYTES, TensorMap.BYTES),
          new TensorMap(TensorMap.Element.BF16, new long[] {t.dim(1), t.dim(3), (long) PARTS * jobs(t)},
              new long[] {padded(t), t.dim(3) * padded(t)}, new int[] {width(t), 1}), address);
    }
  }

  private static int width(Tensor t) {
    return Arrays.stream(WIDTHS).filter(w -> w >= t.dim(3)).findFirst().orElseThrow();
  }

  /** Starts splitting operand {@code i}; where its parts will be. */
  private long split(Parts parts, int i) {
    Tensor t = parts.call.input(i);
    Layout layout = t.layout();
    long address = parts.scratch(t);
    int[] source = {(int) t.dim(1), (int) t.dim(2), (int) t.dim(3), (int) layout.stride(0), (int) layout.stride(1), (int) layout.stride(2),
        Parts.padded(t)};
    launcher.launch(parts.call, Launcher.Entry.of(TEXT, "flashParts", DType.F32),
        new Grid((int) steps(t.dim(1), KEYS), (int) steps(t.dim(3), CHANNELS), Parts.jobs(t), 256), source, t, address);
    return address;
  }

  private static boolean isSame(Tensor a, Tensor b) {
    return Launcher.address(a) == Launcher.address(b) && a.layout().equals(b.layout());
  }

  private void forward(Call call) {
    Tensor q = call.input(0);
    Tensor k = call.input(1);
    int width = width(q);
    long of = steps(k.dim(1), KEYS);
    long tiles = steps(q.dim(1), QUERIES) * Parts.jobs(q);
    long each = Math.min(tiles * of, Math.max(LEAST_STEPS, steps(tiles * of, multiprocessors)));
    int blocks = (int) steps(tiles * of, (int) each);
    int[] steps = {Parts.jobs(q), (int) each};
    int[] heads = heads(q, k, call.input(2), false, null);
    try (Operands in = launcher.operands(call); Arena arena = Arena.ofConfined()) {
      Parts parts = new Parts(call, in, arena.allocate(3L * TensorMap.BYTES, TensorMap.ALIGNMENT));
      long ofQ = split(parts, 0);
      parts.encode(driver, 0, q, ofQ);
      parts.encode(driver, 1, k, isSame(q, k) ? ofQ : split(parts, 1));
      parts.encode(driver, 2, call.input(2), split(parts, 2));
      boolean joins = each % of != 0;
      long partial = joins ? in.scratch(2L * blocks * (width / 2 + 4) * 256 * Float.BYTES) : 0;
      int bytes = (2 + 2 * (width > 96 ? 1 : 2)) * PARTS * width * TensorMap.ROW + BARRIERS;
      launcher.launch(call, Launcher.Entry.of(TEXT, "flashSplit" + width, DType.F32), new Grid(blocks, 1, 1, 384, bytes), parts.maps,
          heads, steps, op(call).scale(), partial, call.output(0), call.output(1));
      if (joins) {
        launcher.launch(call, Launcher.Entry.of(TEXT, "flashSplitJoin" + width, DType.F32), new Grid((int) tiles, 1, 1, 256), heads, steps,
            partial, call.output(0), call.output(1));
      }
    }
  }

  private static Attention op(Call call) {
    return (Attention) call.op();
  }
}
