// Gradients of the weights of convolutions in groups, on tensor cores: products whose depth is the pixels of all images.
#include "grouped.cuh"

// How fragments are read whose depth is pixels, from 32-bit addresses: of channels × pixels, out of entries, with lanes' first entries
// and where their pixels lie beyond them; of pixels × filters, out of filters' lines of pixels, `pitch` bytes apart.
template <class T> struct Across;
template <> struct Across<bf16> {
  static const int HALVES = 1;
  __device__ static int pixel(int) { return (threadIdx.x & 7) + (threadIdx.x >> 4 & 1) * 8; }
  __device__ static int entry(int) { return threadIdx.x >> 3 & 1; }
  __device__ static int byte() { return 0; }
  __device__ static void left(u32 (&a)[4], const u32 (&entry)[1], const u32 (&pixel)[1]) {
    loadMatricesTransposedAt(a, entry[0] + pixel[0]);
  }
  template <int N> __device__ static u32 right(int pitch) {
    return ((threadIdx.x & 7) + (N > 1 ? threadIdx.x >> 4 & 1 : 0) * 8) * pitch + (threadIdx.x >> 3 & 1) * 16;
  }
  template <int N> __device__ static void right(u32 (&w)[N][2], u32 at, int pitch) {
#pragma unroll
    for (int n = 0; n < N; n += 2) {
      u32 r[4];
      loadMatricesAt(r, at + n * 8 * pitch);
#pragma unroll
      for (int i = 0; i < 4 && n + i / 2 < N; i++) w[n + i / 2][i % 2] = r[i];
    }
  }
};
template <> struct Across<float> {
  static const int HALVES = 2;
  __device__ static int pixel(int half) { return threadIdx.x % 4 + half * 4; }
  __device__ static int entry(int half) { return threadIdx.x % 32 / 16 + half * 2; }
  __device__ static int byte() { return threadIdx.x / 4 % 4 * 4; }
  __device__ static void left(u32 (&a)[4], const u32 (&entry)[2], const u32 (&pixel)[2]) {
#pragma unroll
    for (int i = 0; i < 4; i++) a[i] = loadShared(entry[i % 2] + pixel[i / 2]);
  }
  template <int N> __device__ static u32 right(int pitch) { return threadIdx.x % 32 / 4 * pitch + threadIdx.x % 4 * 4; }
  template <int N> __device__ static void right(u32 (&w)[N][2], u32 at, int pitch) {
#pragma unroll
    for (int n = 0; n < N; n++) {
#pragma unroll
      for (int i = 0; i < 2; i++) w[n][i] = toTf32(loadShared(at + n * 8 * pitch + i * 16));
    }
  }
};

// Grid: chunks × tiles of N·8 filters × tiles of entries; groups; parts of the images. A block's warps share tiles of M·16 channels of
// taps, `across`, and the pixels. What they come to lies, a part after another, in the order of the registers.
template <int N, int M, class T> __device__ inline void gradWeight(
    const Conv& c, const Blocking& b, int across, const T* g, const T* x, float4* partial) {
  extern __shared__ __align__(16) char shared[];
  // Lines of a fragment in entries, and pixels of a step, which take 32 bytes.
  const int EACH = Tile<T>::EACH, PER = 16 / EACH, PIXELS = 32 / sizeof(T), HALVES = Across<T>::HALVES;
  int lane = threadIdx.x % 32, warp = threadIdx.x / 32 % across, along = threadIdx.x / 32 / across, shares = blockDim.x / 32 / across;
  int depth = c.channelsOfGroup(), filters = c.filtersOfGroup(), all = c.taps() * b.entries, group = blockIdx.y;
  int matrices = (all + PER - 1) / PER, tiles = (filters + N * 8 - 1) / (N * 8), bands = (c.rows + b.rows - 1) / b.rows;
  int chunk = blockIdx.x % b.chunks, filterTile = blockIdx.x / b.chunks % tiles;
  int first = (blockIdx.x / b.chunks / tiles * across + warp) * M;
  int left = leftOf(c), lines = linesOf(c, b.rows), pitch = pitchOf(c);
  // Pixels of a band of an image, and of those what steps take.
  int band = b.rows * c.columns, steps = (band + PIXELS - 1) / PIXELS * b.images, apart = steps * 32 + 16;
  int channel = chunk * b.entries * EACH, channels = min(b.entries * EACH, depth - channel);
  Tile<T> tile = {shared, b.entries, b.images, lines, pitch, b.images * lines * pitch};
  int* table = (int*)(shared + b.entries * tile.plane * 16);
  char* ahead = (char*)(table + steps * PIXELS);
  Stage<T> stage = {ahead + 2 * N * 8 * apart, c.height, c.width, 1, lines};
  for (int i = threadIdx.x; i < steps * PIXELS; i += blockDim.x) {
    int each = steps / b.images * PIXELS, image = i / each, pixel = min(i % each, band - 1);
    table[i] = (((image * lines + pixel / c.columns * c.strideH) * pitch) + pixel % c.columns * c.strideW + left - c.padW) * 16;
  }
  u32 entries[M][HALVES];
#pragma unroll
  for (int m = 0; m < M; m++) {
#pragma unroll
    for (int h = 0; h < HALVES; h++) {
      entries[m][h] = sharedAddress(tile.at) + offset(c, tile, b.entries, (first + m) * PER + Across<T>::entry(h)) + Across<T>::byte();
    }
  }
  int planeX = c.height * c.width, planeG = c.positions();
  x += (i64)(group * depth + channel) * planeX;
  g += (i64)(group * filters + filterTile * N * 8) * planeG;
  int items = (c.batch + b.images - 1) / b.images * bands;
  auto start = [&](int item, int buffer) {
    if (item < items) {
      int image = item / bands * b.images, row = item % bands * b.rows, images = min(b.images, c.batch - image);
      stage.copy(x + (i64)image * c.channels * planeX, (i64)c.channels * planeX, channels, images, row * c.strideH - c.padH);
      int piece = Stage<T>::piece((planeG | band) * (int)sizeof(T)), pieces = steps / b.images * 32 / piece;
      int bytes = min(b.rows, c.rows - row) * c.columns * (int)sizeof(T);
      for (int of = 0; of < b.images; of++) {
        for (int filter = threadIdx.x / 32; filter < N * 8; filter += blockDim.x / 32) {
          const char* from = (const char*)(g + ((i64)(image + of) * c.filters + filter) * planeG + row * c.columns);
          char* to = ahead + (buffer * N * 8 + filter) * apart + of * pieces * piece;
          int there = of < images && filterTile * N * 8 + filter < filters ? bytes : 0;
          for (int n = lane * piece; n < pieces * piece; n += 32 * piece) {
            int valid = max(0, min(piece, there - n));
            copyPiece<T>(to + n, valid > 0 ? from + n : (const char*)g, piece, valid);
          }
        }
      }
    }
    copyCommit();
  };
  float sum[M][N][4] = {};
  int buffer = 0;
  start(blockIdx.z, 0);
  for (int item = blockIdx.z; item < items; item += gridDim.z) {
    copyWait<0>();
    __syncthreads();
    fill(tile, stage, channels, min(b.images, c.batch - item / bands * b.images), 1, item % bands * b.rows * c.strideH - c.padH, left);
    __syncthreads();
    start(item + gridDim.z, 1 - buffer);
    u32 right = sharedAddress(ahead) + buffer * N * 8 * apart + Across<T>::template right<N>(apart);
    for (int step = along; step < steps; step += shares) {
      u32 pixel[HALVES], w[N][2];
#pragma unroll
      for (int h = 0; h < HALVES; h++) pixel[h] = table[step * PIXELS + Across<T>::pixel(h)];
      Across<T>::right(w, right + step * 32, apart);
#pragma unroll
      for (int m = 0; m < M; m++) {
        u32 a[4];
        Across<T>::left(a, entries[m], pixel);
#pragma unroll
        for (int n = 0; n < N; n++) Tensor<T>::multiply(sum[m][n], a, w[n][0], w[n][1]);
      }
    }
    buffer = 1 - buffer;
  }
  copyWait<0>();
  // Warps that shared pixels add up what they have in shared memory, one after another.
  auto eachTile = [&](auto&& f) {
#pragma unroll
    for (int m = 0; m < M; m++) {
#pragma unroll
      for (int n = 0; n < N; n++) f(m, n, (float4*)shared + ((warp * M + m) * N + n) * 32 + lane);
    }
  };
  for (int s = 1; s < shares; s++) {
    __syncthreads();
    if (along == s) {
      eachTile([&](int m, int n, float4* at) { *at = make_float4(sum[m][n][0], sum[m][n][1], sum[m][n][2], sum[m][n][3]); });
    }
    __syncthreads();
    if (along == 0) {
      eachTile([&](int m, int n, float4* at) {
        sum[m][n][0] += at->x;
        sum[m][n][1] += at->y;
        sum[m][n][2] += at->z;
        sum[m][n][3] += at->w;
      });
    }
  }
  partial += ((((i64)blockIdx.z * c.groups + group) * tiles + filterTile) * b.chunks + chunk) * matrices * N * 32 + lane;
#pragma unroll
  for (int m = 0; m < M; m++) {
#pragma unroll
    for (int n = 0; n < N; n++) {
      if (along == 0 && first + m < matrices) {
        partial[((first + m) * N + n) * 32] = make_float4(sum[m][n][0], sum[m][n][1], sum[m][n][2], sum[m][n][3]);
      }
    }
  }
}

// Adds up the parts, and puts each weight where it belongs. A thread four of them.
template <int N, class T> __device__ inline void sumWeights(const Conv& c, const Blocking& b, int parts, const float4* partial, T* gradW) {
  const int EACH = Tile<T>::EACH, PER = 16 / EACH;
  int depth = c.channelsOfGroup(), filters = c.filtersOfGroup(), taps = c.taps();
  int matrices = (taps * b.entries + PER - 1) / PER, tiles = (filters + N * 8 - 1) / (N * 8);
  i64 size = (i64)c.groups * tiles * b.chunks * matrices * N * 32;
  FOR_EACH(i, size) {
    float sum[4] = {};
    for (int p = 0; p < parts; p++) {
      float4 v = partial[p * size + i];
      sum[0] += v.x;
      sum[1] += v.y;
      sum[2] += v.z;
      sum[3] += v.w;
    }
    int lane = (int)(i % 32), n = (int)(i / 32 % N), matrix = (int)(i / 32 / N % matrices);
    int chunk = (int)(i / 32 / N / matrices % b.chunks), tile = (int)(i / 32 / N / matrices / b.chunks % tiles);
    int group = (int)(i / 32 / N / matrices / b.chunks / tiles);
#pragma unroll
    for (int e = 0; e < 4; e++) {
      int row = lane / 4 + e / 2 * 8, entry = matrix * PER + row / EACH, tap = entry / b.entries;
      int channel = (chunk * b.entries + entry % b.entries) * EACH + row % EACH, filter = (tile * N + n) * 8 + lane % 4 * 2 + e % 2;
      if (tap < taps && channel < depth && filter < filters) {
        store(gradW + ((i64)(group * filters + filter) * depth + channel) * taps + tap, sum[e]);
      }
    }
  }
}

#define GROUPED(N, T, SUFFIX) \
  extern "C" __global__ void __launch_bounds__(256, 2) groupedGradWeight##N##_##SUFFIX( \
      Conv c, Blocking b, int across, const T* g, const T* x, float4* partial) { \
    gradWeight<N, sizeof(T) == 2 ? 5 : 3>(c, b, across, g, x, partial); \
  } \
  extern "C" __global__ void sumWeights##N##_##SUFFIX(Conv c, Blocking b, int parts, const float4* partial, T* gradW) { \
    sumWeights<N>(c, b, parts, partial, gradW); \
  }
#define TYPES(N) GROUPED(N, bf16, bf16) GROUPED(N, float, f32)
TYPES(1)
TYPES(2)
TYPES(4)
