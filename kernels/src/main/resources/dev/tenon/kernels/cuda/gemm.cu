// Matrix products without tensor cores: C = A·B + A2·B2 + bias, operands of any strides, C row-major.
// One block of 256 threads computes a square tile; the next slices of A and B are read while the present ones are multiplied.
#include "tenon.cuh"

#define THREADS 256
#define DEPTH 16

struct Product {
  int k;
  int aRow, aColumn;
  int bRow, bColumn;
};

template <class T, int TILE> struct Slices {
  static const int EACH = TILE * DEPTH / THREADS;
  T a[EACH], b[EACH];
};

// Where element e of a slice that this thread moves lies: neighbours in memory go to neighbouring threads.
template <int TILE> __device__ inline void place(int e, bool alongDepth, int* lane, int* depth) {
  int i = e * THREADS + threadIdx.x;
  *lane = alongDepth ? i / DEPTH : i % TILE;
  *depth = alongDepth ? i % DEPTH : i / TILE;
}

template <class A, class B, class C, int TILE> __device__ inline void fetch(
    Slices<C, TILE>& slices, const A* a, const B* b, const Product& p, int row, int column, int m, int n, int k) {
#pragma unroll
  for (int e = 0; e < Slices<C, TILE>::EACH; e++) {
    int lane, depth;
    place<TILE>(e, p.aColumn == 1, &lane, &depth);
    bool inside = row + lane < m && k + depth < p.k;
    slices.a[e] = inside ? load(a + (i64)(row + lane) * p.aRow + (i64)(k + depth) * p.aColumn) : C(0);
    place<TILE>(e, p.bColumn != 1, &lane, &depth);
    inside = column + lane < n && k + depth < p.k;
    slices.b[e] = inside ? load(b + (i64)(k + depth) * p.bRow + (i64)(column + lane) * p.bColumn) : C(0);
  }
}

template <class C, int TILE> struct Shared {
  C a[2][DEPTH][TILE + 4];
  C b[2][DEPTH][TILE + 4];
};

template <class C, int TILE> __device__ inline void put(
    Shared<C, TILE>& shared, int buffer, const Slices<C, TILE>& slices, const Product& p) {
#pragma unroll
  for (int e = 0; e < Slices<C, TILE>::EACH; e++) {
    int lane, depth;
    place<TILE>(e, p.aColumn == 1, &lane, &depth);
    shared.a[buffer][depth][lane] = slices.a[e];
    place<TILE>(e, p.bColumn != 1, &lane, &depth);
    shared.b[buffer][depth][lane] = slices.b[e];
  }
}

// Each thread owns 4×4 elements of each 64×64 quarter (or of the only one) of the tile.
template <class A, class B, class C, int TILE> __device__ inline void accumulate(
    Shared<C, TILE>& shared, C (&sum)[TILE / 16][TILE / 16], const A* a, const B* b, const Product& p, int row, int column,
    int m, int n) {
  Slices<C, TILE> slices;
  int tx = threadIdx.x % 16 * 4;
  int ty = threadIdx.x / 16 * 4;
  __syncthreads();
  fetch<A, B, C, TILE>(slices, a, b, p, row, column, m, n, 0);
  put(shared, 0, slices, p);
  __syncthreads();
  for (int k = 0; k < p.k; k += DEPTH) {
    int buffer = k / DEPTH % 2;
    bool more = k + DEPTH < p.k;
    if (more) {
      fetch<A, B, C, TILE>(slices, a, b, p, row, column, m, n, k + DEPTH);
    }
#pragma unroll
    for (int d = 0; d < DEPTH; d++) {
      C x[TILE / 16], y[TILE / 16];
#pragma unroll
      for (int i = 0; i < TILE / 16; i++) {
        x[i] = shared.a[buffer][d][i / 4 * 64 + ty + i % 4];
        y[i] = shared.b[buffer][d][i / 4 * 64 + tx + i % 4];
      }
#pragma unroll
      for (int i = 0; i < TILE / 16; i++) {
#pragma unroll
        for (int j = 0; j < TILE / 16; j++) {
          sum[i][j] += x[i] * y[j];
        }
      }
    }
    if (more) {
      put(shared, 1 - buffer, slices, p);
    }
    __syncthreads();
  }
}

// Grid: tiles along m, tiles along n, batch. Operands of the batch walk: a, b.
template <class T, int TILE> __device__ inline void gemm(
    const Walk& batch, int m, int n, const Product& first, const T* a, const T* b, const Product& second,
    const COMPUTE(T)* a2, const T* b2, const T* bias, T* c) {
  typedef COMPUTE(T) C;
  __shared__ Shared<C, TILE> shared;
  C sum[TILE / 16][TILE / 16] = {};
  int at[2];
  locate<2>(batch, blockIdx.z, at);
  int row = blockIdx.x * TILE;
  int column = blockIdx.y * TILE;
  accumulate<T, T, C, TILE>(shared, sum, a + at[0], b + at[1], first, row, column, m, n);
  if (second.k > 0) {
    accumulate<C, T, C, TILE>(shared, sum, a2, b2, second, row, column, m, n);
  }
  c += (i64)blockIdx.z * m * n;
#pragma unroll
  for (int i = 0; i < TILE / 16; i++) {
    int r = row + i / 4 * 64 + threadIdx.x / 16 * 4 + i % 4;
#pragma unroll
    for (int j = 0; j < TILE / 16; j++) {
      int s = column + j / 4 * 64 + threadIdx.x % 16 * 4 + j % 4;
      if (r < m && s < n) {
        C value = bias ? sum[i][j] + load(bias + s) : sum[i][j];
        store(c + (i64)r * n + s, value);
      }
    }
  }
}

#define GEMM(TILE, T, SUFFIX) \
  extern "C" __global__ void __launch_bounds__(THREADS) gemm##TILE##_##SUFFIX( \
      Walk batch, int m, int n, Product first, const T* a, const T* b, Product second, const Compute<T>::type* a2, \
      const T* b2, const T* bias, T* c) { \
    gemm<T, TILE>(batch, m, n, first, a, b, second, a2, b2, bias, c); \
  }
GEMM(64, float, f32)
GEMM(64, double, f64)
GEMM(64, bf16, bf16)
GEMM(128, float, f32)
GEMM(128, bf16, bf16)

// The low-rank factor alone: low = scale·x·a in the compute type, so that nothing is rounded on the way.
template <class T> __device__ inline void low(int m, int n, const Product& p, const T* a, const T* b, double scale, COMPUTE(T)* c) {
  typedef COMPUTE(T) C;
  __shared__ Shared<C, 64> shared;
  C sum[4][4] = {};
  int row = blockIdx.x * 64;
  int column = blockIdx.y * 64;
  accumulate<T, T, C, 64>(shared, sum, a, b, p, row, column, m, n);
#pragma unroll
  for (int i = 0; i < 4; i++) {
    int r = row + threadIdx.x / 16 * 4 + i;
#pragma unroll
    for (int j = 0; j < 4; j++) {
      int s = column + threadIdx.x % 16 * 4 + j;
      if (r < m && s < n) {
        c[(i64)r * n + s] = C(scale) * sum[i][j];
      }
    }
  }
}
#define LOW(NAME, T, SUFFIX) \
  extern "C" __global__ void __launch_bounds__(THREADS) low_##SUFFIX( \
      int m, int n, Product p, const T* a, const T* b, double scale, Compute<T>::type* c) { \
    low(m, n, p, a, b, scale, c); \
  }
FOR_TYPE(LOW, _)
