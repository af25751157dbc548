package dev.tenon.kernels.gpu;

/**
 * How many blocks of how many threads a kernel is started with.
 *
 * @param sharedBytes shared memory a block, beyond what the kernel's text declares
 * @param elements how many elements the threads share by striding; 0 where each knows its own
 */
public record Grid(int x, int y, int z, int threads, int sharedBytes, long elements) {
  private static final int THREADS = 256;
  /** Enough blocks to fill any GPU; kernels over elements stride by the whole grid. */
  private static final long MOST_BLOCKS = 1 << 16;

  public Grid(int x, int y, int z, int threads) {
    this(x, y, z, threads, 0);
  }

  public Grid(int x, int y, int z, int threads, int sharedBytes) {
    this(x, y, z, threads, sharedBytes, 0);
  }

  /** Blocks in one dimension. */
  public static Grid of(long x, int threads) {
    return new Grid(Math.toIntExact(x), 1, 1, threads);
  }

  /** For a kernel that works on {@code size} elements, each thread on {@code each} or more. */
  public static Grid over(long size, int each) {
    long perBlock = (long) THREADS * each;
    return new Grid((int) Math.clamp((size + perBlock - 1) / perBlock, 1, MOST_BLOCKS), 1, 1, THREADS, 0, size);
  }

  /** One thread an element, without striding. */
  public static Grid each(long size) {
    return of((size + THREADS - 1) / THREADS, THREADS);
  }

  /** Whether there is nothing to do. */
  public boolean isEmpty() {
    return x == 0 || y == 0 || z == 0;
  }

  @Override
  public String toString() {
    return x + "×" + y + "×" + z + " blocks of " + threads + " threads and " + sharedBytes + " more bytes of shared memory";
  }
}
