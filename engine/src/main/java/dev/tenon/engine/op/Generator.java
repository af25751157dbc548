package dev.tenon.engine.op;

import dev.tenon.engine.Shape;
import dev.tenon.engine.random.Philox;

/** Draws the shapes of example calls: small ones, with extents of 1 and primes, which no block size divides. */
public final class Generator {
  private static final long[] EXTENTS = {1, 2, 3, 5, 7};

  private final Philox random;
  private long drawn;

  public Generator(Philox random) {
    this.random = random;
  }

  /** A whole number 0 to {@code bound − 1}. */
  public int below(int bound) {
    return random.nextInt(drawn++, bound);
  }

  /** An extent. */
  public long dim() {
    return EXTENTS[below(EXTENTS.length)];
  }

  /** A shape of {@code minRank} to {@code maxRank} dimensions. */
  public Shape shape(int minRank, int maxRank) {
    long[] dims = new long[minRank + below(maxRank - minRank + 1)];
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
