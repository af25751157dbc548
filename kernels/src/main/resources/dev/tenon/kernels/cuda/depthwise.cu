// Convolutions of each channel by itself. Nothing but memory bounds them, as long as an element is read once from there and not
// often from anywhere: a block copies planes, or bands of them, with what surrounds them, and a thread computes R rows of C elements,
// for which it reads each line of its window once.
#include "conv.cuh"
#include "ptx.cuh"

// A plane's elements in shared memory: element (0, 0) of the tile is row `top` and column -left of the plane. Words have 4 bytes.
template <class T> struct Planes {
  static const int EACH = 4 / sizeof(T);
  char* tile;
  int lines, words;

  // Starts copying `planes` planes of height × width, spread out, from row `top` on.
  __device__ void fill(const Conv& c, const T* from, int planes, i64 step, int top, int left) const {
    bool even = EACH == 1 || c.width % EACH == 0;
    bool dense = c.spreadH == 1 && c.spreadW == 1;
    int lanes = 32;
    while (lanes / 2 >= words) lanes /= 2;
    int line = threadIdx.x / lanes, plane = 0;
    for (;; line += blockDim.x / lanes) {
      while (line >= lines) {
        line -= lines;
        plane++;
      }
      if (plane >= planes) break;
      char* to = tile + (plane * lines + line) * words * 4;
      int y = top + line;
      bool in = y >= 0 && y % c.spreadH == 0 && y / c.spreadH < c.height;
      const T* row = from + plane * step + (i64)(y / c.spreadH) * c.width;
      for (int word = threadIdx.x % lanes; word < words; word += lanes) {
        int x = word * EACH - left;
        if (dense && even) {
          copyWord(to + word * 4, in && x >= 0 && x < c.width ? row + x : from, in && x >= 0 && x < c.width);
        } else {
#pragma unroll
          for (int i = 0; i < EACH; i++) {
            bool inside = in && x + i >= 0 && (x + i) % c.spreadW == 0 && (x + i) / c.spreadW < c.width;
            T zero = {};
            ((T*)(to + word * 4))[i] = inside ? row[(x + i) / c.spreadW] : zero;
          }
        }
      }
    }
  }

  // Element (line, x), of which x is a multiple of 4.
  __device__ const T* at(int plane, int line, int x) const { return (const T*)(tile + (plane * lines + line) * words * 4) + x; }
};

// Neighbours in shared memory, as many as v holds, and what that rounds up to by fours; `from` is aligned to 4 elements, or C.
template <int N> __device__ inline void line(float (&v)[N], const float* from) {
#pragma unroll
  for (int i = 0; i < N; i += 4) {
    float4 four = *(const float4*)(from + i);
    v[i] = four.x;
    if (i + 1 < N) v[i + 1] = four.y;
    if (i + 2 < N) v[i + 2] = four.z;
    if (i + 3 < N) v[i + 3] = four.w;
  }
}
template <int N> __device__ inline void line(float (&v)[N], const bf16* from) {
#pragma unroll
  for (int i = 0; i < N; i += 4) {
    uint2 four = *(const uint2*)(from + i);
    v[i] = __uint_as_float(four.x << 16);
    if (i + 1 < N) v[i + 1] = __uint_as_float(four.x & 0xffff0000u);
    if (i + 2 < N) v[i + 2] = __uint_as_float(four.y << 16);
    if (i + 3 < N) v[i + 3] = __uint_as_float(four.y & 0xffff0000u);
  }
}

template <int C> __device__ inline void putLine(float* y, const float (&v)[C]) {
#pragma unroll
  for (int i = 0; i < C; i += 4) *(float4*)(y + i) = make_float4(v[i], v[i + 1], v[i + 2], v[i + 3]);
}
template <int C> __device__ inline void putLine(bf16* y, const float (&v)[C]) {
#pragma unroll
  for (int i = 0; i < C; i += 4) *(uint2*)(y + i) = make_uint2(packBf16(v[i], v[i + 1]), packBf16(v[i + 2], v[i + 3]));
}

__device__ inline int rounded(int x, int to) { return (x + to - 1) / to * to; }

// Where a plane begins in its tile: bf16 lie in pairs there as they do in memory, so that windows start at the second of one (ODD)
// if the padding is odd.
template <class T> __device__ inline int leftOf(const Conv& c) { return rounded(c.padW, Planes<T>::EACH); }

template <class T, int K, int S, int C> __device__ inline int wordsOf(const Conv& c) {
  return ((rounded(c.columns, C) - C) * S + rounded((C - 1) * S + K + Planes<T>::EACH - 1, 4)) / Planes<T>::EACH;
}

// Grid: planes × bands of `rows` rows, several planes a block.
template <class T, int K, int S, int R, int C, bool ODD> __device__ inline void depthwise(
    const Conv& c, int planes, int rows, bool turned, const T* x, const T* weight, const T* bias, T* y) {
  extern __shared__ char shared[];
  int bands = (c.rows + rows - 1) / rows;
  int plane = blockIdx.x / bands * planes, row = blockIdx.x % bands * rows;
  int count = min(planes, c.batch * c.channels - plane);
  Planes<T> in = {shared, (rows - 1) * S + K, wordsOf<T, K, S, C>(c)};
  float* weights = (float*)(shared + planes * in.lines * in.words * 4);
  in.fill(c, x + (i64)plane * c.height * c.width, count, (i64)c.height * c.width, row * S - c.padH, leftOf<T>(c));
  for (int i = threadIdx.x; i < count * K * K; i += blockDim.x) {
    int tap = i % (K * K);
    weights[i] = load(weight + (plane + i / (K * K)) % c.channels * K * K + (turned ? K * K - 1 - tap : tap));
  }
  copyCommit();
  copyWait<0>();
  __syncthreads();
  int across = (c.columns + C - 1) / C, down = rows / R;
  bool whole = c.columns % C == 0 && (size_t)y % 16 == 0;
  for (int item = threadIdx.x; item < count * down * across; item += blockDim.x) {
    int column = item % across * C, at = item / across % down * R, p = item / across / down;
    if (row + at >= c.rows) continue;
    float w[K * K], sum[R][C];
    float start = bias ? load(bias + (plane + p) % c.channels) : 0.0f;
#pragma unroll
    for (int i = 0; i < K * K; i++) w[i] = weights[p * K * K + i];
#pragma unroll
    for (int r = 0; r < R; r++) {
#pragma unroll
      for (int i = 0; i < C; i++) sum[r][i] = start;
    }
#pragma unroll
    for (int l = 0; l < (R - 1) * S + K; l++) {
      float v[(C - 1) * S + K + ODD];
      line(v, in.at(p, at * S + l, column * S));
#pragma unroll
      for (int r = 0; r < R; r++) {
        if (l - r * S >= 0 && l - r * S < K) {
#pragma unroll
          for (int i = 0; i < C; i++) {
#pragma unroll
            for (int k = 0; k < K; k++) sum[r][i] += v[i * S + k + ODD] * w[(l - r * S) * K + k];
          }
        }
      }
    }
    T* to = y + ((i64)(plane + p) * c.rows + row + at) * c.columns + column;
#pragma unroll
    for (int r = 0; r < R; r++, to += c.columns) {
      if (row + at + r < c.rows) {
        if (whole) {
          putLine(to, sum[r]);
        } else {
#pragma unroll
          for (int i = 0; i < C; i++) {
            if (column + i < c.columns) store(to + i, sum[r][i]);
          }
        }
      }
    }
  }
}

// Grid: channels, parts of the images. A block sums over bands of `rows` rows of its images, `planes` at a time; the parts are added
// up afterwards.
template <class T, int K, int S, int R, int C, bool ODD> __device__ inline void depthwiseGradWeight(
    const Conv& c, int planes, int rows, const T* g, const T* x, float* gradW) {
  extern __shared__ char shared[];
  int channel = blockIdx.x, bands = (c.rows + rows - 1) / rows;
  int across = (c.columns + C - 1) / C, down = rows / R;
  Planes<T> in = {shared, (rows - 1) * S + K, wordsOf<T, K, S, C>(c)};
  Planes<T> out = {shared + planes * in.lines * in.words * 4, rows, across * C / Planes<T>::EACH};
  Conv of = c;
  of.height = c.rows;
  of.width = c.columns;
  float sum[K * K] = {};
  int items = (c.batch + planes - 1) / planes * bands;
  for (int i = blockIdx.y; i < items; i += gridDim.y) {
    int image = i / bands * planes, row = i % bands * rows, count = min(planes, c.batch - image);
    __syncthreads();
    i64 first = (i64)image * c.channels + channel;
    in.fill(c, x + first * c.height * c.width, count, (i64)c.channels * c.height * c.width, row * S - c.padH, leftOf<T>(c));
    out.fill(of, g + first * c.rows * c.columns, count, (i64)c.channels * c.rows * c.columns, row, 0);
    copyCommit();
    copyWait<0>();
    __syncthreads();
    for (int item = threadIdx.x; item < count * down * across; item += blockDim.x) {
      int column = item % across * C, at = item / across % down * R, p = item / across / down;
      float factor[R][C];
#pragma unroll
      for (int r = 0; r < R; r++) line(factor[r], out.at(p, at + r, column));
#pragma unroll
      for (int l = 0; l < (R - 1) * S + K; l++) {
        float v[(C - 1) * S + K + ODD];
        line(v, in.at(p, at * S + l, column * S));
#pragma unroll
        for (int r = 0; r < R; r++) {
          if (l - r * S >= 0 && l - r * S < K) {
#pragma unroll
            for (int k = 0; k < K; k++) {
#pragma unroll
              for (int i = 0; i < C; i++) sum[(l - r * S) * K + k] += v[i * S + k + ODD] * factor[r][i];
            }
          }
        }
      }
    }
  }
  float* part = (float*)shared;
  __syncthreads();
#pragma unroll
  for (int k = 0; k < K * K; k++) {
    float all = sum[k];
    for (int s = 16; s > 0; s >>= 1) all += __shfl_xor_sync(0xffffffffu, all, s);
    if (threadIdx.x % 32 == 0) part[threadIdx.x / 32 * K * K + k] = all;
  }
  __syncthreads();
  if (threadIdx.x < K * K) {
    float all = 0;
    for (int w = 0; w < (int)blockDim.x / 32; w++) all += part[w * K * K + threadIdx.x];
    gradW[((i64)blockIdx.y * c.channels + channel) * K * K + threadIdx.x] = all;
  }
}

#define DEPTHWISE(K, S, R, C, ODD, T, SUFFIX) \
  extern "C" __global__ void __launch_bounds__(256) depthwise##K##S##ODD##_##SUFFIX( \
      Conv c, int planes, int rows, int turned, const T* x, const T* weight, const T* bias, T* y) { \
    depthwise<T, K, S, R, C, ODD>(c, planes, rows, turned, x, weight, bias, y); \
  } \
  extern "C" __global__ void __launch_bounds__(128) depthwiseGradWeight##K##S##ODD##_##SUFFIX( \
      Conv c, int planes, int rows, const T* g, const T* x, float* gradW) { \
    depthwiseGradWeight<T, K, S, R, C, ODD>(c, planes, rows, g, x, gradW); \
  }
#define STRIDES(K, ODD, T, SUFFIX) DEPTHWISE(K, 1, 4, 4, ODD, T, SUFFIX) DEPTHWISE(K, 2, 2, 4, ODD, T, SUFFIX)
#define KERNELS(ODD, T, SUFFIX) STRIDES(3, ODD, T, SUFFIX) STRIDES(5, ODD, T, SUFFIX) STRIDES(7, ODD, T, SUFFIX)
KERNELS(0, float, f32)
KERNELS(0, bf16, bf16)
KERNELS(1, bf16, bf16)
