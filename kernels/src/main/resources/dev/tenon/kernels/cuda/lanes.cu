// Products and orders along one dimension, statistics of channels, and replacing by index.
#include "tenon.cuh"

struct Lines {
  int length;
  int inner;
  int count;
  // Where element i of a line lies.
  __device__ i64 at(i64 line, int i) const { return (line / inner * length + i) * inner + line % inner; }
};

template <class T> __device__ inline void prod(const Lines& lines, const T* x, T* y) {
  FOR_EACH(line, lines.count) {
    COMPUTE(T) product = 1;
    for (int i = 0; i < lines.length; i++) product *= load(x + lines.at(line, i));
    store(y + line, product);
  }
}

// `before` takes gradOutput times the product of all elements before each one.
template <class T> __device__ inline void prodGrad(const Lines& lines, const T* x, const T* g, COMPUTE(T)* before, T* y) {
  FOR_EACH(line, lines.count) {
    COMPUTE(T) product = load(g + line);
    for (int i = 0; i < lines.length; i++) {
      before[lines.at(line, i)] = product;
      product *= load(x + lines.at(line, i));
    }
    product = 1;
    for (int i = lines.length - 1; i >= 0; i--) {
      store(y + lines.at(line, i), before[lines.at(line, i)] * product);
      product *= load(x + lines.at(line, i));
    }
  }
}

// One thread an element: its place is the number of those that come before it. A NaN is the largest.
template <class T> __device__ inline void argSort(const Lines& lines, const T* x, i64* y, int descending) {
  FOR_EACH(i, (i64)lines.count * lines.length) {
    i64 line = i % lines.count;
    int own = (int)(i / lines.count), place = 0;
    COMPUTE(T) value = load(x + lines.at(line, own));
    for (int j = 0; j < lines.length; j++) {
      COMPUTE(T) other = load(x + lines.at(line, j));
      bool less = other < value || (value != value && other == other);
      bool more = other > value || (other != other && value == value);
      place += (descending ? more : less) || (!less && !more && j < own);
    }
    y[lines.at(line, place)] = own;
  }
}

// Images, channels and the elements of a channel in one image. A block a channel.
struct Channels {
  int images, channels, inner;
  __device__ int count() const { return images * inner; }
  __device__ i64 at(int i) const { return ((i64)(i / inner) * channels + blockIdx.x) * inner + i % inner; }
};

template <class T> __device__ inline void batchNorm(
    const Channels& c, const T* x, const T* weight, const T* bias, T* y, T* mean, T* variance, double eps) {
  typedef COMPUTE(T) C;
  C sum = 0;
  for (int i = threadIdx.x; i < c.count(); i += blockDim.x) sum += load(x + c.at(i));
  C m = blockReduce<Add>(sum) / c.count();
  sum = 0;
  for (int i = threadIdx.x; i < c.count(); i += blockDim.x) {
    C d = load(x + c.at(i)) - m;
    sum += d * d;
  }
  C v = blockReduce<Add>(sum) / c.count();
  C r = 1 / sqrt(v + C(eps));
  C scale = load(weight + blockIdx.x), shift = load(bias + blockIdx.x);
  for (int i = threadIdx.x; i < c.count(); i += blockDim.x) {
    store(y + c.at(i), (load(x + c.at(i)) - m) * r * scale + shift);
  }
  if (threadIdx.x == 0) {
    store(mean + blockIdx.x, m);
    store(variance + blockIdx.x, v);
  }
}

template <class T> __device__ inline void batchNormGrad(const Channels& c, const T* g, const T* x, const T* mean, const T* variance,
    const T* weight, T* gradX, T* gradWeight, T* gradBias, double eps) {
  typedef COMPUTE(T) C;
  C m = load(mean + blockIdx.x), r = 1 / sqrt(load(variance + blockIdx.x) + C(eps));
  C sum = 0, dot = 0;
  for (int i = threadIdx.x; i < c.count(); i += blockDim.x) {
    C value = load(g + c.at(i));
    sum += value;
    dot += value * (load(x + c.at(i)) - m) * r;
  }
  sum = blockReduce<Add>(sum);
  dot = blockReduce<Add>(dot);
  C scale = load(weight + blockIdx.x) * r;
  for (int i = threadIdx.x; i < c.count(); i += blockDim.x) {
    C normalized = (load(x + c.at(i)) - m) * r;
    store(gradX + c.at(i), scale * (load(g + c.at(i)) - sum / c.count() - normalized * dot / c.count()));
  }
  if (threadIdx.x == 0) {
    store(gradWeight + blockIdx.x, dot);
    store(gradBias + blockIdx.x, sum);
  }
}

#define LANES(NAME, T, SUFFIX) \
  extern "C" __global__ void prod_##SUFFIX(Lines lines, const T* x, T* y) { prod(lines, x, y); } \
  extern "C" __global__ void prodGrad_##SUFFIX(Lines lines, const T* x, const T* g, Compute<T>::type* before, T* y) { \
    prodGrad(lines, x, g, before, y); \
  } \
  extern "C" __global__ void argSort_##SUFFIX(Lines lines, const T* x, i64* y, int descending) { argSort(lines, x, y, descending); } \
  extern "C" __global__ void batchNorm_##SUFFIX( \
      Channels c, const T* x, const T* weight, const T* bias, T* y, T* mean, T* variance, double eps) { \
    batchNorm(c, x, weight, bias, y, mean, variance, eps); \
  } \
  extern "C" __global__ void batchNormGrad_##SUFFIX(Channels c, const T* g, const T* x, const T* mean, const T* variance, \
      const T* weight, T* gradX, T* gradWeight, T* gradBias, double eps) { \
    batchNormGrad(c, g, x, mean, variance, weight, gradX, gradWeight, gradBias, eps); \
  }
FOR_TYPE(LANES, _)

// Each element of y that an index points to becomes the last of src that does. Operands of the walk, which leaves out the dimension
// itself: index, src, y.
template <class T> __device__ inline void replace(
    const Walk& w, const i64* index, const T* src, T* y, int extent, int picks, int indexStride, int srcStride, int yStride, int op,
    Fault* fault) {
  FOR_EACH(i, w.size * (i64)extent) {
    int position = (int)(i / w.size);
    int at[3];
    locate<3>(w, (int)(i % w.size), at);
    for (int j = 0; j < picks; j++) {
      i64 k = index[at[0] + (i64)j * indexStride];
      if (inRange(k, extent, op, fault) && k == position) {
        y[at[2] + (i64)position * yStride] = src[at[1] + (i64)j * srcStride];
      }
    }
  }
}
#define REPLACE(BYTES, T) \
  extern "C" __global__ void replace_##BYTES(Walk w, const i64* index, const T* src, T* y, int extent, int picks, int indexStride, \
      int srcStride, int yStride, int op, Fault* fault) { \
    replace(w, index, src, y, extent, picks, indexStride, srcStride, yStride, op, fault); \
  }
REPLACE(1, unsigned char)
REPLACE(2, unsigned short)
REPLACE(4, u32)
REPLACE(8, u64)
