package dev.tenon.training.bench;

import dev.tenon.engine.DType;
import dev.tenon.engine.Shape;
import dev.tenon.engine.Tensor;
import dev.tenon.engine.kernel.Elements;
import dev.tenon.engine.random.Philox;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.List;
import java.util.function.Function;

/**
 * Random operands, always the same. Large ones repeat a pattern of prime length, which no row of a matrix is a multiple of: they are
 * there in the time that copying them takes.
 */
public final class Draws {
  private static final int PERIOD = 65_537;

  private final DType dtype;
  private final Philox random = Philox.of(3);
  private int drawn;

  /** Of elements of {@code dtype}. */
  public Draws(DType dtype) {
    this.dtype = dtype;
  }

  /** Draws tensors of {@code shapes}, one after another, of numbers from −1 to 1. */
  public static Function<Draws, List<Tensor>> uniform(long[]... shapes) {
    return draws -> Arrays.stream(shapes).map(draws::uniform).toList();
  }

  /** Numbers from −1 to 1 with all the bits of the type, in the current scope. */
  public Tensor uniform(long... shape) {
    return within(1, shape);
  }

  /** Numbers from −{@code most} to {@code most}. */
  public Tensor within(double most, long... shape) {
    Philox numbers = random.split(drawn++);
    long width = dtype.byteSize();
    long bytes = Shape.of(shape).size() * width;
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment values = arena.allocate(bytes, Long.BYTES);
      long filled = Math.min(bytes, PERIOD * width);
      for (int i = 0; i < filled / width; i++) {
        Elements.set(values, dtype, i, most * (2 * numbers.uniformDouble(i) - 1));
      }
      while (filled < bytes) {
        long more = Math.min(filled, bytes - filled);
        MemorySegment.copy(values, 0, values, filled, more);
        filled += more;
      }
      return Tensor.of(dtype, Shape.of(shape), values);
    }
  }
}
