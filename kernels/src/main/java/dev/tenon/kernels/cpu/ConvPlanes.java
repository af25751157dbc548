package dev.tenon.kernels.cpu;

import dev.tenon.engine.DType;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import jdk.incubator.vector.FloatVector;

/**
 * How a convolution's planes lie in its arrays: padded and split by phase, with rows {@code pitch} apart in input and output alike.
 * A tap then is one offset for all outputs of a phase, and rows need no ends: what is computed between them is left out in the end.
 */
final class ConvPlanes {
  private final ConvAxis rows;
  private final ConvAxis columns;
  private final int[] rowSources;
  private final int[] columnSources;
  private final int strip;
  private final int pitch;
  private final int sourceRows;
  private final int leastRow;
  private final int leastColumn;

  /** Planes of which {@code strip} rows of each output phase are computed at a time. */
  ConvPlanes(ConvAxis rows, ConvAxis columns, int strip) {
    this.rows = rows;
    this.columns = columns;
    this.rowSources = rows.sources();
    this.columnSources = columns.sources();
    this.strip = strip;
    this.pitch = pitch(columns);
    this.sourceRows = strip + rows.reach();
    this.leastRow = rows.leastShift();
    this.leastColumn = columns.leastShift();
  }

  /** Rows are as near as they can be: zeros left of a row are also those right of the row above. */
  private static int pitch(ConvAxis columns) {
    int read = columns.count() + columns.reach();
    int left = Math.max(0, -columns.leastShift());
    int stored = left + (columns.in() + columns.step() - 1) / columns.step();
    return Math.max(columns.count(), Math.max(read - left, Math.min(read, stored)));
  }

  /** A phase of the output: where its taps read, and where in the window they are. */
  record Phase(int row, int column, int[] offsets, int[] window) {
    int taps() {
      return offsets.length;
    }

    /** The offsets of all taps in all of {@code channels}, which are {@code size} apart. */
    int[] offsets(int channels, int size) {
      int[] all = new int[channels * offsets.length];
      Arrays.setAll(all, i -> i / offsets.length * size + offsets[i % offsets.length]);
      return all;
    }
  }

  int strip() {
    return strip;
  }

  /** Elements of a strip of one output plane's phase, those between rows included. */
  int output() {
    return strip * pitch;
  }

  /** Elements of a strip of one packed input plane. */
  int input() {
    return rowSources.length * columnSources.length * sourceRows * pitch;
  }

  /** Elements that tiles may touch beyond the end of what is packed. */
  int slack() {
    return pitch + ConvTiles.LONG;
  }

  List<Phase> phases() {
    List<Phase> phases = new ArrayList<>();
    for (int row = 0; row < Math.min(rows.spacing(), rows.out()); row++) {
      for (int column = 0; column < Math.min(columns.spacing(), columns.out()); column++) {
        phases.add(phase(row, column));
      }
    }
    return phases;
  }

  private Phase phase(int row, int column) {
    List<ConvAxis.Tap> tall = rows.tapsTo(row);
    List<ConvAxis.Tap> wide = columns.tapsTo(column);
    int[] offsets = new int[tall.size() * wide.size()];
    int[] window = new int[offsets.length];
    for (int i = 0; i < offsets.length; i++) {
      ConvAxis.Tap y = tall.get(i / wide.size());
      ConvAxis.Tap x = wide.get(i % wide.size());
      int source = Arrays.binarySearch(rowSources, y.from()) * columnSources.length + Arrays.binarySearch(columnSources, x.from());
      offsets[i] = (source * sourceRows + y.shift() - leastRow) * pitch + x.shift() - leastColumn;
      window[i] = y.index() * columns.window() + x.index();
    }
    return new Phase(row, column, offsets, window);
  }

  /** Room for the rows of an input plane that {@link #pack} reads. */
  float[] inputRows() {
    return Scratch.array(0, Math.min(rows.in(), sourceRows * rows.step()) * columns.in());
  }

  /** Packs what outputs from row {@code first} on read of plane number {@code plane}; planes must be packed in ascending order. */
  void pack(Strided x, long plane, int first, float[] tile, float[] to, int at) {
    int top = (first + leastRow) * rows.step();
    int from = Math.max(0, top);
    int end = Math.min(rows.in(), top + sourceRows * rows.step());
    if (isStraight(x)) {
      int above = Math.min(from - top, sourceRows);
      int count = Math.max(0, end - from);
      Arrays.fill(to, at, at + above * pitch, 0);
      copyRows(x, (plane * rows.in() + from) * columns.in() + first(), count, to, at + above * pitch);
      Arrays.fill(to, at + (above + count) * pitch, at + sourceRows * pitch + left(), 0);
      return;
    }
    if (from < end) {
      x.read((plane * rows.in() + from) * columns.in(), (end - from) * columns.in(), tile);
    }
    int row = at;
    for (int phase : rowSources) {
      for (int source : columnSources) {
        for (int i = 0; i < sourceRows; i++, row += pitch) {
          int y = top + i * rows.step() + phase;
          if (y < from || y >= end) {
            Arrays.fill(to, row, row + pitch, 0);
          } else {
            spread(tile, (y - from) * columns.in(), source, to, row);
          }
        }
      }
    }
    // What the last row reads right of it, another plane may have left there.
    Arrays.fill(to, row, row + left(), 0);
  }

  /** Whether rows can be copied from where they are. */
  private boolean isStraight(Strided x) {
    return x.isDense() && x.dtype() == DType.F32 && x.data().isNative() && rows.step() == 1 && columns.step() == 1
        && inside() >= Simd.LANES;
  }

  /** Copies {@code count} rows between their paddings, by vectors of which the last two of a row overlap. */
  private void copyRows(Strided x, long start, int count, float[] to, int at) {
    int inside = inside();
    int left = left();
    long address = count == 0 ? 0 : Native.address(x.data(), x.offset() + start, (count - 1L) * columns.in() + inside);
    for (int i = 0; i < count; i++) {
      int row = at + i * pitch;
      long from = address + (long) i * columns.in() * Float.BYTES;
      for (int j = 0; j < left; j++) {
        to[row + j] = 0;
      }
      for (int j = 0; j < inside; j += Simd.LANES) {
        int column = Math.min(j, inside - Simd.LANES);
        Native.load(from, column).intoArray(to, row + left + column);
      }
      for (int j = left + inside; j < pitch; j++) {
        to[row + j] = 0;
      }
    }
  }

  /** Elements of a row between its paddings, where neighbors read neighbors. */
  private int inside() {
    return Math.min(columns.in() - first(), pitch - left());
  }

  /** The first input that is read. */
  private int first() {
    return left() + leastColumn;
  }

  private int left() {
    return Math.clamp(-leastColumn, 0, pitch);
  }

  /** Copies a phase of a row between its paddings. */
  private void spread(float[] tile, int from, int source, float[] to, int row) {
    int step = columns.step();
    int left = left();
    int x = (left + leastColumn) * step + source;
    int count = Math.clamp((columns.in() - x + step - 1) / step, 0, pitch - left);
    Arrays.fill(to, row, row + left, 0);
    if (step == 1) {
      copy(tile, from + x, to, row + left, count);
    } else {
      for (int i = 0; i < count; i++) {
        to[row + left + i] = tile[from + x + i * step];
      }
    }
    Arrays.fill(to, row + left + count, row + pitch, 0);
  }

  /** Copies by vectors, of which the last two overlap. */
  private static void copy(float[] from, int source, float[] to, int target, int count) {
    if (count < Simd.LANES) {
      for (int i = 0; i < count; i++) {
        to[target + i] = from[source + i];
      }
      return;
    }
    for (int i = 0; i < count; i += Simd.LANES) {
      int at = Math.min(i, count - Simd.LANES);
      FloatVector.fromArray(Simd.F32, from, source + at).intoArray(to, target + at);
    }
  }

  /** Packs rows from {@code first} on of an output plane, with zeros between and after them up to {@code length}. */
  void packOutput(Strided y, long plane, int first, float[] tile, float[] to, int at, int length) {
    int width = columns.out();
    int count = Math.min(strip, rows.out() - first);
    y.read((plane * rows.out() + first) * width, count * width, tile);
    for (int i = 0; i < count; i++) {
      copy(tile, i * width, to, at + i * pitch, width);
      Arrays.fill(to, at + i * pitch + width, at + (i + 1) * pitch, 0);
    }
    Arrays.fill(to, at + count * pitch, at + length, 0);
  }

  /** Room for the rows of an output plane that {@link #unpack} fills in. */
  float[] outputRows() {
    return Scratch.array(1, strip * rows.spacing() * columns.out());
  }

  /** Cuts a computed phase down to its elements, in between those of other phases. */
  void unpack(float[] c, int at, Phase phase, float[] tile) {
    int width = columns.out();
    int count = (width - phase.column + columns.spacing() - 1) / columns.spacing();
    for (int i = 0; i < strip; i++) {
      int row = (i * rows.spacing() + phase.row) * width + phase.column;
      for (int j = 0; j < count; j++) {
        tile[row + j * columns.spacing()] = c[at + i * pitch + j];
      }
    }
  }

  /** Stores the rows from {@code first} on, counted in each phase, of plane number {@code plane}. */
  void store(float[] tile, MemorySegment out, long plane, int first) {
    int row = first * rows.spacing();
    int count = Math.min(strip * rows.spacing(), rows.out() - row);
    MemorySegment.copy(tile, 0, out, Simd.FLOAT, (plane * rows.out() + row) * columns.out() * 4, count * columns.out());
  }

  /** Whether an output plane has one phase, whose rows can be stored from where they were computed. */
  boolean isStraight() {
    return rows.spacing() == 1 && columns.spacing() == 1 && columns.out() >= Simd.LANES;
  }

  /** Stores the rows from {@code first} on of plane number {@code plane}, by vectors of which the last two of a row overlap. */
  void store(float[] c, int at, MemorySegment out, long plane, int first) {
    int width = columns.out();
    for (int i = 0; i < Math.min(strip, rows.out() - first); i++) {
      long row = (plane * rows.out() + first + i) * width;
      for (int j = 0; j < width; j += Simd.LANES) {
        int x = Math.min(j, width - Simd.LANES);
        FloatVector.fromArray(Simd.F32, c, at + i * pitch + x).intoMemorySegment(out, (row + x) * 4, Simd.ORDER);
      }
    }
  }
}
