package dev.tenon.kernels.cuda;

import java.util.Arrays;

/**
 * How a tensor lies in memory and which box of it one tensor copy moves, as kernels of compute capability 9.0 are told. Boxes have rows
 * of {@value #ROW} bytes, permuted within eight rows.
 *
 * @param dims extents, the innermost first
 * @param strides elements from one index to the next of every dimension but the innermost, whose elements are neighbours
 * @param box extents of the box, without the innermost
 */
record TensorMap(Element element, long[] dims, long[] strides, int[] box) {
  /** Bytes that an encoded map takes, and is aligned to as a kernel's parameter. */
  static final int BYTES = 128;
  static final int ALIGNMENT = 64;
  static final int ROW = 128;
  /** What addresses and strides in bytes are multiples of. */
  static final int CHUNK = 16;
  /** The driver's CU_TENSOR_MAP_SWIZZLE_128B and CU_TENSOR_MAP_L2_PROMOTION_L2_256B. */
  static final int SWIZZLE = 3;
  static final int PROMOTION = 3;
  /** What a copy moves, under the driver's names CU_TENSOR_MAP_DATA_TYPE_…; F32 that arrives rounded to tf32 is a type of its own. */
  enum Element {
    F32(7, 4),
    BF16(9, 2),
    TF32(11, 4);

    private final int number;
    private final int bytes;

    Element(int number, int bytes) {
      this.number = number;
      this.bytes = bytes;
    }

    int bytes() {
      return bytes;
    }
  }

  int rank() {
    return dims.length;
  }

  int type() {
    return element.number;
  }

  long[] strideBytes() {
    long[] bytes = new long[strides.length];
    for (int i = 0; i < bytes.length; i++) {
      bytes[i] = strides[i] * element.bytes;
    }
    return bytes;
  }

  int[] boxDims() {
    int[] all = new int[dims.length];
    all[0] = ROW / element.bytes;
    System.arraycopy(box, 0, all, 1, box.length);
    return all;
  }

  @Override
  public String toString() {
    return "tensor map of " + element + " " + Arrays.toString(dims) + " with steps " + Arrays.toString(strides) + " and boxes of "
        + Arrays.toString(boxDims());
  }
}
