// Convolutions of each channel by itself. Nothing but memory bounds them, as long as an element is read once from there and not
// often from anywhere: a block copies planes, or bands of them, with what surrounds them, and a thread computes R rows of C elements,
// for which it reads each line of its window once.
#include "conv.cuh"
#include "ptx.cuh"

// Planes' elements in shared memory, in lines of `pitch` bytes, a multiple of 16: the first is column -left.
template <class T> struct Planes {
  char* tile;
  int lines, pitch, left;

  // Starts copying `planes` planes of height × width, spread out, from row `top` on; zeros around them.
  __device__ void fill(const Conv& c, int height, int width, const T* from, int planes, i64 step, int top) const {
    const int CHUNK = 16 / sizeof(T), WORD = 4 / sizeof(T);
    bool dense = c.spreadH == 1 && c.spreadW == 1;
    if (dense && width % CHUNK == 0 && left % CHUNK == 0) {
      pieces<16>([&](int at, int x, int line, int plane) {
        int y = top + line;
        bool in = (u32)y < (u32)height && (u32)x < (u32)width;
        copyAsync(tile + at, in ? from + plane * step + y * width + x : from, in ? 16 : 0);
      }, planes);
    } else if (dense && width % WORD == 0 && left % WORD == 0) {
      pieces<4>([&](int at, int x, int line, int plane) {
        int y = top + line;
        bool in = (u32)y < (u32)height && (u32)x < (u32)width;
        copyWord(tile + at, in ? from + plane * step + y * width + x : from, in);
      }, planes);
    } else {
      pieces<sizeof(T)>([&](int at, int x, int line, int plane) {
        int y = top + line;
        bool in = y >= 0 && x >= 0 && y % c.spreadH == 0 && x % c.spreadW == 0 && y / c.spreadH < height && x / c.spreadW < width;
        T value = {};
        if (in) value = from[plane * step + y / c.spreadH * width + x / c.spreadW];
        *(T*)(tile + at) = value;
      }, planes);
    }
  }

  // Each piece of BYTES bytes of all lines: where it lies, and its first column, its line and its plane.
  template <int BYTES, class F> __device__ void pieces(const F& each, int planes) const {
    int all = pitch / BYTES, lanes = 32;
    while (lanes / 2 >= all) lanes /= 2;
    for (int piece = threadIdx.x % lanes; piece < all; piece += lanes) {
      int x = piece * (BYTES / (int)sizeof(T)) - left, line = threadIdx.x / lanes, plane = 0, at = piece * BYTES;
      for (;; line += blockDim.x / lanes) {
        while (line >= lines) {
          line -= lines;
          plane++;
          at += lines * pitch;
        }
        if (plane >= planes) break;
        each(at + line * pitch, x, line, plane);
      }
    }
  }

  __device__ const T* at(int plane, int line, int column) const {
    return (const T*)(tile + (plane * lines + line) * pitch) + column;
  }
};

// Neighbours in shared memory from OFFSET elements after `from` on, which is aligned to 4 elements: fours, and halves of those at the
// ends.
template <int OFFSET, int N> __device__ inline void line(float (&v)[N], const float* from) {
#pragma unroll
  for (int i = 0; i < OFFSET + N; i += 2) {
    if (i + 2 <= OFFSET) continue;
    if (i % 4 == 0 && i + 2 < OFFSET + N) {
      float4 four = *(const float4*)(from + i);
      if (i >= OFFSET) v[i - OFFSET] = four.x;
      if (i + 1 >= OFFSET) v[i + 1 - OFFSET] = four.y;
      v[i + 2 - OFFSET] = four.z;
      if (i + 3 < OFFSET + N) v[i + 3 - OFFSET] = four.w;
    } else if (i % 4 == 0 || i <= OFFSET) {
      float2 two = *(const float2*)(from + i);
      if (i >= OFFSET) v[i - OFFSET] = two.x;
      if (i + 1 < OFFSET + N) v[i + 1 - OFFSET] = two.y;
    }
  }
}
template <int OFFSET, int N> __device__ inline void line(float (&v)[N], const bf16* from) {
#pragma unroll
  for (int i = 0; i < OFFSET + N; i += 2) {
    if (i + 2 <= OFFSET) continue;
    u32 pair[2];
    int pairs = 0;
    if (i % 4 == 0 && i + 2 < OFFSET + N) {
      uint2 four = *(const uint2*)(from + i);
      pair[0] = four.x;
      pair[1] = four.y;
      pairs = 2;
    } else if (i % 4 == 0 || i <= OFFSET) {
      pair[0] = *(const u32*)(from + i);
      pairs = 1;
    }
#pragma unroll
    for (int k = 0; k < pairs * 2; k++) {
      if (i + k >= OFFSET && i + k < OFFSET + N) {
        v[i + k - OFFSET] = __uint_as_float(k % 2 == 0 ? pair[k / 2] << 16 : pair[k / 2] & 0xffff0000u);
      }
    }
  }
}

__device__ inline void putFour(float* y, const float* v) { *(float4*)y = make_float4(v[0], v[1], v[2], v[3]); }
__device__ inline void putFour(bf16* y, const float* v) { *(uint2*)y = make_uint2(packBf16(v[0], v[1]), packBf16(v[2], v[3])); }

__device__ inline void putSixteenBytes(float* y, const float* v) { putFour(y, v); }
__device__ inline void putSixteenBytes(bf16* y, const float* v) {
  *(uint4*)y = make_uint4(packBf16(v[0], v[1]), packBf16(v[2], v[3]), packBf16(v[4], v[5]), packBf16(v[6], v[7]));
}

__device__ inline int rounded(int x, int to) { return (x + to - 1) / to * to; }

// Windows begin OFFSET elements after one that is aligned, as they do where planes begin aligned and the padding is K / 2.
#define OFFSET (4 - K / 2)

// The planes that windows of K columns and stride S lie in.
template <class T, int K, int S, int C> __device__ inline Planes<T> planesOf(const Conv& c, char* tile, int rows) {
  const int CHUNK = 16 / sizeof(T);
  int left = c.padW + OFFSET;
  if (left % CHUNK == 4) left += 4;
  int end = left - c.padW + (rounded(c.columns, C) - 1) * S + K;
  return {tile, (rows - 1) * S + K, rounded(end, CHUNK) * (int)sizeof(T), left};
}

// Reads each line that R rows of C windows from (row, column) of a plane on lie in, and gives it to each of those rows that it belongs to,
// with the weight that is its first's.
template <class T, int K, int S, int R, int C, class F> __device__ inline void eachLine(
    const Conv& c, const Planes<T>& in, int plane, int row, int column, const F& each) {
#pragma unroll
  for (int l = 0; l < (R - 1) * S + K; l++) {
    float v[(C - 1) * S + K];
    line<OFFSET>(v, in.at(plane, row * S + l, column * S + in.left - c.padW - OFFSET));
#pragma unroll
    for (int r = 0; r < R; r++) {
      if (l - r * S >= 0 && l - r * S < K) each(v, r, (l - r * S) * K);
    }
  }
}

// Grid: planes × bands of `rows` rows, several planes a block.
template <class T, int K, int S, int R, int C> __device__ inline void depthwise(
    const Conv& c, int planes, int rows, bool turned, const T* x, const T* weight, const T* bias, T* y) {
  extern __shared__ __align__(16) char shared[];
  int bands = (c.rows + rows - 1) / rows;
  int plane = blockIdx.x / bands * planes, row = blockIdx.x % bands * rows;
  int count = min(planes, c.batch * c.channels - plane);
  Planes<T> in = planesOf<T, K, S, C>(c, shared, rows);
  float* weights = (float*)(shared + planes * in.lines * in.pitch);
  in.fill(c, c.height, c.width, x + (i64)plane * c.height * c.width, count, (i64)c.height * c.width, row * S - c.padH);
  for (int i = threadIdx.x; i < count * K * K; i += blockDim.x) {
    int tap = i % (K * K);
    weights[i] = load(weight + (plane + i / (K * K)) % c.channels * K * K + (turned ? K * K - 1 - tap : tap));
  }
  copyCommit();
  copyWait<0>();
  __syncthreads();
  int across = (c.columns + C - 1) / C, down = rows / R;
  bool fours = c.columns % 4 == 0 && (u64)y % 16 == 0;
  for (int item = threadIdx.x; item < count * down * across; item += blockDim.x) {
    int column = item % across * C, at = item / across % down * R, p = item / across / down;
    if (row + at >= c.rows) continue;
    float w[K * K], sum[R][C];
    float added = bias ? load(bias + (plane + p) % c.channels) : 0.0f;
#pragma unroll
    for (int i = 0; i < K * K; i++) w[i] = weights[p * K * K + i];
#pragma unroll
    for (int r = 0; r < R; r++) {
#pragma unroll
      for (int i = 0; i < C; i++) sum[r][i] = added;
    }
    eachLine<T, K, S, R, C>(c, in, p, at, column, [&](const float(&v)[(C - 1) * S + K], int r, int tap) {
#pragma unroll
      for (int i = 0; i < C; i++) {
#pragma unroll
        for (int k = 0; k < K; k++) sum[r][i] += v[i * S + k] * w[tap + k];
      }
    });
    T* to = y + ((i64)(plane + p) * c.rows + row + at) * c.columns + column;
#pragma unroll
    for (int r = 0; r < R; r++, to += c.columns) {
      if (row + at + r < c.rows) {
#pragma unroll
        for (int i = 0; i < C; i++) {
          if (column + i >= c.columns) continue;
          if (!fours) {
            store(to + i, sum[r][i]);
          } else if (i % 4 == 0) {
            putFour(to + i, sum[r] + i);
          }
        }
      }
    }
  }
}

__device__ inline void unpack(const uint4& four, float* v) {
  v[0] = __uint_as_float(four.x);
  v[1] = __uint_as_float(four.y);
  v[2] = __uint_as_float(four.z);
  v[3] = __uint_as_float(four.w);
}
__device__ inline void unpackPairs(const uint4& four, float* v) {
  const u32 pairs[4] = {four.x, four.y, four.z, four.w};
#pragma unroll
  for (int i = 0; i < 4; i++) {
    v[i * 2] = __uint_as_float(pairs[i] << 16);
    v[i * 2 + 1] = __uint_as_float(pairs[i] & 0xffff0000u);
  }
}

// Without shared memory, for maps as wide as what they are made of: a lane computes R rows of 16 bytes of columns, and gets what its
// windows reach beyond them from the lanes beside it, which have the same rows.
template <class T, int K, int R> __device__ inline void depthwiseStrips(
    const Conv& c, bool turned, const T* x, const T* weight, const T* bias, T* y) {
  const int EACH = 16 / sizeof(T), REACH = K / 2;
  int across = c.columns / EACH, lane = threadIdx.x % 32, together = 32 / across, strip = lane % across;
  int bands = (c.rows + R - 1) / R, band = (blockIdx.x * (blockDim.x / 32) + threadIdx.x / 32) * together + lane / across;
  bool mine = lane < together * across && band < c.batch * c.channels * bands;
  int plane = mine ? band / bands : 0, row = mine ? band % bands * R : c.rows, channel = plane % c.channels;
  i64 first = (i64)plane * c.height * c.width + strip * EACH;
  uint4 lines[R + K - 1];
#pragma unroll
  for (int l = 0; l < R + K - 1; l++) {
    int at = row + l - REACH;
    lines[l] = (u32)at < (u32)c.height && mine ? loadEarly(x + first + at * c.width) : make_uint4(0, 0, 0, 0);
  }
  float w[K * K], sum[K][EACH], added = bias ? load(bias + channel) : 0.0f;
#pragma unroll
  for (int i = 0; i < K * K; i++) w[i] = load(weight + channel * K * K + (turned ? K * K - 1 - i : i));
#pragma unroll
  for (int l = 0; l < R + K - 1; l++) {
    float v[EACH + K - 1];
    if (sizeof(T) == 2) {
      unpackPairs(lines[l], v + REACH);
    } else {
      unpack(lines[l], v + REACH);
    }
#pragma unroll
    for (int i = 0; i < REACH; i++) {
      float left = __shfl_up_sync(0xffffffffu, v[EACH + i], 1), right = __shfl_down_sync(0xffffffffu, v[REACH + i], 1);
      v[i] = strip > 0 ? left : 0.0f;
      v[REACH + EACH + i] = strip + 1 < across ? right : 0.0f;
    }
    // Rows that a line belongs to lie in turn where those lay that are complete.
#pragma unroll
    for (int k = K - 1; k >= 0; k--) {
      int r = l - k;
      if (r < 0 || r >= R) continue;
      float* s = sum[r % K];
#pragma unroll
      for (int i = 0; i < EACH; i++) {
        if (k == 0) s[i] = added;
#pragma unroll
        for (int j = 0; j < K; j++) s[i] += v[i + j] * w[k * K + j];
      }
      if (k == K - 1 && row + r < c.rows) putSixteenBytes(y + first + (row + r) * c.width, s);
    }
  }
}

// Grid: channels, parts of the images. A block sums over bands of `rows` rows of its images, `planes` at a time; the parts are added
// up afterwards.
template <class T, int K, int S, int R, int C> __device__ inline void depthwiseGradWeight(
    const Conv& c, int planes, int rows, const T* g, const T* x, float* gradW) {
  extern __shared__ __align__(16) char shared[];
  int channel = blockIdx.x, bands = (c.rows + rows - 1) / rows;
  int across = (c.columns + C - 1) / C, down = rows / R;
  Planes<T> in = planesOf<T, K, S, C>(c, shared, rows);
  Planes<T> out = {shared + planes * in.lines * in.pitch, rows, rounded(across * C * (int)sizeof(T), 16), 0};
  float sum[K * K] = {};
  int items = (c.batch + planes - 1) / planes * bands;
  for (int i = blockIdx.y; i < items; i += gridDim.y) {
    int image = i / bands * planes, row = i % bands * rows, count = min(planes, c.batch - image);
    __syncthreads();
    i64 first = (i64)image * c.channels + channel;
    in.fill(c, c.height, c.width, x + first * c.height * c.width, count, (i64)c.channels * c.height * c.width, row * S - c.padH);
    out.fill(c, c.rows, c.columns, g + first * c.rows * c.columns, count, (i64)c.channels * c.rows * c.columns, row);
    copyCommit();
    copyWait<0>();
    __syncthreads();
    for (int item = threadIdx.x; item < count * down * across; item += blockDim.x) {
      int column = item % across * C, at = item / across % down * R, p = item / across / down;
      float factor[R][C];
#pragma unroll
      for (int r = 0; r < R; r++) line<0>(factor[r], out.at(p, at + r, column));
      eachLine<T, K, S, R, C>(c, in, p, at, column, [&](const float(&v)[(C - 1) * S + K], int r, int tap) {
#pragma unroll
        for (int k = 0; k < K; k++) {
#pragma unroll
          for (int i = 0; i < C; i++) sum[tap + k] += v[i * S + k] * factor[r][i];
        }
      });
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

#define DEPTHWISE(K, S, R, C, T, SUFFIX) \
  extern "C" __global__ void __launch_bounds__(256) depthwise##K##S##_##SUFFIX( \
      Conv c, int planes, int rows, int turned, const T* x, const T* weight, const T* bias, T* y) { \
    depthwise<T, K, S, R, C>(c, planes, rows, turned, x, weight, bias, y); \
  } \
  extern "C" __global__ void __launch_bounds__(128, 4) depthwiseGradWeight##K##S##_##SUFFIX( \
      Conv c, int planes, int rows, const T* g, const T* x, float* gradW) { \
    depthwiseGradWeight<T, K, S, R, C>(c, planes, rows, g, x, gradW); \
  }
#define STRIPS(K, T, SUFFIX) \
  extern "C" __global__ void __launch_bounds__(256) depthwiseStrips##K##_##SUFFIX( \
      Conv c, int turned, const T* x, const T* weight, const T* bias, T* y) { \
    depthwiseStrips<T, K, 7>(c, turned, x, weight, bias, y); \
  }
#define STRIDES(K, T, SUFFIX) DEPTHWISE(K, 1, 7, 4, T, SUFFIX) DEPTHWISE(K, 2, 2, 4, T, SUFFIX)
#define KERNELS(T, SUFFIX) STRIPS(3, T, SUFFIX) STRIPS(5, T, SUFFIX) STRIPS(7, T, SUFFIX) STRIDES(3, T, SUFFIX) STRIDES(5, T, SUFFIX) STRIDES(7, T, SUFFIX)
KERNELS(float, f32)
KERNELS(bf16, bf16)
