// Moves elements: strided copies, conversions, constants, picks by index and their reverse, random zeroing.
#include "tenon.cuh"

// Copies by width, since bits are all that matters. Operands of the walk: source, target.
template <class T> __device__ inline void copy(const Walk& w, const T* x, T* y) {
  const T* const operands[] = {x, y};
  int at[2];
  if (inPacks(w, operands, y)) {
    FOR_EACH(i, w.size / Pack<T>::SIZE) {
      locate<2>(w, (int)i * Pack<T>::SIZE, at);
      *(Pack<T>*)(y + at[1]) = *(const Pack<T>*)(x + at[0]);
    }
    return;
  }
  FOR_EACH(i, w.size) {
    locate<2>(w, (int)i, at);
    y[at[1]] = x[at[0]];
  }
}
#define COPY(BYTES, T) \
  extern "C" __global__ void copy_##BYTES(const __grid_constant__ Walk w, const T* x, T* y) { copy(w, x, y); }
COPY(1, unsigned char)
COPY(2, unsigned short)
COPY(4, u32)
COPY(8, u64)

__device__ inline double load(const i64* p) { return (double)*p; }
__device__ inline double load(const int* p) { return *p; }
__device__ inline float load(const unsigned char* p) { return *p; }
struct Bool {
  unsigned char value;
};
__device__ inline float load(const Bool* p) { return p->value; }

// Integers truncate and saturate, a NaN is 0; bytes keep the low bits; booleans are x != 0.
template <class C> __device__ inline void store(i64* p, C x) { *p = x != x ? 0 : (i64)x; }
template <class C> __device__ inline void store(int* p, C x) { *p = x != x ? 0 : (int)x; }
template <class C> __device__ inline void store(unsigned char* p, C x) { *p = x != x ? 0 : (unsigned char)(i64)x; }
template <class C> __device__ inline void store(Bool* p, C x) { p->value = x != 0; }

template <class From, class To> __device__ inline void cast(const Walk& w, const From* x, To* y) {
  FOR_EACH(i, w.size) {
    int at[1];
    locate<1>(w, (int)i, at);
    store(y + i, load(x + at[0]));
  }
}
#define CAST(FROM, FROM_NAME, TO, TO_NAME) \
  extern "C" __global__ void cast_##FROM_NAME##_##TO_NAME(const __grid_constant__ Walk w, const FROM* x, TO* y) { cast(w, x, y); }
#define CASTS_FROM(T, NAME) \
  CAST(T, NAME, double, f64) CAST(T, NAME, float, f32) CAST(T, NAME, f16, f16) CAST(T, NAME, bf16, bf16) \
  CAST(T, NAME, i64, i64) CAST(T, NAME, int, i32) CAST(T, NAME, unsigned char, u8) CAST(T, NAME, Bool, bool)
CASTS_FROM(double, f64)
CASTS_FROM(float, f32)
CASTS_FROM(f16, f16)
CASTS_FROM(bf16, bf16)
CASTS_FROM(i64, i64)
CASTS_FROM(int, i32)
CASTS_FROM(unsigned char, u8)
CASTS_FROM(Bool, bool)

// How maps [rows, columns, channels] are cut into windows: moved up by `down` and to the left by `across`, before zeros make up
// whole windows, or after.
struct Windows {
  int rows, columns, height, width, down, across, movesFirst, channels;
};

// Which of `extent` rows or columns is at i when the map has been moved; -1 for zeros.
__device__ inline int movedFrom(const Windows& w, int i, int shift, int extent, int whole) {
  int there = i + shift, end = w.movesFirst ? extent : whole;
  if (w.movesFirst && i >= extent) return -1;
  if (there >= end) there -= end;
  return there < extent ? there : -1;
}

__device__ inline int movedTo(const Windows& w, int i, int shift, int extent, int whole) {
  return i >= shift ? i - shift : i - shift + (w.movesFirst ? extent : whole);
}

// Elements are packs of channels where there are whole ones.
template <class T> __device__ inline void windowSplit(const Windows& w, int size, const T* x, T* y) {
  int wide = (w.columns + w.width - 1) / w.width, high = (w.rows + w.height - 1) / w.height;
  FOR_EACH(i, size) {
    int token = (int)i / w.channels, line = token / w.width, window = line / w.height, above = window / wide, image = above / high;
    int row = movedFrom(w, (above - image * high) * w.height + line - window * w.height, w.down, w.rows, high * w.height);
    int column = movedFrom(w, (window - above * wide) * w.width + token - line * w.width, w.across, w.columns, wide * w.width);
    T value = {};
    if (row >= 0 && column >= 0) value = x[((image * w.rows + row) * w.columns + column) * w.channels + ((int)i - token * w.channels)];
    y[i] = value;
  }
}

template <class T> __device__ inline void windowJoin(const Windows& w, int size, const T* x, T* y) {
  int wide = (w.columns + w.width - 1) / w.width, high = (w.rows + w.height - 1) / w.height;
  FOR_EACH(i, size) {
    int pixel = (int)i / w.channels, line = pixel / w.columns, image = line / w.rows;
    int row = movedTo(w, line - image * w.rows, w.down, w.rows, high * w.height);
    int column = movedTo(w, pixel - line * w.columns, w.across, w.columns, wide * w.width);
    int above = row / w.height, beside = column / w.width;
    int token = (((image * high + above) * wide + beside) * w.height + row - above * w.height) * w.width + column - beside * w.width;
    y[i] = x[token * w.channels + ((int)i - pixel * w.channels)];
  }
}
#define WINDOWS(BYTES, T) \
  extern "C" __global__ void windowSplit_##BYTES(const __grid_constant__ Windows w, int size, const T* x, T* y) { \
    windowSplit(w, size, x, y); \
  } \
  extern "C" __global__ void windowJoin_##BYTES(const __grid_constant__ Windows w, int size, const T* x, T* y) { \
    windowJoin(w, size, x, y); \
  }
WINDOWS(1, unsigned char)
WINDOWS(2, unsigned short)
WINDOWS(4, u32)
WINDOWS(8, u64)
WINDOWS(16, uint4)

// Picks by index along one dimension. Operands of the walk: index, and x with stride 0 along that dimension.
template <class T> __device__ inline void pick(
    const Walk& w, const i64* index, const T* x, T* y, int extent, int stride, int op, Fault* fault) {
  FOR_EACH(i, w.size) {
    int at[2];
    locate<2>(w, (int)i, at);
    i64 k = index[at[0]];
    if (inRange(k, extent, op, fault)) {
      y[i] = x[at[1] + k * stride];
    }
  }
}
#define PICK(BYTES, T) \
  extern "C" __global__ void pick_##BYTES( \
      const __grid_constant__ Walk w, const i64* index, const T* x, T* y, int extent, int stride, int op, Fault* fault) { \
    pick(w, index, x, y, extent, stride, op, fault); \
  }
PICK(1, unsigned char)
PICK(2, unsigned short)
PICK(4, u32)
PICK(8, u64)

// y = x plus every element of src whose index points here, in the order of src. Operands of the walk, which leaves out the
// dimension itself: x, index, src, y.
template <class T> __device__ inline void collect(
    const Walk& w, const T* x, const i64* index, const T* src, T* y, int extent, int picks, int xStride, int indexStride,
    int srcStride, int yStride, int op, Fault* fault) {
  FOR_EACH(i, w.size * (i64)extent) {
    int position = (int)(i / w.size);
    int at[4];
    locate<4>(w, (int)(i % w.size), at);
    COMPUTE(T) sum = load(x + at[0] + (i64)position * xStride);
    for (int j = 0; j < picks; j++) {
      i64 k = index[at[1] + (i64)j * indexStride];
      if (inRange(k, extent, op, fault) && k == position) {
        sum += load(src + at[2] + (i64)j * srcStride);
      }
    }
    store(y + at[3] + (i64)position * yStride, sum);
  }
}
#define COLLECT(NAME, T, SUFFIX) \
  extern "C" __global__ void collect_##SUFFIX( \
      const __grid_constant__ Walk w, const T* x, const i64* index, const T* src, T* y, int extent, int picks, int xStride, int indexStride, \
      int srcStride, int yStride, int op, Fault* fault) { \
    collect(w, x, index, src, y, extent, picks, xStride, indexStride, srcStride, yStride, op, fault); \
  }
FOR_TYPE(COLLECT, _)

// Word i % 4 of the block of Philox4x32-10 with counter i / 4, stream 0 and this key.
__device__ inline u32 philox(u64 key, i64 i) {
  u64 counter = (u64)i >> 2;
  u32 c0 = (u32)counter, c1 = (u32)(counter >> 32), c2 = 0, c3 = 0;
  u32 k0 = (u32)key, k1 = (u32)(key >> 32);
  for (int round = 0; round < 10; round++) {
    u32 high0 = __umulhi(0xD2511F53u, c0), low0 = 0xD2511F53u * c0;
    u32 high1 = __umulhi(0xCD9E8D57u, c2), low1 = 0xCD9E8D57u * c2;
    c0 = high1 ^ c1 ^ k0;
    c1 = low1;
    c2 = high0 ^ c3 ^ k1;
    c3 = low0;
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  u32 word[4] = {c0, c1, c2, c3};
  return (i & 2) ? ((i & 1) ? word[3] : word[2]) : ((i & 1) ? word[1] : word[0]);
}

template <class T> __device__ inline void dropout(
    const Walk& w, const T* x, T* y, double p, u64 seed, i64 offset) {
  typedef COMPUTE(T) C;
  FOR_EACH(i, w.size) {
    int at[1];
    locate<1>(w, (int)i, at);
    double uniform = (philox(seed, offset + i) >> 8) * (1.0 / 16777216);
    store(y + i, uniform < p ? C(0) : load(x + at[0]) / C(1 - p));
  }
}
#define DROPOUT(NAME, T, SUFFIX) \
  extern "C" __global__ void dropout_##SUFFIX(const __grid_constant__ Walk w, const T* x, T* y, double p, u64 seed, i64 offset) { \
    dropout(w, x, y, p, seed, offset); \
  }
FOR_TYPE(DROPOUT, _)

template <class T> __device__ inline void fill(T* y, int size, double value) {
  FOR_EACH(i, size) {
    store(y + i, value);
  }
}
#define FILL(NAME, T, SUFFIX) \
  extern "C" __global__ void fill_##SUFFIX(T* y, int size, double value) { fill(y, size, value); }
FOR_TYPE(FILL, _)
FILL(_, i64, i64)
FILL(_, int, i32)
FILL(_, unsigned char, u8)
FILL(_, Bool, bool)
FILL(_, f16, f16)
