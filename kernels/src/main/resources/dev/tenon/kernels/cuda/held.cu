// Softmax, its kin and layer norm of short rows, whose elements are neighbours: a warp reads a row once and keeps it in registers. What is
// longer, lies apart or is of a type that has no kernel here goes by rows.cu.
#include "tenon.cuh"

#define WARPS 4

// The rows of a launch, as rows.cu has them.
struct Lines {
  int length, inner, count;
};

// This warp's row and this lane's place in it.
__device__ inline int rowOfWarp() { return blockIdx.x * WARPS + threadIdx.x / 32; }
__device__ inline int lane() { return threadIdx.x % 32; }

// Elements k of COUNT that a lane has of a row are the i-th of it, if there are so many.
#define EACH(k, i) _Pragma("unroll") for (int k = 0, i = lane(); k < COUNT; k++, i += 32)

template <int COUNT, class T> __device__ inline void read(const T* x, int length, COMPUTE(T) other, COMPUTE(T) (&own)[COUNT]) {
  EACH(k, i) own[k] = i < length ? load(x + i) : other;
}

// The largest element: what is not a number makes a sum of exponentials such.
template <int COUNT, class C> __device__ inline C largest(const C (&own)[COUNT]) {
  C max = -INFINITY;
#pragma unroll
  for (int k = 0; k < COUNT; k++) max = fmax(max, own[k]);
  return warpReduce<Larger>(max);
}

template <int COUNT, class T> __device__ inline void softmax(int length, const T* x, T* y) {
  typedef COMPUTE(T) C;
  C own[COUNT], sum = 0;
  read(x, length, C(-INFINITY), own);
  C max = largest(own);
#pragma unroll
  for (int k = 0; k < COUNT; k++) {
    own[k] = exp(own[k] - max);
    sum += own[k];
  }
  C share = 1 / warpReduce<Add>(sum);
  EACH(k, i) if (i < length) store(y + i, own[k] * share);
}

template <int COUNT, class T> __device__ inline void logSoftmax(int length, const T* x, T* y) {
  typedef COMPUTE(T) C;
  C own[COUNT], sum = 0;
  read(x, length, C(-INFINITY), own);
  C max = largest(own);
#pragma unroll
  for (int k = 0; k < COUNT; k++) sum += exp(own[k] - max);
  C logSum = log(warpReduce<Add>(sum));
  EACH(k, i) if (i < length) store(y + i, own[k] - max - logSum);
}

template <int COUNT, class T> __device__ inline void softmaxGrad(int length, const T* y, const T* g, T* gradX) {
  typedef COMPUTE(T) C;
  C p[COUNT], grad[COUNT], dot = 0;
  read(y, length, C(0), p);
  read(g, length, C(0), grad);
#pragma unroll
  for (int k = 0; k < COUNT; k++) dot += p[k] * grad[k];
  dot = warpReduce<Add>(dot);
  EACH(k, i) if (i < length) store(gradX + i, p[k] * (grad[k] - dot));
}

template <int COUNT, class T> __device__ inline void logSoftmaxGrad(int length, const T* y, const T* g, T* gradX) {
  typedef COMPUTE(T) C;
  C logP[COUNT], grad[COUNT], sum = 0;
  read(y, length, C(0), logP);
  read(g, length, C(0), grad);
#pragma unroll
  for (int k = 0; k < COUNT; k++) sum += grad[k];
  sum = warpReduce<Add>(sum);
  EACH(k, i) if (i < length) store(gradX + i, grad[k] - exp(logP[k]) * sum);
}

template <class T> __device__ inline void loadPack(const T* from, COMPUTE(T)* to) {
  Pack<T> pack = *(const Pack<T>*)from;
#pragma unroll
  for (int j = 0; j < Pack<T>::SIZE; j++) to[j] = load(pack.at + j);
}
template <class T> __device__ inline void storePack(const COMPUTE(T)* from, T* to) {
  Pack<T> pack;
#pragma unroll
  for (int j = 0; j < Pack<T>::SIZE; j++) store(pack.at + j, from[j]);
  *(Pack<T>*)to = pack;
}

// Of layer norm, VALUES elements a lane.
template <int VALUES, class T> __device__ inline void layerNormKept(
    int rows, int n, const T* x, const T* weight, const T* bias, T* y, T* mean, T* rstd, double eps) {
  const int SIZE = Pack<T>::SIZE;
  int lane = ::lane(), row = rowOfWarp();
  if (row >= rows) return;
  i64 start = (i64)row * n;
  float own[VALUES] = {}, sum = 0;
#pragma unroll
  for (int k = 0; k < VALUES; k += SIZE) {
    int column = k * 32 + lane * SIZE;
    if (column < n) loadPack(x + start + column, own + k);
  }
#pragma unroll
  for (int k = 0; k < VALUES; k++) sum += own[k];
  float m = warpReduce<Add>(sum) / n;
  sum = 0;
#pragma unroll
  for (int k = 0; k < VALUES; k++) {
    own[k] = k / SIZE * SIZE * 32 + lane * SIZE < n ? own[k] - m : 0;
    sum += own[k] * own[k];
  }
  float r = 1 / sqrt(warpReduce<Add>(sum) / n + (float)eps);
  if (lane == 0) {
    store(mean + row, m);
    store(rstd + row, r);
  }
#pragma unroll
  for (int k = 0; k < VALUES; k += SIZE) {
    int column = k * 32 + lane * SIZE;
    if (column >= n) continue;
    float scale[SIZE], shift[SIZE];
    if (weight) {
      loadPack(weight + column, scale);
      loadPack(bias + column, shift);
    }
#pragma unroll
    for (int j = 0; j < SIZE; j++) own[k + j] = weight ? own[k + j] * r * scale[j] + shift[j] : own[k + j] * r;
    storePack(own + k, y + start + column);
  }
}

// All gradients at once, of rows that a warp keeps in registers, VALUES elements a lane. A block's four warps take turns at a chunk of the
// rows; what weight and bias get by it is a part [2, n] of all.
template <int VALUES, class T> __device__ inline void layerNormGradKept(int rows, int n, int chunk, const T* g, const T* x, const T* mean,
    const T* rstd, const T* weight, T* gradX, float* parts) {
  const int SIZE = Pack<T>::SIZE;
  __shared__ float shares[2][32 * VALUES];
  int lane = ::lane(), warp = threadIdx.x / 32, end = min(rows, (int)(blockIdx.x + 1) * chunk);
  float ofWeight[VALUES] = {}, ofBias[VALUES] = {};
  for (int row = blockIdx.x * chunk + warp; row < end; row += WARPS) {
    i64 start = (i64)row * n;
    float value[VALUES] = {}, z[VALUES] = {}, sum = 0, dot = 0;
#pragma unroll
    for (int k = 0; k < VALUES; k += SIZE) {
      int column = k * 32 + lane * SIZE;
      if (column < n) {
        loadPack(g + start + column, value + k);
        loadPack(x + start + column, z + k);
      }
    }
    float m = load(mean + row), r = load(rstd + row);
#pragma unroll
    for (int k = 0; k < VALUES; k += SIZE) {
      int column = k * 32 + lane * SIZE;
      float scale[SIZE] = {};
      if (column < n) loadPack(weight + column, scale);
#pragma unroll
      for (int j = k; j < k + SIZE; j++) {
        z[j] = (z[j] - m) * r;
        ofWeight[j] += value[j] * z[j];
        ofBias[j] += value[j];
        value[j] *= scale[j - k];
        sum += value[j];
        dot += value[j] * z[j];
      }
    }
    sum = warpReduce<Add>(sum) / n;
    dot = warpReduce<Add>(dot) / n;
#pragma unroll
    for (int k = 0; k < VALUES; k += SIZE) {
      int column = k * 32 + lane * SIZE;
#pragma unroll
      for (int j = k; j < k + SIZE; j++) value[j] = r * (value[j] - sum - z[j] * dot);
      if (column < n) storePack(value + k, gradX + start + column);
    }
  }
  for (int other = 1; other < WARPS; other++) {
    __syncthreads();
#pragma unroll
    for (int k = 0; k < VALUES; k++) {
      if (warp == other) {
        shares[0][k * 32 + lane] = ofWeight[k];
        shares[1][k * 32 + lane] = ofBias[k];
      }
    }
    __syncthreads();
#pragma unroll
    for (int k = 0; k < VALUES; k++) {
      if (warp == 0) {
        ofWeight[k] += shares[0][k * 32 + lane];
        ofBias[k] += shares[1][k * 32 + lane];
      }
    }
  }
  if (warp > 0) return;
  parts += (i64)blockIdx.x * 2 * n;
#pragma unroll
  for (int k = 0; k < VALUES; k++) {
    int column = k / SIZE * SIZE * 32 + lane * SIZE + k % SIZE;
    if (column < n) {
      parts[column] = ofWeight[k];
      parts[n + column] = ofBias[k];
    }
  }
}

// Adds up the parts [chunks, 2, n]: 16 threads of a block are neighbours, of whom each 16 take turns at the chunks.
template <class T> __device__ inline void layerNormGradSums(int n, int chunks, const float* parts, T* gradWeight, T* gradBias) {
  __shared__ float sums[16][16];
  int lane = threadIdx.x % 16, turn = threadIdx.x / 16, column = blockIdx.x * 16 + lane;
  float sum = 0;
  if (column < 2 * n) {
#pragma unroll 8
    for (int chunk = turn; chunk < chunks; chunk += 16) sum += parts[(i64)chunk * 2 * n + column];
  }
  sums[turn][lane] = sum;
  __syncthreads();
  if (turn > 0 || column >= 2 * n) return;
  for (int i = 1; i < 16; i++) sum += sums[i][lane];
  store(column < n ? gradWeight + column : gradBias + column - n, sum);
}

// As few elements a lane as do, of up to 512 ÷ 32.
#define BY_LENGTH(NAME, ...) \
  int length = lines.length; \
  i64 at = (i64)rowOfWarp() * length; \
  if (rowOfWarp() >= lines.count) return; \
  if (length <= 128) { \
    NAME<4>(length, __VA_ARGS__); \
  } else if (length <= 256) { \
    NAME<8>(length, __VA_ARGS__); \
  } else { \
    NAME<16>(length, __VA_ARGS__); \
  }
#define SOFTMAX(NAME, T, SUFFIX) \
  extern "C" __global__ void __launch_bounds__(128) NAME##_warp_##SUFFIX(Lines lines, const T* x, T* y) { \
    BY_LENGTH(NAME, x + at, y + at) \
  }
#define SOFTMAX_GRAD(NAME, T, SUFFIX) \
  extern "C" __global__ void __launch_bounds__(128) NAME##_warp_##SUFFIX(Lines lines, const T* y, const T* g, T* gradX) { \
    BY_LENGTH(NAME, y + at, g + at, gradX + at) \
  }
#define SOFTMAXES(_, T, SUFFIX) \
  SOFTMAX(softmax, T, SUFFIX) \
  SOFTMAX(logSoftmax, T, SUFFIX) \
  SOFTMAX_GRAD(softmaxGrad, T, SUFFIX) \
  SOFTMAX_GRAD(logSoftmaxGrad, T, SUFFIX)
FOR_TYPE(SOFTMAXES, _)

#define KEPT(T, SUFFIX, VALUES) \
  extern "C" __global__ void __launch_bounds__(128) layerNormKept##VALUES##_##SUFFIX( \
      int rows, int n, const T* x, const T* weight, const T* bias, T* y, T* mean, T* rstd, double eps) { \
    layerNormKept<VALUES>(rows, n, x, weight, bias, y, mean, rstd, eps); \
  } \
  extern "C" __global__ void __launch_bounds__(128, VALUES > 24 ? 3 : 4) layerNormGradKept##VALUES##_##SUFFIX(int rows, int n, int chunk, \
      const T* g, const T* x, const T* mean, const T* rstd, const T* weight, T* gradX, float* parts) { \
    layerNormGradKept<VALUES>(rows, n, chunk, g, x, mean, rstd, weight, gradX, parts); \
  }
#define ALL_KEPT(T, SUFFIX) \
  KEPT(T, SUFFIX, 8) \
  KEPT(T, SUFFIX, 16) \
  KEPT(T, SUFFIX, 24) \
  KEPT(T, SUFFIX, 32) \
  extern "C" __global__ void __launch_bounds__(256) layerNormGradSums_##SUFFIX( \
      int n, int chunks, const float* parts, T* gradWeight, T* gradBias) { \
    layerNormGradSums(n, chunks, parts, gradWeight, gradBias); \
  }
ALL_KEPT(float, f32)
ALL_KEPT(bf16, bf16)
