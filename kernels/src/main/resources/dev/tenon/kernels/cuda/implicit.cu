// Products of matrices whose elements are computed where they are read: convolutions whose groups have several filters. Sums are in
// the compute type and in a fixed order.
#include "conv.cuh"

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
CONV(64, float, f32)
CONV(64, double, f64)
CONV(64, bf16, bf16)
CONV(128, float, f32)
CONV(128, bf16, bf16)
