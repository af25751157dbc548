package dev.tenon.kernels.cpu;

import dev.tenon.engine.BFloat16;
import dev.tenon.engine.kernel.WeightFormat;
import java.util.Arrays;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/**
 * A right operand of matrix products that is packed once: frozen weights as they are, as BF16, or as bytes with a scale for each column.
 * What is stored short is made floats again a panel at a time, while the panel is in the cache.
 */
final class Packed {
  private static final VectorSpecies<Integer> I32 = VectorSpecies.of(int.class, Simd.F32.vectorShape());
  /** Elements an int, as BF16 and as bytes. */
  private static final int HALVES = 2;
  private static final int QUARTERS = 4;
  /** The largest magnitude of a byte weight. */
  private static final int BYTE_MAX = 127;

  private final WeightFormat format;
  /** One array a slice: the panels as {@link Lanes#pack} leaves them. */
  private final float[][] floats;
  /** The same panels, several elements an int: vectors of a panel that follow each other share a vector of ints, the first lowest. */
  private final int[][] shorts;
  /** Of bytes, what each column is multiplied by. */
  private final float[] scales;

  private Packed(WeightFormat format, float[][] floats, int[][] shorts, float[] scales) {
    this.format = format;
    this.floats = floats;
    this.shorts = shorts;
    this.scales = scales;
  }

  /** Packs the columns of a matrix. */
  static Packed of(Lanes columns, WeightFormat format) {
    int n = columns.perMatrix();
    int wide = Gemm.roundUp(n, MicroKernel.COLUMNS);
    int slices = (columns.length() + Gemm.SLICE - 1) / Gemm.SLICE;
    float[][] floats = new float[slices][];
    for (int s = 0; s < slices; s++) {
      int depth = Math.min(Gemm.SLICE, columns.length() - s * Gemm.SLICE);
      floats[s] = new float[Math.multiplyExact(wide, depth)];
      columns.pack(0, n, s * Gemm.SLICE, depth, MicroKernel.COLUMNS, floats[s], 0);
    }
    return switch (format) {
      case F32 -> new Packed(format, floats, null, null);
      case BF16 -> {
        int[][] halves = Arrays.stream(floats).map(f -> joined(f, wide, HALVES, (x, _) -> BFloat16.fromFloat(x))).toArray(int[][]::new);
        yield new Packed(format, null, halves, null);
      }
      case INT8 -> bytes(floats, wide);
    };
  }

  /** The panels of a slice, or null when they have to be {@linkplain #expand expanded}. */
  float[] floats(int slice) {
    return floats == null ? null : floats[slice];
  }

  private static Packed bytes(float[][] floats, int wide) {
    float[] scales = new float[wide];
    for (float[] slice : floats) {
      for (int i = 0; i < slice.length; i++) {
        int column = column(i, slice.length / wide);
        scales[column] = Math.max(scales[column], Math.abs(slice[i]) / BYTE_MAX);
      }
    }
    Code code = (x, column) -> scales[column] == 0 ? 0 : Math.round(x / scales[column]);
    int[][] quarters = Arrays.stream(floats).map(slice -> joined(slice, wide, QUARTERS, code)).toArray(int[][]::new);
    return new Packed(WeightFormat.INT8, null, quarters, scales);
  }

  /** The column that element {@code i} of the panels of a slice belongs to. */
  private static int column(int i, int depth) {
    return i / (MicroKernel.COLUMNS * depth) * MicroKernel.COLUMNS + i % MicroKernel.COLUMNS;
  }

  /** What is stored for an element of a column; its lowest bits count. */
  private interface Code {
    int of(float element, int column);
  }

  /** Stores {@code per} vectors of a panel in one of ints. */
  private static int[] joined(float[] panels, int wide, int per, Code code) {
    int depth = panels.length / wide;
    int panel = depth * MicroKernel.COLUMNS;
    int bits = Integer.SIZE / per;
    int[] ints = new int[wide / MicroKernel.COLUMNS * groups(depth, per) * Simd.LANES];
    for (int i = 0; i < panels.length; i++) {
      int vector = i % panel / Simd.LANES;
      int at = (i / panel * groups(depth, per) + vector / per) * Simd.LANES + i % Simd.LANES;
      ints[at] |= (code.of(panels[i], column(i, depth)) & -1 >>> Integer.SIZE - bits) << bits * (vector % per);
    }
    return ints;
  }

  /** Vectors of ints in a panel. */
  private static int groups(int depth, int per) {
    return (depth * MicroKernel.COLUMNS / Simd.LANES + per - 1) / per;
  }

  /** Elements that {@link #expand} writes at most. */
  static int room(int columns, int depth) {
    return Gemm.roundUp(columns, MicroKernel.COLUMNS) * depth + QUARTERS * Simd.LANES;
  }

  /** Makes floats of {@code columns} from {@code first}, the beginning of a panel, in a slice of {@code depth} rows, from {@code at} on. */
  void expand(int slice, int first, int columns, int depth, float[] to, int at) {
    int per = format == WeightFormat.BF16 ? HALVES : QUARTERS;
    int groups = groups(depth, per);
    for (int x = 0; x < columns; x += MicroKernel.COLUMNS) {
      int from = (first + x) / MicroKernel.COLUMNS * groups * Simd.LANES;
      if (per == HALVES) {
        halves(shorts[slice], from, groups, to, at + x * depth);
      } else {
        quarters(shorts[slice], from, groups, scales, first + x, to, at + x * depth);
      }
    }
  }

  private static void halves(int[] from, int start, int groups, float[] to, int at) {
    for (int g = 0; g < groups; g++) {
      IntVector both = IntVector.fromArray(I32, from, start + g * Simd.LANES);
      both.lanewise(VectorOperators.LSHL, 16).reinterpretAsFloats().intoArray(to, at + 2 * g * Simd.LANES);
      both.and(0xffff0000).reinterpretAsFloats().intoArray(to, at + (2 * g + 1) * Simd.LANES);
    }
  }

  private static void quarters(int[] from, int start, int groups, float[] scales, int column, float[] to, int at) {
    for (int g = 0; g < groups; g++) {
      IntVector four = IntVector.fromArray(I32, from, start + g * Simd.LANES);
      int out = 4 * g * Simd.LANES;
      IntVector byte0 = four.lanewise(VectorOperators.LSHL, 24).lanewise(VectorOperators.ASHR, 24);
      IntVector byte1 = four.lanewise(VectorOperators.LSHL, 16).lanewise(VectorOperators.ASHR, 24);
      IntVector byte2 = four.lanewise(VectorOperators.LSHL, 8).lanewise(VectorOperators.ASHR, 24);
      IntVector byte3 = four.lanewise(VectorOperators.ASHR, 24);
      scaled(byte0, scales, column, out, to, at);
      scaled(byte1, scales, column, out + Simd.LANES, to, at);
      scaled(byte2, scales, column, out + 2 * Simd.LANES, to, at);
      scaled(byte3, scales, column, out + 3 * Simd.LANES, to, at);
    }
  }

  /** Writes a vector of a panel, whose columns begin with {@code column}, times their scales. */
  private static void scaled(IntVector bytes, float[] scales, int column, int i, float[] to, int at) {
    FloatVector scale = FloatVector.fromArray(Simd.F32, scales, column + i % MicroKernel.COLUMNS);
    ((FloatVector) bytes.convert(VectorOperators.I2F, 0)).mul(scale).intoArray(to, at + i);
  }
}
