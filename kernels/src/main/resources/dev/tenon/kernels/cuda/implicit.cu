// Products of matrices whose elements are computed where they are read: convolutions whose groups have several filters, and
// cross-task affinity. Sums are in the compute type and in a fixed order.
#include "tenon.cuh"

#define THREADS 256
#define SLICE 16

// Slices of two operands, twice: the next ones are read while the present ones are multiplied.
template <class C, int TILE> struct Slices {
  C a[2][SLICE][TILE + 4];
  C b[2][SLICE][TILE + 4];
};

// sum += Σ_i a(row, i)·b(column, i) for a tile from `row` and `column` on; each thread owns 4×4 elements of each 64×64 quarter.
// A_ALONG and B_ALONG say that neighbours in memory are neighbours along the depth.
template <bool A_ALONG, bool B_ALONG, int TILE, class C, class A, class B> __device__ inline void accumulate(
    Slices<C, TILE>& slices, C (&sum)[TILE / 16][TILE / 16], const A& a, const B& b, int row, int column, int m, int n, int depth) {
  const int EACH = TILE * SLICE / THREADS;
  C nextA[EACH], nextB[EACH];
  auto place = [](int e, bool along, int* line, int* i) {
    u32 at = e * THREADS + threadIdx.x;
    *line = along ? at / SLICE : at % TILE;
    *i = along ? at % SLICE : at / TILE;
  };
  auto fetch = [&](int from) {
#pragma unroll
    for (int e = 0; e < EACH; e++) {
      int line, i;
      place(e, A_ALONG, &line, &i);
      nextA[e] = row + line < m && from + i < depth ? a(row + line, from + i) : C(0);
      place(e, B_ALONG, &line, &i);
      nextB[e] = column + line < n && from + i < depth ? b(column + line, from + i) : C(0);
    }
  };
  auto put = [&](int buffer) {
#pragma unroll
    for (int e = 0; e < EACH; e++) {
      int line, i;
      place(e, A_ALONG, &line, &i);
      slices.a[buffer][i][line] = nextA[e];
      place(e, B_ALONG, &line, &i);
      slices.b[buffer][i][line] = nextB[e];
    }
  };
  int tx = threadIdx.x % 16 * 4, ty = threadIdx.x / 16 * 4;
  __syncthreads();
  fetch(0);
  put(0);
  __syncthreads();
  for (int from = 0; from < depth; from += SLICE) {
    int buffer = from / SLICE % 2;
    bool more = from + SLICE < depth;
    if (more) fetch(from + SLICE);
#pragma unroll
    for (int i = 0; i < SLICE; i++) {
      C x[TILE / 16], y[TILE / 16];
#pragma unroll
      for (int j = 0; j < TILE / 16; j++) {
        x[j] = slices.a[buffer][i][j / 4 * 64 + ty + j % 4];
        y[j] = slices.b[buffer][i][j / 4 * 64 + tx + j % 4];
      }
#pragma unroll
      for (int r = 0; r < TILE / 16; r++) {
#pragma unroll
        for (int c = 0; c < TILE / 16; c++) sum[r][c] += x[r] * y[c];
      }
    }
    if (more) put(1 - buffer);
    __syncthreads();
  }
}

// Within a tile, the line of a thread's i-th row or column, whose thread number along it is t.
__device__ inline int lineOf(int i, int t) { return i / 4 * 64 + t * 4 + i % 4; }

template <int TILE, class C, class T> __device__ inline void put(
    const C (&sum)[TILE / 16][TILE / 16], int row, int column, int m, int n, T* y) {
#pragma unroll
  for (int i = 0; i < TILE / 16; i++) {
#pragma unroll
    for (int j = 0; j < TILE / 16; j++) {
      int r = row + lineOf(i, threadIdx.x / 16), c = column + lineOf(j, threadIdx.x % 16);
      if (r < m && c < n) store(y + (i64)r * n + c, sum[i][j]);
    }
  }
}

// A convolution, NCHW.
struct Conv {
  int batch, channels, height, width;
  int filters, rows, columns;
  int kernelH, kernelW, strideH, strideW, padH, padW, dilationH, dilationW;
  int groups;

  __device__ int taps() const { return kernelH * kernelW; }
  __device__ int channelsOfGroup() const { return channels / groups; }
  __device__ int filtersOfGroup() const { return filters / groups; }
  __device__ int positions() const { return rows * columns; }

  // The input that a tap reads for a position, or -1 outside.
  __device__ int input(int position, int tap) const {
    int y = position / columns * strideH - padH + tap / kernelW * dilationH;
    int x = position % columns * strideW - padW + tap % kernelW * dilationW;
    return y >= 0 && y < height && x >= 0 && x < width ? y * width + x : -1;
  }

  // The position for which a tap reads an input, or -1.
  __device__ int position(int input, int tap) const {
    int y = input / width + padH - tap / kernelW * dilationH, x = input % width + padW - tap % kernelW * dilationW;
    if (y < 0 || x < 0 || y % strideH != 0 || x % strideW != 0) return -1;
    return y / strideH < rows && x / strideW < columns ? y / strideH * columns + x / strideW : -1;
  }
};

// Stores a tile of a group's channels, all images' pixels side by side.
template <int TILE, class C, class T> __device__ inline void putImages(
    const C (&sum)[TILE / 16][TILE / 16], int row, int column, int channels, int pixels, int images, int first, int all, const T* bias,
    T* y) {
#pragma unroll
  for (int i = 0; i < TILE / 16; i++) {
    int channel = row + lineOf(i, threadIdx.x / 16);
#pragma unroll
    for (int j = 0; j < TILE / 16; j++) {
      int n = column + lineOf(j, threadIdx.x % 16);
      if (channel < channels && n < images * pixels) {
        i64 at = ((i64)(n / pixels) * all + first + channel) * pixels + n % pixels;
        store(y + at, bias ? sum[i][j] + load(bias + first + channel) : sum[i][j]);
      }
    }
  }
}

// Grid: tiles of positions, tiles of filters, groups.
template <int TILE, class T> __device__ inline void forward(const Conv& c, const T* x, const T* weight, const T* bias, T* y) {
  typedef COMPUTE(T) C;
  __shared__ Slices<C, TILE> slices;
  C sum[TILE / 16][TILE / 16] = {};
  int row = blockIdx.y * TILE, column = blockIdx.x * TILE, first = blockIdx.z * c.filtersOfGroup();
  int depth = c.channelsOfGroup() * c.taps();
  const T* w = weight + (i64)first * depth;
  const T* from = x + (i64)blockIdx.z * c.channelsOfGroup() * c.height * c.width;
  accumulate<true, false, TILE>(slices, sum, [&](int filter, int i) { return load(w + (i64)filter * depth + i); }, [&](int n, int i) {
    int at = c.input(n % c.positions(), i % c.taps());
    return at < 0 ? C(0) : load(from + ((i64)(n / c.positions()) * c.channels + i / c.taps()) * c.height * c.width + at);
  }, row, column, c.filtersOfGroup(), c.batch * c.positions(), depth);
  putImages<TILE>(sum, row, column, c.filtersOfGroup(), c.positions(), c.batch, first, c.filters, bias, y);
}

// Grid: tiles of inputs, tiles of channels, groups.
template <int TILE, class T> __device__ inline void gradInput(const Conv& c, const T* g, const T* weight, T* gradX) {
  typedef COMPUTE(T) C;
  __shared__ Slices<C, TILE> slices;
  C sum[TILE / 16][TILE / 16] = {};
  int row = blockIdx.y * TILE, column = blockIdx.x * TILE, pixels = c.height * c.width;
  int first = blockIdx.z * c.filtersOfGroup();
  accumulate<true, false, TILE>(slices, sum, [&](int channel, int i) {
    return load(weight + ((i64)(first + i / c.taps()) * c.channelsOfGroup() + channel) * c.taps() + i % c.taps());
  }, [&](int n, int i) {
    int at = c.position(n % pixels, i % c.taps());
    return at < 0 ? C(0) : load(g + ((i64)(n / pixels) * c.filters + first + i / c.taps()) * c.positions() + at);
  }, row, column, c.channelsOfGroup(), c.batch * pixels, c.filtersOfGroup() * c.taps());
  putImages<TILE>(sum, row, column, c.channelsOfGroup(), pixels, c.batch, blockIdx.z * c.channelsOfGroup(), c.channels, (const T*)0, gradX);
}

// Sums over `each` positions, a part; the parts are added up afterwards. Grid: tiles of a filter's weights, tiles of filters, groups ×
// parts.
template <int TILE, class T> __device__ inline void gradWeight(
    const Conv& c, int each, int parts, const T* g, const T* x, COMPUTE(T)* gradW) {
  typedef COMPUTE(T) C;
  __shared__ Slices<C, TILE> slices;
  C sum[TILE / 16][TILE / 16] = {};
  int group = blockIdx.z / parts, part = blockIdx.z % parts;
  int row = blockIdx.y * TILE, column = blockIdx.x * TILE, first = group * c.filtersOfGroup();
  int width = c.channelsOfGroup() * c.taps(), start = part * each, count = min(each, c.batch * c.positions() - start);
  const T* from = x + (i64)group * c.channelsOfGroup() * c.height * c.width;
  accumulate<true, true, TILE>(slices, sum, [&](int filter, int i) {
    int n = start + i;
    return load(g + ((i64)(n / c.positions()) * c.filters + first + filter) * c.positions() + n % c.positions());
  }, [&](int w, int i) {
    int n = start + i, at = c.input(n % c.positions(), w % c.taps());
    return at < 0 ? C(0) : load(from + ((i64)(n / c.positions()) * c.channels + w / c.taps()) * c.height * c.width + at);
  }, row, column, c.filtersOfGroup(), width, count);
  put<TILE>(sum, row, column, c.filtersOfGroup(), width, gradW + ((i64)part * c.filters + first) * width);
}

#define CONV(TILE, T, SUFFIX) \
  extern "C" __global__ void __launch_bounds__(THREADS) implicitConv##TILE##_##SUFFIX( \
      Conv c, const T* x, const T* weight, const T* bias, T* y) { \
    forward<TILE>(c, x, weight, bias, y); \
  } \
  extern "C" __global__ void __launch_bounds__(THREADS) implicitGradInput##TILE##_##SUFFIX( \
      Conv c, const T* g, const T* weight, T* gradX) { \
    gradInput<TILE>(c, g, weight, gradX); \
  } \
  extern "C" __global__ void __launch_bounds__(THREADS) implicitGradWeight##TILE##_##SUFFIX( \
      Conv c, int each, int parts, const T* g, const T* x, Compute<T>::type* gradW) { \
    gradWeight<TILE>(c, each, parts, g, x, gradW); \
  }

// Cross-task affinity and its gradient. Its definition, where r counts tasks t, elements k of a 3×3 kernel and channels c,
//
//   y(d, q) = Σ_p M(q, p)·v(d, p),   M(q, p) = bias(q) + Σ_r weight(q, t, k)·f(t, c, q)·f(t, c, p + k),
//
// is linear in v, so that the sum over p can be taken first, and no map of all pairs of pixels exists anywhere:
//
//   y(d, q) = Σ_r X(r, q)·G(r, d),   G(r, d) = Σ_p S(r, p)·v(d, p),   X(r, q) = weight(q, t, k)·f(t, c, q),   S(r, p) = f(t, c, p + k).
//
// One more r stands for the bias: there X is bias(q) and S is 1.

struct Sizes {
  int tasks, channels, depth;  // depth counts the channels of the values of all tasks
  int height, width;

  __device__ int pixels() const { return height * width; }
  // The r of the bias, and what precedes it.
  __device__ int last() const { return 9 * tasks * channels; }
  __device__ i64 features() const { return (i64)tasks * channels * pixels(); }
  __device__ i64 values() const { return (i64)depth * pixels(); }
  __device__ i64 moments() const { return (i64)(last() + 1) * depth; }

  // The pixel that element k of the kernel reads at p, or -1 outside the image; `sign` -1 for the pixel that reads p with it.
  __device__ int neighbor(int p, int k, int sign) const {
    int y = p / width + sign * (k / 3 - 1), x = p % width + sign * (k % 3 - 1);
    return y >= 0 && y < height && x >= 0 && x < width ? y * width + x : -1;
  }
};

// S(r, p).
template <class T> struct Shifted {
  const Sizes& s;
  const T* f;
  __device__ COMPUTE(T) operator()(int r, int p) const {
    if (r == s.last()) return 1;
    int tk = r / s.channels, at = s.neighbor(p, tk % 9, 1);
    return at < 0 ? COMPUTE(T)(0) : load(f + (i64)(tk / 9 * s.channels + r % s.channels) * s.pixels() + at);
  }
};

// X(r, q). `weight` is [9·tasks + 1, pixels], the bias its last line.
template <class T> struct Weighted {
  const Sizes& s;
  const T* f;
  const T* weight;
  __device__ COMPUTE(T) operator()(int r, int q) const {
    int tk = r / s.channels;
    if (r == s.last()) return load(weight + (i64)9 * s.tasks * s.pixels() + q);
    return load(weight + (i64)tk * s.pixels() + q) * load(f + (i64)(tk / 9 * s.channels + r % s.channels) * s.pixels() + q);
  }
};

// Maps of values, (d, p).
template <class T> struct Planes {
  const Sizes& s;
  const T* v;
  __device__ COMPUTE(T) operator()(int d, int p) const { return load(v + (i64)d * s.pixels() + p); }
};

// G, or its gradient: Σ over pixels of what `left` makes of the features, times maps. Grid: tiles of r, tiles of maps, images.
template <int TILE, class C, class T, class Left> __device__ inline void moments(const Sizes& s, const Left& left, const T* maps, C* g) {
  __shared__ Slices<C, TILE> slices;
  C sum[TILE / 16][TILE / 16] = {};
  int row = blockIdx.x * TILE, column = blockIdx.y * TILE;
  Planes<T> right = {s, maps + blockIdx.z * s.values()};
  accumulate<true, true, TILE>(slices, sum, left, right, row, column, s.last() + 1, s.depth, s.pixels());
  put<TILE>(sum, row, column, s.last() + 1, s.depth, g + blockIdx.z * s.moments());
}

// Σ_r G(r, d)·right(r, ·). Grid: tiles of maps, tiles of pixels, images.
template <int TILE, class C, class T, class Right> __device__ inline void diffuse(
    const Sizes& s, const C* moments, const Right& right, T* y) {
  __shared__ Slices<C, TILE> slices;
  C sum[TILE / 16][TILE / 16] = {};
  int row = blockIdx.x * TILE, column = blockIdx.y * TILE;
  const C* g = moments + blockIdx.z * s.moments();
  accumulate<false, false, TILE>(slices, sum, [&](int d, int r) { return g[(i64)r * s.depth + d]; },
      [&](int q, int r) { return right(r, q); }, row, column, s.depth, s.pixels(), s.last() + 1);
  put<TILE>(sum, row, column, s.depth, s.pixels(), y + blockIdx.z * s.values());
}

// The gradient of one task's features: as X(r, q) of every q, and as S(r, p) of every p. Grid: tiles of channels, tiles of pixels,
// images × tasks.
template <int TILE, class C, class T> __device__ inline void features(
    const Sizes& s, const T* gradY, const T* v, const T* weight, const C* moments, const C* gradMoments, T* gradF) {
  __shared__ Slices<C, TILE> slices;
  C sum[TILE / 16][TILE / 16] = {};
  int row = blockIdx.x * TILE, column = blockIdx.y * TILE, image = blockIdx.z / s.tasks, t = blockIdx.z % s.tasks;
  Planes<T> g = {s, gradY + image * s.values()}, values = {s, v + image * s.values()};
  // Line c of G at kernel element k, the depth being k and d.
  auto of = [&](const C* all) {
    const C* from = all + image * s.moments() + (i64)9 * t * s.channels * s.depth;
    return [&s, from](int c, int i) { return from[(i64)(i / s.depth * s.channels + c) * s.depth + i % s.depth]; };
  };
  accumulate<true, false, TILE>(slices, sum, of(moments), [&](int q, int i) {
    return load(weight + (i64)(9 * t + i / s.depth) * s.pixels() + q) * g(i % s.depth, q);
  }, row, column, s.channels, s.pixels(), 9 * s.depth);
  accumulate<true, false, TILE>(slices, sum, of(gradMoments), [&](int p, int i) {
    int at = s.neighbor(p, i / s.depth, -1);
    return at < 0 ? C(0) : values(i % s.depth, at);
  }, row, column, s.channels, s.pixels(), 9 * s.depth);
  put<TILE>(sum, row, column, s.channels, s.pixels(), gradF + (i64)blockIdx.z * s.channels * s.pixels());
}

// The gradients of weights and bias at one t and k: Σ over images and channels of f times what G makes of the gradient of y.
// Grid: tiles of pixels, 9·tasks + 1.
template <int TILE, class C, class T> __device__ inline void weights(
    const Sizes& s, int images, const T* gradY, const T* f, const C* moments, T* gradWeight, T* gradBias) {
  __shared__ Slices<C, TILE> slices;
  __shared__ C part[16][TILE];
  C total[TILE / 16] = {};
  int tk = blockIdx.y, column = blockIdx.x * TILE;
  bool bias = tk == 9 * s.tasks;
  int channels = bias ? 1 : s.channels;
  for (int image = 0; image < images; image++) {
    const C* from = moments + image * s.moments() + (i64)tk * s.channels * s.depth;
    const T* at = f + image * s.features() + (i64)tk / 9 * s.channels * s.pixels();
    Planes<T> g = {s, gradY + image * s.values()};
    for (int row = 0; row < channels; row += TILE) {
      C sum[TILE / 16][TILE / 16] = {};
      accumulate<true, false, TILE>(slices, sum, [&](int c, int d) { return from[(i64)c * s.depth + d]; },
          [&](int q, int d) { return g(d, q); }, row, column, channels, s.pixels(), s.depth);
#pragma unroll
      for (int i = 0; i < TILE / 16; i++) {
        int c = row + lineOf(i, threadIdx.x / 16);
#pragma unroll
        for (int j = 0; j < TILE / 16; j++) {
          int q = column + lineOf(j, threadIdx.x % 16);
          if (c < channels && q < s.pixels()) total[j] += bias ? sum[i][j] : sum[i][j] * load(at + (i64)c * s.pixels() + q);
        }
      }
    }
  }
#pragma unroll
  for (int j = 0; j < TILE / 16; j++) part[threadIdx.x / 16][lineOf(j, threadIdx.x % 16)] = total[j];
  __syncthreads();
  int q = column + threadIdx.x;
  if (threadIdx.x < TILE && q < s.pixels()) {
    C sum = 0;
    for (int i = 0; i < 16; i++) sum += part[i][threadIdx.x];
    store(bias ? gradBias + q : gradWeight + (i64)q * 9 * s.tasks + tk, sum);
  }
}

#define AFFINITY(TILE, T, SUFFIX) \
  extern "C" __global__ void __launch_bounds__(THREADS) affinityMoments##TILE##_##SUFFIX( \
      Sizes s, const T* f, const T* v, Compute<T>::type* g) { \
    moments<TILE>(s, Shifted<T>{s, f + blockIdx.z * s.features()}, v, g); \
  } \
  extern "C" __global__ void __launch_bounds__(THREADS) affinityGradMoments##TILE##_##SUFFIX( \
      Sizes s, const T* f, const T* weight, const T* gradY, Compute<T>::type* g) { \
    moments<TILE>(s, Weighted<T>{s, f + blockIdx.z * s.features(), weight}, gradY, g); \
  } \
  extern "C" __global__ void __launch_bounds__(THREADS) affinity##TILE##_##SUFFIX( \
      Sizes s, const T* f, const T* weight, const Compute<T>::type* g, T* y) { \
    diffuse<TILE>(s, g, Weighted<T>{s, f + blockIdx.z * s.features(), weight}, y); \
  } \
  extern "C" __global__ void __launch_bounds__(THREADS) affinityGradValues##TILE##_##SUFFIX( \
      Sizes s, const T* f, const Compute<T>::type* gradMoments, T* gradV) { \
    diffuse<TILE>(s, gradMoments, Shifted<T>{s, f + blockIdx.z * s.features()}, gradV); \
  } \
  extern "C" __global__ void __launch_bounds__(THREADS) affinityGradFeatures##TILE##_##SUFFIX( \
      Sizes s, const T* gradY, const T* v, const T* weight, const Compute<T>::type* g, const Compute<T>::type* gradMoments, T* gradF) { \
    features<TILE>(s, gradY, v, weight, g, gradMoments, gradF); \
  } \
  extern "C" __global__ void __launch_bounds__(THREADS) affinityGradWeights##TILE##_##SUFFIX( \
      Sizes s, int images, const T* gradY, const T* f, const Compute<T>::type* g, T* gradWeight, T* gradBias) { \
    weights<TILE>(s, images, gradY, f, g, gradWeight, gradBias); \
  }
#define ALL(TILE, T, SUFFIX) CONV(TILE, T, SUFFIX) AFFINITY(TILE, T, SUFFIX)
ALL(64, float, f32)
ALL(64, double, f64)
ALL(64, bf16, bf16)
ALL(128, float, f32)
ALL(128, bf16, bf16)
