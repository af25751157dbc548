// Matrix products on tensor cores: C = A·B + A2·B2 + bias in bf16, or in f32 with operands rounded to tf32; sums in f32.
// A block computes a tile of C. Slices of A and B of 64 bytes' depth arrive in shared memory STAGES - 1 slices before they are
// multiplied; the slices of A2 and B2 follow those of A and B into the same sums.
#include "tile.cuh"

#define STAGES 4
#define SLICE 64
#define TILES_TOGETHER 16

extern __shared__ double sharedBytes[];

// Operands of a product: their depth, and how many elements their lines are apart. A line of A runs along the depth or along m, one
// of B along the depth or along n.
struct Product {
  int k;
  int a, b;
};

// What becomes of the sums. Of a depth cut into `parts`, every part stores its own sums, to be added by `sumParts`.
struct Result {
  int m, n, parts;
};

// WARPS_M × WARPS_N warps, each of which owns a piece of FM × FN fragments of 16 × 16 elements.
template <int WARPS_M, int WARPS_N, int FM, int FN> struct Shape {
  static const int THREADS = 32 * WARPS_M * WARPS_N;
  static const int M = WARPS_M * FM * 16;
  static const int N = WARPS_N * FN * 16;
};

template <class T, class S, bool A_ALONG, bool B_ALONG> struct Operands {
  static const int DEPTH = SLICE / sizeof(T);
  static const int A_LINES = A_ALONG ? S::M : DEPTH, A_LINE = A_ALONG ? SLICE : S::M * sizeof(T);
  static const int B_LINES = B_ALONG ? S::N : DEPTH, B_LINE = B_ALONG ? SLICE : S::N * sizeof(T);
  static const int A_BYTES = A_LINES * A_LINE, BYTES = A_BYTES + B_LINES * B_LINE;

  // Starts copying the slices at depth k.
  __device__ static void copy(char* stage, const Product& p, const T* a, const T* b, int row, int column, int k, const Result& c) {
    int depth = p.k - k;
    int rows = c.m - row, columns = c.n - column;
    const T* fromA = A_ALONG ? a + (i64)row * p.a + k : a + (i64)k * p.a + row;
    const T* fromB = B_ALONG ? b + (i64)column * p.b + k : b + (i64)k * p.b + column;
    copyTile<A_LINES, A_LINE, S::THREADS>(stage, (const char*)fromA, (i64)p.a * sizeof(T), A_ALONG ? rows : depth,
        (A_ALONG ? depth : rows) * (int)sizeof(T));
    copyTile<B_LINES, B_LINE, S::THREADS>(stage + A_BYTES, (const char*)fromB, (i64)p.b * sizeof(T), B_ALONG ? columns : depth,
        (B_ALONG ? depth : columns) * (int)sizeof(T));
  }
};

// The tile of this block: neighbouring blocks work on TILES_TOGETHER rows of tiles, so that what they read stays in the cache.
template <class S> __device__ inline void tileOf(const Result& c, int* row, int* column) {
  int rows = (c.m + S::M - 1) / S::M, columns = (c.n + S::N - 1) / S::N;
  int group = blockIdx.x / (TILES_TOGETHER * columns);
  int height = min(TILES_TOGETHER, rows - group * TILES_TOGETHER);
  int within = blockIdx.x - group * TILES_TOGETHER * columns;
  *row = (group * TILES_TOGETHER + within % height) * S::M;
  *column = within / height * S::N;
}

template <class T, class S, bool A_ALONG, bool B_ALONG, int WARPS_N, int FM, int FN> __device__ inline void accumulate(
    float (&sum)[FM][2 * FN][4], const Product& first, const T* a, const T* b, const Product& second, const T* a2, const T* b2,
    const Result& c, int row, int column, int part) {
  typedef Operands<T, S, A_ALONG, B_ALONG> O;
  char* stages = (char*)sharedBytes;
  int firsts = (first.k + O::DEPTH - 1) / O::DEPTH;
  int slices = firsts + (second.k + O::DEPTH - 1) / O::DEPTH;
  int each = (slices + c.parts - 1) / c.parts;
  int from = min(part * each, slices), end = min(from + each, slices);
  auto fetch = [&](int slice) {
    char* stage = stages + (slice - from) % STAGES * O::BYTES;
    if (slice < firsts) {
      O::copy(stage, first, a, b, row, column, slice * O::DEPTH, c);
    } else if (slice < end) {
      O::copy(stage, second, a2, b2, row, column, (slice - firsts) * O::DEPTH, c);
    }
  };
#pragma unroll
  for (int i = 0; i < STAGES - 1; i++) {
    if (from + i < end) fetch(from + i);
    copyCommit();
  }
  int warp = threadIdx.x / 32;
  int warpRow = warp / WARPS_N * FM * 16, warpColumn = warp % WARPS_N * FN * 16;
  for (int slice = from; slice < end; slice++) {
    copyWait<STAGES - 2>();
    __syncthreads();
    if (slice + STAGES - 1 < end) fetch(slice + STAGES - 1);
    copyCommit();
    char* stage = stages + (slice - from) % STAGES * O::BYTES;
#pragma unroll
    for (int step = 0; step < SLICE / 32; step++) {
      u32 x[FM][4], y[FN][4];
#pragma unroll
      for (int i = 0; i < FM; i++) loadFragment<T, O::A_LINE, A_ALONG, false>(x[i], stage, warpRow + i * 16, step);
#pragma unroll
      for (int j = 0; j < FN; j++) {
        loadFragment<T, O::B_LINE, B_ALONG, true>(y[j], stage + O::A_BYTES, warpColumn + j * 16, step);
      }
#pragma unroll
      for (int i = 0; i < FM; i++) {
#pragma unroll
        for (int j = 0; j < FN; j++) {
          Tensor<T>::multiply(sum[i][2 * j], x[i], y[j][0], y[j][1]);
          Tensor<T>::multiply(sum[i][2 * j + 1], x[i], y[j][2], y[j][3]);
        }
      }
    }
  }
}

// Two neighbouring elements of a row; `pairs` when every row starts at an even element.
__device__ inline void storePair(float* to, float x, float y, bool pairs, bool both) {
  if (pairs && both) {
    *(float2*)to = make_float2(x, y);
  } else {
    to[0] = x;
    if (both) to[1] = y;
  }
}
__device__ inline void storePair(bf16* to, float x, float y, bool pairs, bool both) {
  if (pairs && both) {
    *(u32*)to = packBf16(x, y);
  } else {
    store(to, x);
    if (both) store(to + 1, y);
  }
}

template <class S, int WARPS_N, int FM, int FN, class Put> __device__ inline void eachPair(
    float (&sum)[FM][2 * FN][4], const Result& c, int row, int column, Put put) {
  int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
#pragma unroll
  for (int i = 0; i < FM; i++) {
#pragma unroll
    for (int half = 0; half < 2; half++) {
      int r = row + warp / WARPS_N * FM * 16 + i * 16 + half * 8 + lane / 4;
#pragma unroll
      for (int j = 0; j < 2 * FN; j++) {
        int s = column + warp % WARPS_N * FN * 16 + j * 8 + lane % 4 * 2;
        if (r < c.m && s < c.n) put(r, s, sum[i][j][2 * half], sum[i][j][2 * half + 1]);
      }
    }
  }
}

// Grid: tiles, batch × parts. Operands of the batch walk: a, b.
template <class T, int WARPS_M, int WARPS_N, int FM, int FN, bool A_ALONG, bool B_ALONG> __device__ inline void product(
    const Walk& batch, const Result& c, const Product& first, const T* a, const T* b, const Product& second, const T* a2, const T* b2,
    const T* bias, T* y, float* parts) {
  typedef Shape<WARPS_M, WARPS_N, FM, FN> S;
  float sum[FM][2 * FN][4] = {};
  int row, column, at[2];
  tileOf<S>(c, &row, &column);
  int matrix = blockIdx.y / c.parts, part = blockIdx.y % c.parts;
  locate<2>(batch, matrix, at);
  accumulate<T, S, A_ALONG, B_ALONG, WARPS_N, FM, FN>(sum, first, a + at[0], b + at[1], second, a2, b2, c, row, column, part);
  bool pairs = c.n % 2 == 0;
  if (c.parts > 1) {
    parts += (i64)blockIdx.y * c.m * c.n;
    eachPair<S, WARPS_N, FM, FN>(sum, c, row, column, [&](int r, int s, float u, float v) {
      storePair(parts + (i64)r * c.n + s, u, v, pairs, s + 1 < c.n);
    });
  } else {
    y += (i64)matrix * c.m * c.n;
    eachPair<S, WARPS_N, FM, FN>(sum, c, row, column, [&](int r, int s, float u, float v) {
      bool both = s + 1 < c.n;
      if (bias) {
        u += load(bias + s);
        if (both) v += load(bias + s + 1);
      }
      storePair(y + (i64)r * c.n + s, u, v, pairs, both);
    });
  }
}

// y = the sum of the parts, in their order, + bias, and what follows; a row of the batch is a matrix of m × n elements.
template <class T> __device__ inline void sumParts(
    int size, const Result& c, const float* parts, const T* bias, int gelu, const T* residual, T* y) {
  int elements = c.m * c.n;
  FOR_EACH(i, size) {
    const float* from = parts + (i / elements * c.parts) * (i64)elements + i % elements;
    float sum = 0;
    for (int part = 0; part < c.parts; part++) sum += from[(i64)part * elements];
    sum = bias ? sum + load(bias + i % c.n) : sum;
    store(y + i, finish<T>(sum, gelu, residual, residual ? load(residual + i) : 0));
  }
}

// The low-rank factor scale·x·a as an operand of depth `depth` of the next product. In bf16 it is kept in two terms, its rounding
// and the rounding of what that left, so that it loses nothing on the way: [rows, 2·depth]. `factor` is the same, [rows, rank].
template <class T> __device__ inline void low(
    const Result& c, const Product& p, const T* a, const T* b, double scale, int depth, T* y, T* factor) {
  typedef Shape<4, 1, 1, 1> S;
  float sum[1][2][4] = {};
  int row = blockIdx.x * S::M, column = blockIdx.y * S::N;
  Product none = {0, 0, 0};
  accumulate<T, S, true, true, 1, 1, 1>(sum, p, a, b, none, a, b, c, row, column, 0);
  Result padded = {c.m, depth, 1};
  eachPair<S, 1, 1, 1>(sum, padded, row, column, [&](int r, int s, float u, float v) {
    u *= (float)scale;
    v *= (float)scale;
    if (s < c.n) store(factor + (i64)r * c.n + s, u);
    if (s + 1 < c.n) store(factor + (i64)r * c.n + s + 1, v);
    if (sizeof(T) == 4) {
      storePair(y + (i64)r * depth + s, u, v, true, true);
    } else {
      T* to = y + (i64)r * 2 * depth + s;
      storePair(to, u, v, true, true);
      storePair(to + depth, u - load(to), v - load(to + 1), true, true);
    }
  });
}

// The same of sums in parts, [parts, rows, rank].
__device__ inline void putLow(float* y, int depth, float value) { *y = value; }
__device__ inline void putLow(bf16* y, int depth, float value) {
  store(y, value);
  store(y + depth, value - load(y));
}
template <class T> __device__ inline void sumLow(
    int rows, int rank, int parts, const float* sums, double scale, int depth, T* y, T* factor) {
  int width = sizeof(T) == 2 ? 2 * depth : depth;
  FOR_EACH(i, (i64)rows * depth) {
    int row = (int)(i / depth), column = (int)(i % depth);
    float sum = 0;
    for (int part = 0; column < rank && part < parts; part++) sum += sums[((i64)part * rows + row) * rank + column];
    sum *= (float)scale;
    putLow(y + (i64)row * width + column, depth, sum);
    if (column < rank) store(factor + (i64)row * rank + column, sum);
  }
}

// Lines of `width` elements without gaps that repeat a matrix of `height` lines and `span` columns, of which x, with steps along
// lines and columns, has the first `rows` and `columns`; the others are zero.
struct Packing {
  int lines, width;
  int height, span, rows, columns;
  int rowStep, columnStep;
};

template <class T> __device__ inline void pack(const Packing& p, const T* x, T* y) {
  FOR_EACH(i, (i64)p.lines * p.width) {
    int row = (int)(i / p.width) % p.height, column = (int)(i % p.width) % p.span;
    bool inside = row < p.rows && column < p.columns;
    store(y + i, inside ? load(x + (i64)row * p.rowStep + (i64)column * p.columnStep) : 0.0f);
  }
}

#define PRODUCT(NAME, WARPS_M, WARPS_N, FM, FN, A, A_ALONG, B, B_ALONG, T, SUFFIX) \
  extern "C" __global__ void __launch_bounds__(32 * WARPS_M * WARPS_N) tensor##NAME##A##B##_##SUFFIX( \
      Walk batch, Result c, Product first, const T* a, const T* b, Product second, const T* a2, const T* b2, const T* bias, T* y, \
      float* parts) { \
    product<T, WARPS_M, WARPS_N, FM, FN, A_ALONG, B_ALONG>(batch, c, first, a, b, second, a2, b2, bias, y, parts); \
  }
#define LAYOUTS(NAME, WARPS_M, WARPS_N, FM, FN, T, SUFFIX) \
  PRODUCT(NAME, WARPS_M, WARPS_N, FM, FN, k, true, k, true, T, SUFFIX) \
  PRODUCT(NAME, WARPS_M, WARPS_N, FM, FN, k, true, n, false, T, SUFFIX) \
  PRODUCT(NAME, WARPS_M, WARPS_N, FM, FN, m, false, k, true, T, SUFFIX) \
  PRODUCT(NAME, WARPS_M, WARPS_N, FM, FN, m, false, n, false, T, SUFFIX)
#define PRODUCTS(T, SUFFIX) \
  LAYOUTS(128, 2, 2, 4, 4, T, SUFFIX) \
  LAYOUTS(64, 2, 2, 2, 2, T, SUFFIX) \
  extern "C" __global__ void sumParts_##SUFFIX( \
      int size, Result c, const float* parts, const T* bias, int gelu, const T* residual, T* y) { \
    sumParts(size, c, parts, bias, gelu, residual, y); \
  } \
  extern "C" __global__ void __launch_bounds__(128) tensorLow_##SUFFIX( \
      Result c, Product p, const T* a, const T* b, double scale, int depth, T* y, T* factor) { \
    low(c, p, a, b, scale, depth, y, factor); \
  } \
  extern "C" __global__ void sumLow_##SUFFIX( \
      int rows, int rank, int parts, const float* sums, double scale, int depth, T* y, T* factor) { \
    sumLow(rows, rank, parts, sums, scale, depth, y, factor); \
  } \
  extern "C" __global__ void pack_##SUFFIX(Packing p, const T* x, T* y) { pack(p, x, y); }
PRODUCTS(bf16, bf16)
PRODUCTS(float, f32)
