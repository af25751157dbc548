package dev.tenon.kernels.cuda;

import dev.tenon.engine.DType;
import java.util.Arrays;

/**
 * How a tensor lies in memory and which box of it one tensor copy moves, as kernels of compute capability 9.0 are told. Boxes have rows
 * of {@value #ROW} bytes, permuted within eight rows.
 *
 * @param dims extents, the innermost first
 * @param strides elements from one index to the next of every dimension but the innermost, whose elements are neighbours
 * @param box extents of the box, without the innermost
 */
record TensorMap(DType dtype, long[] dims, long[] strides, int[] box) {
  /** Bytes that an encoded map takes, and is aligned to as a kernel's parameter. */
  static final int BYTES = 128;
  static final int ALIGNMENT = 64;
  static final int ROW = 128;
  /** What addresses and strides in bytes are multiples of. */
  static final int CHUNK = 16;
  /** The driver's CU_TENSOR_MAP_SWIZZLE_128B and CU_TENSOR_MAP_L2_PROMOTION_L2_256B. */
  static final int SWIZZLE = 3;
  static final int PROMOTION = 3;
  /** The driver's CU_TENSOR_MAP_DATA_TYPE_BFLOAT16 and _TFLOAT32, to which a copy rounds F32. */
  private static final int BFLOAT16 = 9;
  private static final int TFLOAT32 = 11;

  int rank() {
    return dims.length;
  }

  int type() {
    return switch (dtype) {
      case BF16 -> BFLOAT16;
      case F32 -> TFLOAT32;
      default -> throw new IllegalArgumentException("no tensor map is made of " + dtype);
    };
  }

  long[] strideBytes() {
    long[] bytes = new long[strides.length];
    for (int i = 0; i < bytes.length; i++) {
      bytes[i] = strides[i] * dtype.byteSize();
    }
    return bytes;
  }

  int[] boxDims() {
    int[] all = new int[dims.length];
    all[0] = ROW / dtype.byteSize();
    System.arraycopy(box, 0, all, 1, box.length);
    return all;
  }

  @Override
  public String toString() {
    return "tensor map of " + dtype + " " + Arrays.toString(dims) + " with steps " + Arrays.toString(strides) + " and boxes of "
        + Arrays.toString(boxDims());
  }
}
