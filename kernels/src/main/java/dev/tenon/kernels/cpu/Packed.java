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
  /** The largest magnitude of a byte weight. */
  private static final int BYTE_MAX = 127;

  private final WeightFormat format;
  /** One array a slice: the panels as {@link Lanes#pack} leaves them. */
  private final float[][] floats;
  /**
   * The same panels, several elements an int, so that an int's lane is theirs: of BF16 a row of a panel (its second half in the upper
   * bits), of bytes two rows (the first row's two halves lowest).
   */
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
      case BF16 -> new Packed(format, null, Arrays.stream(floats).map(Packed::halved).toArray(int[][]::new), null);
      case INT8 -> bytes(floats, wide);
    };
  }

  /** The panels of a slice, or null when they have to be {@linkplain #expand expanded}. */
  float[] floats(int slice) {
    return floats == null ? null : floats[slice];
  }

  private static int[] halved(float[] panels) {
    int[] ints = new int[panels.length / 2];
    for (int i = 0; i < ints.length; i++) {
      int at = i / Simd.LANES * MicroKernel.COLUMNS + i % Simd.LANES;
      ints[i] = BFloat16.fromFloat(panels[at]) & 0xffff | BFloat16.fromFloat(panels[at + Simd.LANES]) << 16;
    }
    return ints;
  }

  private static Packed bytes(float[][] floats, int wide) {
    float[] scales = new float[wide];
    for (float[] slice : floats) {
      for (int i = 0; i < slice.length; i++) {
        int column = column(i, slice.length / wide);
        scales[column] = Math.max(scales[column], Math.abs(slice[i]) / BYTE_MAX);
      }
    }
    int[][] quarters = Arrays.stream(floats).map(slice -> quartered(slice, wide, scales)).toArray(int[][]::new);
    return new Packed(WeightFormat.INT8, null, quarters, scales);
  }

  /** The column that element {@code i} of the panels of a slice belongs to. */
  private static int column(int i, int depth) {
    return i / (MicroKernel.COLUMNS * depth) * MicroKernel.COLUMNS + i % MicroKernel.COLUMNS;
  }

  private static int[] quartered(float[] panels, int wide, float[] scales) {
    int depth = panels.length / wide;
    int pairs = (depth + 1) / 2;
    int[] ints = new int[wide / 2 * pairs];
    for (int i = 0; i < panels.length; i++) {
      int column = column(i, depth);
      int row = i / MicroKernel.COLUMNS % depth;
      int half = i % MicroKernel.COLUMNS / Simd.LANES;
      int at = (column / MicroKernel.COLUMNS * pairs + row / 2) * Simd.LANES + i % Simd.LANES;
      int value = scales[column] == 0 ? 0 : Math.round(panels[i] / scales[column]);
      ints[at] |= (value & 0xff) << 8 * (2 * (row % 2) + half);
    }
    return ints;
  }

  /**
   * Makes floats of {@code count} rows from {@code row} (a multiple of 2) of the panel that begins with {@code column}, in a slice of
   * {@code depth} rows. An odd last row is followed by anything.
   */
  void expand(int slice, int column, int row, int count, int depth, float[] to) {
    int panel = column / MicroKernel.COLUMNS;
    if (format == WeightFormat.BF16) {
      bf16(shorts[slice], (panel * depth + row) * Simd.LANES, count, to);
    } else {
      bytes(shorts[slice], (panel * ((depth + 1) / 2) + row / 2) * Simd.LANES, (count + 1) / 2, scales, column, to);
    }
  }

  private static void bf16(int[] from, int at, int rows, float[] to) {
    for (int r = 0; r < rows; r++) {
      IntVector both = IntVector.fromArray(I32, from, at + r * Simd.LANES);
      both.lanewise(VectorOperators.LSHL, 16).reinterpretAsFloats().intoArray(to, r * MicroKernel.COLUMNS);
      both.and(0xffff0000).reinterpretAsFloats().intoArray(to, r * MicroKernel.COLUMNS + Simd.LANES);
    }
  }

  private static void bytes(int[] from, int at, int pairs, float[] scales, int column, float[] to) {
    FloatVector first = FloatVector.fromArray(Simd.F32, scales, column);
    FloatVector second = FloatVector.fromArray(Simd.F32, scales, column + Simd.LANES);
    for (int r = 0; r < pairs; r++) {
      IntVector four = IntVector.fromArray(I32, from, at + r * Simd.LANES);
      int start = 2 * r * MicroKernel.COLUMNS;
      IntVector byte0 = four.lanewise(VectorOperators.LSHL, 24).lanewise(VectorOperators.ASHR, 24);
      IntVector byte1 = four.lanewise(VectorOperators.LSHL, 16).lanewise(VectorOperators.ASHR, 24);
      IntVector byte2 = four.lanewise(VectorOperators.LSHL, 8).lanewise(VectorOperators.ASHR, 24);
      IntVector byte3 = four.lanewise(VectorOperators.ASHR, 24);
      ((FloatVector) byte0.convert(VectorOperators.I2F, 0)).mul(first).intoArray(to, start);
      ((FloatVector) byte1.convert(VectorOperators.I2F, 0)).mul(second).intoArray(to, start + Simd.LANES);
      ((FloatVector) byte2.convert(VectorOperators.I2F, 0)).mul(first).intoArray(to, start + MicroKernel.COLUMNS);
      ((FloatVector) byte3.convert(VectorOperators.I2F, 0)).mul(second).intoArray(to, start + MicroKernel.COLUMNS + Simd.LANES);
    }
  }
}
