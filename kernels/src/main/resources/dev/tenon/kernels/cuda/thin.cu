// Matrix products of which a result has at most 16 rows or columns, those of a low rank: they take as long as reading the long operand once.
// Sums are in f32 by ordinary instructions, always in the same order.
#include "tenon.cuh"

#define DEPTHS 64
#define WARPS 8

__device__ inline void addScaled(float4& sum, float a, const float4& b) {
  sum.x += a * b.x;
  sum.y += a * b.y;
  sum.z += a * b.z;
  sum.w += a * b.w;
}

// Where the two operands of a product are: their depth, and the steps along it and across it.
struct Thin {
  int m, n, k;
  int aAcross, aAlong, bAcross, bAlong;
};

// [m, n] = a·b for few rows of a and a b whose lines run across: each thread has four columns of all rows, and each block along y a part
// of the depth, whose sums go to parts [blocks, m, n].
template <int M> __device__ inline void across(const Thin& p, int each, const float* a, const float* b, float* parts) {
  __shared__ float depths[DEPTHS][M];
  int column = (blockIdx.x * blockDim.x + threadIdx.x) * 4;
  int end = min(p.k, (blockIdx.y + 1) * each);
  float4 sum[M] = {};
  for (int from = blockIdx.y * each; from < end; from += DEPTHS) {
    __syncthreads();
    for (int i = threadIdx.x; i < DEPTHS * M; i += blockDim.x) {
      int row = i % M, depth = from + i / M;
      depths[i / M][row] = row < p.m && depth < end ? a[(i64)row * p.aAcross + (i64)depth * p.aAlong] : 0.0f;
    }
    __syncthreads();
    if (column < p.n) {
      int count = min(DEPTHS, end - from);
      const float* line = b + (i64)from * p.bAlong + column;
#pragma unroll 8
      for (int d = 0; d < count; d++) {
        float4 value = *(const float4*)(line + (i64)d * p.bAlong);
#pragma unroll
        for (int row = 0; row < M; row++) addScaled(sum[row], depths[d][row], value);
      }
    }
  }
  if (column < p.n) {
#pragma unroll
    for (int row = 0; row < M; row++) {
      if (row < p.m) *(float4*)(parts + ((i64)blockIdx.y * p.m + row) * p.n + column) = sum[row];
    }
  }
}

__device__ inline void sumThin(int size, int parts, const float* from, float* y) {
  FOR_EACH(i, size) {
    float sum = 0;
#pragma unroll 8
    for (int part = 0; part < parts; part++) sum += from[(i64)part * size + i];
    y[i] = sum;
  }
}

// [m, n] = scale·a·b for few columns of b and an a whose lines run along the depth: each warp has four rows.
template <int N> __device__ inline void along(const Thin& p, double scale, const float* a, const float* b, float* y) {
  __shared__ __align__(16) float columns[N][DEPTHS * 4];
  int lane = threadIdx.x % 32;
  int first = (blockIdx.x * WARPS + threadIdx.x / 32) * 4;
  float sum[4][N] = {};
  for (int from = 0; from < p.k; from += DEPTHS * 4) {
    __syncthreads();
    for (int i = threadIdx.x; i < N * DEPTHS * 4; i += blockDim.x) {
      int column = i / (DEPTHS * 4), depth = from + i % (DEPTHS * 4);
      columns[column][i % (DEPTHS * 4)] =
          column < p.n && depth < p.k ? b[(i64)column * p.bAcross + (i64)depth * p.bAlong] : 0.0f;
    }
    __syncthreads();
#pragma unroll
    for (int step = 0; step < DEPTHS * 4; step += 128) {
      int depth = step + lane * 4;
      if (from + depth < p.k) {
        float4 x[4];
#pragma unroll
        for (int row = 0; row < 4; row++) {
          x[row] = first + row < p.m ? *(const float4*)(a + (i64)(first + row) * p.aAcross + from + depth) : make_float4(0, 0, 0, 0);
        }
#pragma unroll
        for (int column = 0; column < N; column++) {
          float4 w = *(const float4*)&columns[column][depth];
#pragma unroll
          for (int row = 0; row < 4; row++) {
            sum[row][column] += x[row].x * w.x + x[row].y * w.y + x[row].z * w.z + x[row].w * w.w;
          }
        }
      }
    }
  }
#pragma unroll
  for (int row = 0; row < 4; row++) {
#pragma unroll
    for (int column = 0; column < N; column++) {
      float total = sum[row][column];
#pragma unroll
      for (int other = 16; other > 0; other /= 2) total += __shfl_xor_sync(~0u, total, other);
      if (lane == (row * N + column) % 32 && first + row < p.m && column < p.n) {
        y[(i64)(first + row) * p.n + column] = total * (float)scale;
      }
    }
  }
}

#define THIN(M) \
  extern "C" __global__ void __launch_bounds__(64) across##M##_f32( \
      Thin p, int each, const float* a, const float* b, float* parts) { \
    across<M>(p, each, a, b, parts); \
  } \
  extern "C" __global__ void __launch_bounds__(32 * WARPS) along##M##_f32( \
      Thin p, double scale, const float* a, const float* b, float* y) { \
    along<M>(p, scale, a, b, y); \
  }
THIN(4)
THIN(8)
THIN(16)
extern "C" __global__ void sumThin_f32(int size, int parts, const float* from, float* y) { sumThin(size, parts, from, y); }
