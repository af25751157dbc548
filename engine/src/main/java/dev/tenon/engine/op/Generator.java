package dev.tenon.engine.op;

import dev.tenon.engine.Shape;
import dev.tenon.engine.random.Philox;

/**
 * Draws the shapes of example calls: small ones, with extents of 0, of 1 and of primes, which no block size divides; or large ones, for
 * timing.
 */
public final class Generator {
  private static final long[] EXTENTS = {1, 2, 3, 5, 7};
  /** One extent in so many is 0. */
  private static final int EMPTY = 8;

  /** Extents that no small shape has: more than any vector is long, and odd remainders. */
  private static final long[] LONG = {130, 517, 1031};

  /** Extents of large calls. */
  private static final long[] WIDE = {16, 48, 64, 197};
  /** How much longer than a small call's extents a large one's are. */
  private static final int LARGE = 16;

  private final Philox random;
  private final int stretched;
  private final int scale;
  private long drawn;
  private int extents;

  public Generator(Philox random) {
    this(random, -1, 1);
  }

  private Generator(Philox random, int stretched, int scale) {
    this.random = random;
    this.stretched = stretched;
    this.scale = scale;
  }

  /** A generator whose extent number {@code which} above 0, counted from 0, is a long one. */
  public static Generator stretched(Philox random, int which) {
    return new Generator(random, which, 1);
  }

  /** A generator of large calls, none of whose extents is 0. */
  public static Generator large(Philox random) {
    return new Generator(random, -1, LARGE);
  }

  /** A whole number 0 to {@code bound − 1}. */
  public int below(int bound) {
    return random.nextInt(drawn++, bound);
  }

  /** A whole number {@code low} to {@code high}. */
  public int between(int low, int high) {
    return low + below(high - low + 1);
  }

  /** An extent {@code low} to {@code high}; in large calls a multiple of such a one. */
  public int extent(int low, int high) {
    return scale * between(low, high);
  }

  /** An extent, now and then 0 in small calls. */
  public long dim() {
    return scale == 1 && below(EMPTY) == 0 ? 0 : filled();
  }

  /** An extent above 0. */
  public long filled() {
    long[] choices = scale > 1 ? WIDE : extents++ == stretched ? LONG : EXTENTS;
    return choices[below(choices.length)];
  }

  /** A shape of {@code minRank} to {@code maxRank} dimensions. */
  public Shape shape(int minRank, int maxRank) {
    long[] dims = new long[between(minRank, maxRank)];
    for (int i = 0; i < dims.length; i++) {
      dims[i] = dim();
    }
    return Shape.of(dims);
  }

  /** A dimension of {@code shape}, counted from the first. */
  public int axis(Shape shape) {
    return below(shape.rank());
  }

  /** A shape that broadcasts to {@code shape}: some extents are 1, and leading dimensions may be missing. */
  public Shape broadcasting(Shape shape) {
    Shape tail = shape.slice(below(shape.rank()), shape.rank());
    for (int i = 0; i < tail.rank(); i++) {
      tail = below(3) == 0 ? tail.with(i, 1) : tail;
    }
    return tail;
  }
}
