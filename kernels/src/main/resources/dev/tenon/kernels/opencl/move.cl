// Moves elements: strided copies, conversions, constants, picks by index and their reverse, random zeroing.
#include "tenon.clh"

#ifdef BITS

// By width, since bits are all that matters. Operands of the walk: source, target.
kernel void copy(Walk w, POINTER(const ELEMENT, x), POINTER(ELEMENT, y)) {
  SHIFT(x);
  SHIFT(y);
  FOR_EACH(i, w.size) {
    y[locate(&w, 1, i)] = x[locate(&w, 0, i)];
  }
}

// The same on a processor: an item copies a tile of up to 16 rows of 256 columns. Grid: tiles of columns, of rows, all other dimensions,
// over which the walk steps. Rows and columns of the source, then of the target.
kernel void copyTiles(Walk w, int rows, int columns, int xRow, int xColumn, int yRow, int yColumn, POINTER(const ELEMENT, x),
    POINTER(ELEMENT, y)) {
  SHIFT(x);
  SHIFT(y);
  int left = (int)get_global_id(0) * 256, top = (int)get_global_id(1) * 16, rest = (int)get_global_id(2);
  int width = min(256, columns - left);
  x += locate(&w, 0, rest) + (long)left * xColumn;
  y += locate(&w, 1, rest) + (long)left * yColumn;
  for (int row = top; row < min(rows, top + 16); row++) {
    global const ELEMENT* from = x + (long)row * xRow;
    global ELEMENT* to = y + (long)row * yRow;
    if (xColumn == 1 && yColumn == 1) {
      for (int i = 0; i < width; i++) {
        to[i] = from[i];
      }
    } else {
      for (int i = 0; i < width; i++) {
        to[(long)i * yColumn] = from[(long)i * xColumn];
      }
    }
  }
}

// How maps [rows, columns, channels] are cut into windows: moved up by `down` and to the left by `across`, before zeros make up
// whole windows, or after.
typedef struct {
  int rows, columns, height, width, down, across, movesFirst, channels;
} Windows;

// Which of `extent` rows or columns is at i when the map has been moved; -1 for zeros.
inline int movedFrom(const Windows* w, int i, int shift, int extent, int whole) {
  int end = w->movesFirst ? extent : whole, there = i + shift >= end ? i + shift - end : i + shift;
  return (w->movesFirst && i >= extent) || there >= extent ? -1 : there;
}

inline int movedTo(const Windows* w, int i, int shift, int extent, int whole) {
  return i >= shift ? i - shift : i - shift + (w->movesFirst ? extent : whole);
}

kernel void windowSplit(Windows w, int size, POINTER(const ELEMENT, x), POINTER(ELEMENT, y)) {
  SHIFT(x);
  SHIFT(y);
  int wide = (w.columns + w.width - 1) / w.width, high = (w.rows + w.height - 1) / w.height;
  FOR_EACH(i, size) {
    int token = (int)i / w.channels, line = token / w.width, window = line / w.height, above = window / wide, image = above / high;
    int row = movedFrom(&w, above % high * w.height + line % w.height, w.down, w.rows, high * w.height);
    int column = movedFrom(&w, window % wide * w.width + token % w.width, w.across, w.columns, wide * w.width);
    y[i] = row < 0 || column < 0 ? (ELEMENT)(0) : x[((long)(image * w.rows + row) * w.columns + column) * w.channels + (int)i % w.channels];
  }
}

kernel void windowJoin(Windows w, int size, POINTER(const ELEMENT, x), POINTER(ELEMENT, y)) {
  SHIFT(x);
  SHIFT(y);
  int wide = (w.columns + w.width - 1) / w.width, high = (w.rows + w.height - 1) / w.height;
  FOR_EACH(i, size) {
    int pixel = (int)i / w.channels, line = pixel / w.columns, image = line / w.rows;
    int row = movedTo(&w, line % w.rows, w.down, w.rows, high * w.height);
    int column = movedTo(&w, pixel % w.columns, w.across, w.columns, wide * w.width);
    int window = (image * high + row / w.height) * wide + column / w.width;
    int token = (window * w.height + row % w.height) * w.width + column % w.width;
    y[i] = x[(long)token * w.channels + (int)i % w.channels];
  }
}

// Picks by index along one dimension. Operands of the walk: index, and x with stride 0 along that dimension.
kernel void pick(Walk w, POINTER(const long, index), POINTER(const ELEMENT, x), POINTER(ELEMENT, y), int extent, int stride, int op,
    POINTER(Fault, fault)) {
  SHIFT(index);
  SHIFT(x);
  SHIFT(y);
  SHIFT(fault);
  FOR_EACH(i, w.size) {
    long k = index[locate(&w, 0, i)];
    if (inRange(k, extent, op, fault)) {
      y[i] = x[locate(&w, 1, i) + k * stride];
    }
  }
}

#endif

// Integers truncate and saturate, a NaN is 0; bytes keep the low bits; booleans are x != 0.
#define store_i64(p, x) *(p) = (x) != (x) ? 0 : convert_long_sat(x)
#define store_i32(p, x) *(p) = (x) != (x) ? 0 : convert_int_sat(x)
#define store_u8(p, x) *(p) = (x) != (x) ? 0 : (uchar)convert_long_sat(x)
#define store_bool(p, x) *(p) = (x) != 0

#ifdef FROM

// A double as the float that rounds on to half precision as the double itself would: inexact ones get an odd last bit.
#ifdef cl_khr_fp64
inline float toOdd(double x) {
  float near = convert_float_rtz(x);
  return (double)near == x || x != x || isinf(near) ? near : as_float(as_uint(near) | 1u);
}
#define narrow_f64(x) toOdd(x)
#define narrow_i64(x) toOdd((double)(x))
#define narrow_i32(x) toOdd((double)(x))
#else
#define narrow_i64(x) (float)(x)
#define narrow_i32(x) (float)(x)
#endif
#define narrow_f32(x) (x)
#define narrow_f16(x) (x)
#define narrow_bf16(x) (x)
#define narrow_u8(x) (x)
#define narrow_bool(x) (x)

#define convert_f64(x) (x)
#define convert_f32(x) (float)(x)
#define convert_f16(x) PASTE(narrow_, FROM)(x)
#define convert_bf16(x) PASTE(narrow_, FROM)(x)
#define convert_i64(x) (x)
#define convert_i32(x) (x)
#define convert_u8(x) (x)
#define convert_bool(x) (x)

kernel void cast(Walk w, POINTER(const PASTE(type_, FROM), x), POINTER(PASTE(type_, TO), y)) {
  SHIFT(x);
  SHIFT(y);
  FOR_EACH(i, w.size) {
    PASTE(store_, TO)(y + i, PASTE(convert_, TO)(PASTE(load_, FROM)(x + locate(&w, 0, i))));
  }
}

#endif

#if defined(T) && !defined(BITS)

kernel void fill(POINTER(ELEMENT, y), int size, number value) {
  SHIFT(y);
  FOR_EACH(i, size) {
    STORE(y + i, value);
  }
}

#endif

#ifdef IS_REAL

// y = x plus every element of src whose index points here, in the order of src. Operands of the walk, which leaves out the
// dimension itself: x, index, src, y.
kernel void collect(Walk w, POINTER(const ELEMENT, x), POINTER(const long, index), POINTER(const ELEMENT, src), POINTER(ELEMENT, y),
    int extent, int picks, int xStride, int indexStride, int srcStride, int yStride, int op, POINTER(Fault, fault)) {
  SHIFT(x);
  SHIFT(index);
  SHIFT(src);
  SHIFT(y);
  SHIFT(fault);
  long i = (long)get_global_id(0);
  if (i < (long)w.size * extent) {
    int position = (int)(i / w.size);
    int rest = (int)(i % w.size);
    global const long* indices = index + locate(&w, 1, rest);
    global const ELEMENT* added = src + locate(&w, 2, rest);
    REAL sum = LOAD(x + locate(&w, 0, rest) + (long)position * xStride);
    for (int j = 0; j < picks; j++) {
      long k = indices[(long)j * indexStride];
      if (inRange(k, extent, op, fault) && k == position) {
        sum += LOAD(added + (long)j * srcStride);
      }
    }
    STORE(y + locate(&w, 3, rest) + (long)position * yStride, sum);
  }
}

// Word i % 4 of the block of Philox4x32-10 with counter i / 4, stream 0 and this key.
inline uint philox(ulong key, long i) {
  ulong counter = (ulong)i >> 2;
  uint c0 = (uint)counter, c1 = (uint)(counter >> 32), c2 = 0, c3 = 0;
  uint k0 = (uint)key, k1 = (uint)(key >> 32);
  for (int round = 0; round < 10; round++) {
    uint high0 = mul_hi(0xD2511F53u, c0), low0 = 0xD2511F53u * c0;
    uint high1 = mul_hi(0xCD9E8D57u, c2), low1 = 0xCD9E8D57u * c2;
    c0 = high1 ^ c1 ^ k0;
    c1 = low1;
    c2 = high0 ^ c3 ^ k1;
    c3 = low0;
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  return (i & 2) ? ((i & 1) ? c3 : c2) : ((i & 1) ? c1 : c0);
}

// A random number is drawn in 24 bits, which single precision holds too; p is compared as the host has it.
kernel void dropout(Walk w, POINTER(const ELEMENT, x), POINTER(ELEMENT, y), number p, long seed, long offset) {
  SHIFT(x);
  SHIFT(y);
  FOR_EACH(i, w.size) {
    number uniform = (philox((ulong)seed, offset + i) >> 8) * (number)(1.0f / 16777216);
    STORE(y + i, uniform < p ? (REAL)0 : LOAD(x + locate(&w, 0, i)) / (REAL)(1 - p));
  }
}

#endif
