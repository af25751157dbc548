package dev.tenon.kernels.cpu;

import dev.tenon.engine.DType;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.stream.Stream;

/**
 * Runs a computation over the rows of its operands where they lie in memory, so that memory is read and written while it computes. What
 * does not lie there as dense F32 is read into memory of the thread's own and written back from there, as by {@link Rows}.
 */
final class Spans {
  /** Elements a task handles at most. */
  private static final int GRAIN = 1 << 15;

  private Spans() {}

  /** A computation on rows that follow each other, which touches nothing beyond them unless they are shorter than a vector. */
  interface Body {
    /** Fills in what is at {@code out} from what is at {@code in}; {@code n} is how many elements the first result has there. */
    void apply(long[] in, long[] out, int n);
  }

  /** Runs {@code body} on as many rows at a time as lie in memory, or fit into the first cache; operands of one row are shared by all. */
  static void run(Workers workers, List<Rows.Operand> in, List<Rows.Operand> out, Body body) {
    Rows.Operand first = out.getFirst();
    long rows = (first.data().size() + first.width() - 1) / first.width();
    long most = Math.max(1, GRAIN / Stream.concat(in.stream(), out.stream()).mapToInt(Rows.Operand::width).max().orElse(1));
    workers.ranges(rows, most, (from, to) -> some(from, to, in, out, body));
  }

  private static void some(long from, long to, List<Rows.Operand> in, List<Rows.Operand> out, Body body) {
    int widest = Stream.concat(in.stream(), out.stream())
        .filter(o -> !o.isOneRow() && !isInPlace(o.data(), o.width(), o.length(from, to - from)))
        .mapToInt(Rows.Operand::width).max().orElse(0);
    long block = widest == 0 ? to - from : Math.max(1, Rows.BLOCK / widest);
    long[] x = new long[in.size()];
    long[] y = new long[out.size()];
    for (long row = from; row < to; row += block) {
      long count = Math.min(block, to - row);
      for (int i = 0; i < x.length; i++) {
        Rows.Operand o = in.get(i);
        if (!o.isOneRow()) {
          x[i] = read(o.data(), row * o.width(), o.width(), o.length(row, count), i);
        } else if (row == from) {
          x[i] = read(o.data(), 0, o.width(), o.width(), i);
        }
      }
      for (int i = 0; i < y.length; i++) {
        Rows.Operand o = out.get(i);
        int n = o.length(row, count);
        y[i] = isInPlace(o.data(), o.width(), n) ? address(o.data(), row * o.width(), n) : Scratch.memory(in.size() + i, n).address();
      }
      body.apply(x, y, out.getFirst().length(row, count));
      for (int i = 0; i < y.length; i++) {
        Rows.Operand o = out.get(i);
        int n = o.length(row, count);
        if (!isInPlace(o.data(), o.width(), n)) {
          write(o.data(), row * o.width(), n, in.size() + i);
        }
      }
    }
  }

  /** Whether {@code n} elements in rows of {@code width} can be worked on where they are. */
  static boolean isInPlace(Strided data, int width, int n) {
    return data.isDense() && data.dtype() == DType.F32 && data.data().isNative() && Math.min(width, n) >= Simd.LANES;
  }

  static long address(Strided data, long from, int n) {
    return Native.address(data.data(), data.offset() + from, n);
  }

  /** Where {@code n} elements in rows of {@code width} are, or the thread's memory {@code number} with a copy of them. */
  static long read(Strided data, long from, int width, int n, int number) {
    if (isInPlace(data, width, n)) {
      return address(data, from, n);
    }
    return copy(data, from, n, number);
  }

  /** The thread's memory {@code number} with a copy of {@code n} elements. */
  static long copy(Strided data, long from, int n, int number) {
    float[] room = Scratch.array(number, n);
    data.read(from, n, room);
    MemorySegment copy = Scratch.memory(number, n);
    MemorySegment.copy(room, 0, copy, Simd.FLOAT, 0, n);
    return copy.address();
  }

  /** Writes {@code n} elements of the thread's memory {@code number} to where they belong. */
  static void write(Strided data, long from, int n, int number) {
    float[] room = Scratch.array(number, n);
    MemorySegment.copy(Scratch.memory(number, n), Simd.FLOAT, 0, room, 0, n);
    data.write(from, n, room);
  }
}
