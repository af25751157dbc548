// Batch norm, its gradient, and sums over all but the channels of maps [images, channels, inner] with many elements a channel. A block
// takes a part of a channel in an image, as much as its threads hold in registers; what parts came to is combined in their order.
#include "tenon.cuh"

#define THREADS 256
#define PACKS 8

// Grid: parts, channels. An image has `segments` parts of `each` elements, the last may have fewer; both are whole packs.
struct Maps {
  int images, channels, inner, each, segments;
};

// The packs of a block: where they begin, and how many there are.
struct Part {
  i64 from;
  int packs;
};
template <class T> __device__ inline Part partOf(const Maps& m) {
  int image = blockIdx.x / m.segments, start = blockIdx.x % m.segments * m.each;
  return {(((i64)image * m.channels + blockIdx.y) * m.inner + start) / Pack<T>::SIZE, min(m.each, m.inner - start) / Pack<T>::SIZE};
}
__device__ inline float lengthOf(const Maps& m, int part) { return (float)min(m.each, m.inner - part % m.segments * m.each); }

// Calls work(i, pack) for each pack of a thread, i telling which of its packs that is; all are under way before the first is used.
template <class T, class Work> __device__ inline void forPacks(const Part& p, const T* x, Work work) {
  Pack<T> own[PACKS];
#pragma unroll
  for (int i = 0; i < PACKS; i++) {
    int at = threadIdx.x + i * THREADS;
    if (at < p.packs) own[i] = ((const Pack<T>*)x)[p.from + at];
  }
#pragma unroll
  for (int i = 0; i < PACKS; i++) {
    if (threadIdx.x + i * THREADS < p.packs) work(i, own[i]);
  }
}

// The mean of each part and the sum of squares around it, as [channels, parts, 2].
template <class T> __device__ inline void moments(const Maps& m, const T* x, float2* parts) {
  const int SIZE = Pack<T>::SIZE;
  Part p = partOf<T>(m);
  float value[PACKS * SIZE], sum = 0, squares = 0;
  forPacks(p, x, [&](int i, const Pack<T>& pack) {
#pragma unroll
    for (int j = 0; j < SIZE; j++) {
      value[i * SIZE + j] = load(pack.at + j);
      sum += value[i * SIZE + j];
    }
  });
  float mean = blockReduce<Add>(sum) / (p.packs * SIZE);
#pragma unroll
  for (int i = 0; i < PACKS; i++) {
    if (threadIdx.x + i * THREADS < p.packs) {
#pragma unroll
      for (int j = 0; j < SIZE; j++) squares += (value[i * SIZE + j] - mean) * (value[i * SIZE + j] - mean);
    }
  }
  squares = blockReduce<Add>(squares);
  if (threadIdx.x == 0) parts[(i64)blockIdx.y * gridDim.x + blockIdx.x] = make_float2(mean, squares);
}

template <class T> __device__ inline void normalize(const Maps& m, const float2* parts, const T* x, const T* weight, const T* bias, T* y,
    T* mean, T* variance, double eps) {
  const int SIZE = Pack<T>::SIZE;
  int count = m.images * m.segments;
  const float2* own = parts + (i64)blockIdx.y * count;
  float n = (float)m.images * m.inner, sum = 0;
  for (int i = threadIdx.x; i < count; i += THREADS) sum += own[i].x * (lengthOf(m, i) / n);
  float center = blockReduce<Add>(sum);
  sum = 0;
  for (int i = threadIdx.x; i < count; i += THREADS) sum += own[i].y + lengthOf(m, i) * (own[i].x - center) * (own[i].x - center);
  float v = blockReduce<Add>(sum) / n, scale = load(weight + blockIdx.y) / sqrtf(v + (float)eps), shift = load(bias + blockIdx.y);
  Part p = partOf<T>(m);
  forPacks(p, x, [&](int i, const Pack<T>& pack) {
    Pack<T> out;
#pragma unroll
    for (int j = 0; j < SIZE; j++) store(out.at + j, (load(pack.at + j) - center) * scale + shift);
    ((Pack<T>*)y)[p.from + threadIdx.x + i * THREADS] = out;
  });
  if (blockIdx.x == 0 && threadIdx.x == 0) {
    store(mean + blockIdx.y, center);
    store(variance + blockIdx.y, v);
  }
}

// The sums of g and of g times what was normalized, as [channels, parts, 2].
template <class T> __device__ inline void gradMoments(
    const Maps& m, const T* g, const T* x, const T* mean, const T* variance, float2* parts, double eps) {
  const int SIZE = Pack<T>::SIZE;
  Part p = partOf<T>(m);
  float center = load(mean + blockIdx.y), sum = 0, dot = 0;
  for (int i = threadIdx.x; i < p.packs; i += THREADS) {
    Pack<T> a = ((const Pack<T>*)g)[p.from + i], b = ((const Pack<T>*)x)[p.from + i];
#pragma unroll
    for (int j = 0; j < SIZE; j++) {
      sum += load(a.at + j);
      dot += load(a.at + j) * (load(b.at + j) - center);
    }
  }
  sum = blockReduce<Add>(sum);
  dot = blockReduce<Add>(dot) / sqrtf(load(variance + blockIdx.y) + (float)eps);
  if (threadIdx.x == 0) parts[(i64)blockIdx.y * gridDim.x + blockIdx.x] = make_float2(sum, dot);
}

template <class T> __device__ inline void gradInput(const Maps& m, const float2* parts, const T* g, const T* x, const T* mean,
    const T* variance, const T* weight, T* gradX, T* gradWeight, T* gradBias, double eps) {
  const int SIZE = Pack<T>::SIZE;
  int count = m.images * m.segments;
  const float2* own = parts + (i64)blockIdx.y * count;
  float sum = 0, dot = 0;
  for (int i = threadIdx.x; i < count; i += THREADS) {
    sum += own[i].x;
    dot += own[i].y;
  }
  sum = blockReduce<Add>(sum);
  dot = blockReduce<Add>(dot);
  float n = (float)m.images * m.inner, r = 1 / sqrtf(load(variance + blockIdx.y) + (float)eps);
  float center = load(mean + blockIdx.y), scale = load(weight + blockIdx.y) * r, slope = r * (dot / n), offset = sum / n;
  Part p = partOf<T>(m);
  for (int i = threadIdx.x; i < p.packs; i += THREADS) {
    Pack<T> a = ((const Pack<T>*)g)[p.from + i], b = ((const Pack<T>*)x)[p.from + i], out;
#pragma unroll
    for (int j = 0; j < SIZE; j++) store(out.at + j, scale * (load(a.at + j) - offset - (load(b.at + j) - center) * slope));
    ((Pack<T>*)gradX)[p.from + i] = out;
  }
  if (blockIdx.x == 0 && threadIdx.x == 0) {
    store(gradWeight + blockIdx.y, dot);
    store(gradBias + blockIdx.y, sum);
  }
}

// The sum of each part, as [parts, channels].
template <class T> __device__ inline void sums(const Maps& m, const T* x, float* parts) {
  Part p = partOf<T>(m);
  float sum = 0;
  forPacks(p, x, [&](int, const Pack<T>& pack) {
#pragma unroll
    for (int j = 0; j < Pack<T>::SIZE; j++) sum += load(pack.at + j);
  });
  sum = blockReduce<Add>(sum);
  if (threadIdx.x == 0) parts[(i64)blockIdx.x * m.channels + blockIdx.y] = sum;
}

#define CHANNELS(T, SUFFIX) \
  extern "C" __global__ void __launch_bounds__(THREADS) moments_##SUFFIX(Maps m, const T* x, float2* parts) { moments(m, x, parts); } \
  extern "C" __global__ void __launch_bounds__(THREADS) normalize_##SUFFIX(Maps m, const float2* parts, const T* x, const T* weight, \
      const T* bias, T* y, T* mean, T* variance, double eps) { \
    normalize(m, parts, x, weight, bias, y, mean, variance, eps); \
  } \
  extern "C" __global__ void __launch_bounds__(THREADS) gradMoments_##SUFFIX( \
      Maps m, const T* g, const T* x, const T* mean, const T* variance, float2* parts, double eps) { \
    gradMoments(m, g, x, mean, variance, parts, eps); \
  } \
  extern "C" __global__ void __launch_bounds__(THREADS) gradInput_##SUFFIX(Maps m, const float2* parts, const T* g, const T* x, \
      const T* mean, const T* variance, const T* weight, T* gradX, T* gradWeight, T* gradBias, double eps) { \
    gradInput(m, parts, g, x, mean, variance, weight, gradX, gradWeight, gradBias, eps); \
  } \
  extern "C" __global__ void __launch_bounds__(THREADS) sums_##SUFFIX(Maps m, const T* x, float* parts) { sums(m, x, parts); }
CHANNELS(float, f32)
CHANNELS(bf16, bf16)
