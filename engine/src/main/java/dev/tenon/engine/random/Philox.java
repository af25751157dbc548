package dev.tenon.engine.random;

import java.util.function.LongToDoubleFunction;
import org.apache.commons.math3.special.Erf;

/**
 * Random numbers that are a function of (seed, stream, index) and of nothing else, so that results do not
 * depend on who draws them, in which order or on how many threads. The generator is Philox4x32-10 (Salmon,
 * Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011).
 *
 * <p>A value is immutable and has no position: every method takes the index {@code i} of the element it is
 * for. Draws of different kinds for the same index share bits; use a {@link #split} for each purpose.
 *
 * @param key the generator's 64-bit key
 * @param stream the upper half of its 128-bit counter; the index is the lower half
 */
public record Philox(long key, long stream) {
  private static final int ROUNDS = 10;
  private static final long MULTIPLIER_0 = 0xD2511F53L;
  private static final long MULTIPLIER_1 = 0xCD9E8D57L;
  private static final int WEYL_0 = 0x9E3779B9;
  private static final int WEYL_1 = 0xBB67AE85;
  private static final long UINT = 0xFFFFFFFFL;
  /** Keys of children come from another key than values do: a drawn number never tells a child's key. */
  private static final long SPLIT_KEY = 0x5DEECE66D1CE4E5BL;
  private static final double SQRT2 = Math.sqrt(2);

  /** The root of all streams of {@code seed}. */
  public static Philox of(long seed) {
    return new Philox(seed, 0);
  }

  /**
   * The stream at {@code path} below this one, such as {@code split(step, op, sample)}; streams at different
   * paths are independent, and {@code split(a, b)} is {@code split(a).split(b)}.
   */
  public Philox split(long... path) {
    Philox child = this;
    for (long id : path) {
      Philox keys = new Philox(child.key ^ SPLIT_KEY, child.stream);
      child = new Philox(keys.half(id, 0), keys.half(id, 1));
    }
    return child;
  }

  /** The stream called {@code name} below this one. */
  public Philox split(String name) {
    long[] path = new long[name.length() + 1];
    path[0] = name.length();
    for (int i = 0; i < name.length(); i++) {
      path[i + 1] = name.charAt(i);
    }
    return split(path);
  }

  /** The generator's four words at {@code counter}: {@link #bits32} of elements 4·counter … 4·counter+3. */
  public int[] block(long counter) {
    long low = half(counter, 0);
    long high = half(counter, 1);
    return new int[] {(int) low, (int) (low >>> 32), (int) high, (int) (high >>> 32)};
  }

  /** 32 random bits for element {@code i}. */
  public int bits32(long i) {
    long half = half(i >> 2, (int) (i >> 1 & 1));
    return (int) ((i & 1) == 0 ? half : half >>> 32);
  }

  /** 64 random bits for element {@code i}. */
  public long bits64(long i) {
    return half(i >> 1, (int) (i & 1));
  }

  /** Uniform on [0, 1), a multiple of 2^-24. */
  public float uniformFloat(long i) {
    return (bits32(i) >>> 8) * 0x1p-24f;
  }

  /** Uniform on [0, 1), a multiple of 2^-53. */
  public double uniformDouble(long i) {
    return (bits64(i) >>> 11) * 0x1p-53;
  }

  /** Normal with mean 0 and variance 1, by inversion, so one element takes exactly one draw. */
  public double normal(long i) {
    return SQRT2 * Erf.erfInv(2 * openUniform(i) - 1);
  }

  /**
   * Normal with mean 0 and standard deviation {@code std}, conditioned on {@code [low, high]} (absolute
   * values, as {@code trunc_normal_} of timm and PyTorch takes them), as a function of the element's index.
   *
   * @throws IllegalArgumentException when {@code std} is not positive, or when a normal value practically
   *     never falls between the bounds
   */
  public LongToDoubleFunction truncatedNormal(double std, double low, double high) {
    double from = Erf.erf(low / (std * SQRT2));
    double to = Erf.erf(high / (std * SQRT2));
    if (!(std > 0 && to - from > 0x1p-40)) {
      throw new IllegalArgumentException("a normal of standard deviation " + std
          + " cannot be truncated to [" + low + ", " + high + "]; choose std > 0 and wider bounds");
    }
    return i -> {
      double value = std * SQRT2 * Erf.erfInv(from + openUniform(i) * (to - from));
      return Math.clamp(value, low, high);
    };
  }

  /** Uniform on 0 … {@code bound}-1, without bias. */
  public int nextInt(long i, int bound) {
    return (int) nextLong(i, bound);
  }

  /**
   * Uniform on 0 … {@code bound}-1, without bias (Lemire, "Fast random integer generation in an interval",
   * 2019).
   *
   * @throws IllegalArgumentException when {@code bound} is not positive
   */
  public long nextLong(long i, long bound) {
    if (bound <= 0) {
      throw new IllegalArgumentException("the bound of a random number must be positive, not " + bound);
    }
    long bits = bits64(i);
    if (Long.compareUnsigned(bits * bound, bound) < 0) {
      long rejected = Long.remainderUnsigned(-bound, bound);
      // Further draws come from a stream of this element's own: its neighbors' draws must stay theirs.
      Philox more = split(i);
      for (long attempt = 0; Long.compareUnsigned(bits * bound, rejected) < 0; attempt++) {
        bits = more.bits64(attempt);
      }
    }
    return Math.unsignedMultiplyHigh(bits, bound);
  }

  /** A uniformly chosen order of 0 … {@code n}-1 (Fisher and Yates). */
  public int[] permutation(int n) {
    int[] order = new int[n];
    for (int i = 0; i < n; i++) {
      int j = nextInt(i, i + 1);
      order[i] = order[j];
      order[j] = i;
    }
    return order;
  }

  /**
   * Uniform on the open interval (0, 1): the midpoints of 2^52 equal cells, so that 2u-1 is exact and never
   * ±1.
   */
  private double openUniform(long i) {
    return ((bits64(i) >>> 12) + 0.5) * 0x1p-52;
  }

  /**
   * Words 0 and 1 ({@code which} = 0) or 2 and 3 of the block at {@code index}, the first in the low bits.
   */
  private long half(long index, int which) {
    int c0 = (int) index;
    int c1 = (int) (index >>> 32);
    int c2 = (int) stream;
    int c3 = (int) (stream >>> 32);
    int k0 = (int) key;
    int k1 = (int) (key >>> 32);
    for (int round = 0; round < ROUNDS; round++) {
      long product0 = MULTIPLIER_0 * (c0 & UINT);
      long product1 = MULTIPLIER_1 * (c2 & UINT);
      c0 = (int) (product1 >>> 32) ^ c1 ^ k0;
      c1 = (int) product1;
      c2 = (int) (product0 >>> 32) ^ c3 ^ k1;
      c3 = (int) product0;
      k0 += WEYL_0;
      k1 += WEYL_1;
    }
    return which == 0 ? c0 & UINT | (long) c1 << 32 : c2 & UINT | (long) c3 << 32;
  }
}
