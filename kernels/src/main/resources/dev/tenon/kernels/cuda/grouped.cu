// Convolutions in groups on tensor cores: products of matrices, of which the one with the windows exists nowhere.
#include "grouped.cuh"

#define UNIT 64

// Weights in the order in which a warp reads them: for each group, tile of N·8 filters, chunk, two entries and 8 filters, what a lane
// multiplies by. With `turned`, those of the gradient of the input, whose filters are the channels. One thread 8 bytes.
template <int N, class T> __device__ inline void packWeights(const Conv& c, const Blocking& b, bool turned, const T* weight, T* packed) {
  const int EACH = Tile<T>::EACH, IN = 8 / sizeof(T);
  int taps = c.taps(), steps = (taps * b.entries + 1) / 2;
  int depth = c.channelsOfGroup(), filters = c.filtersOfGroup(), tiles = (filters + N * 8 - 1) / (N * 8);
  FOR_EACH(i, (i64)c.groups * tiles * b.chunks * steps * N * 32) {
    int lane = (int)(i % 32);
    int j = (int)(i / 32 % N), step = (int)(i / 32 / N % steps), chunk = (int)(i / 32 / N / steps % b.chunks);
    int tile = (int)(i / 32 / N / steps / b.chunks % tiles), group = (int)(i / 32 / N / steps / b.chunks / tiles);
    int filter = (tile * N + j) * 8 + lane / 4;
#pragma unroll
    for (int e = 0; e < IN; e++) {
      int at = step * 2 + e * 2 / IN;
      int tap = at / b.entries, channel = (chunk * b.entries + at % b.entries) * EACH + lane % 4 * (IN / 2) + e % (IN / 2);
      T value = {};
      if (tap < taps && channel < depth && filter < filters) {
        i64 line = turned ? (i64)(group * depth + channel) * filters + filter : (i64)(group * filters + filter) * depth + channel;
        value = weight[line * taps + (turned ? taps - 1 - tap : tap)];
      }
      packed[i * IN + e] = value;
    }
  }
}

__device__ inline u32 operand(bf16, u32 x) { return x; }
__device__ inline u32 operand(float, u32 x) { return toTf32(x); }

// Where a warp's results go: `first` is where a band of some images' begins in the planes of the first filter, `all` elements each.
struct Place {
  int band, first, all;
  int images;             // that there are of those of a block
  int filters, channels;  // of the tile, and of an image
};

// Where pixel `pixel` of a block's bands lies, or -1 outside.
__device__ inline i64 at(const Place& p, int pixel) {
  int image = 0;
  if (pixel >= p.band) {
    image = pixel / p.band;
    pixel -= image * p.band;
  }
  return image < p.images && p.first + pixel < p.all ? (i64)image * p.channels * p.all + p.first + pixel : -1;
}

// Stores a warp's 16 pixels × N·8 filters, of which lane 4g + t has pixels g and g + 8 of filters 2t and 2t + 1 of each eight. `y` is the
// first filter's plane. `even`: pixels lie in pairs, which neighbouring lanes put together.
template <int N, class T> __device__ inline void putEach(const Place& p, int pixel, const float (&v)[N][4], T* y) {
  int g = threadIdx.x % 32 / 4, t = threadIdx.x % 4;
#pragma unroll
  for (int i = 0; i < 2; i++) {
    i64 to = at(p, pixel + g + i * 8);
    if (to < 0) continue;
#pragma unroll
    for (int n = 0; n < N; n++) {
#pragma unroll
      for (int e = 0; e < 2; e++) {
        int filter = n * 8 + t * 2 + e;
        if (filter < p.filters) store(y + to + filter * p.all, v[n][i * 2 + e]);
      }
    }
  }
}
template <int N> __device__ inline void put(const Place& p, bool even, int pixel, const float (&v)[N][4], float* y) {
  putEach(p, pixel, v, y);
}
template <int N> __device__ inline void put(const Place& p, bool even, int pixel, const float (&v)[N][4], bf16* y) {
  if (!even) {
    putEach(p, pixel, v, y);
    return;
  }
  int g = threadIdx.x % 32 / 4, t = threadIdx.x % 4;
  bool second = g & 1;
  i64 to = at(p, pixel + (second ? g + 7 : g));
  y += to + t * 2 * p.all;
#pragma unroll
  for (int n = 0; n < N; n++, y += 8 * p.all) {
    u32 low = packBf16(v[n][0], v[n][1]), high = packBf16(v[n][2], v[n][3]);
    u32 other = __shfl_xor_sync(0xffffffffu, second ? low : high, 4);
    u32 a = second ? other : low, b = second ? high : other;
    if (to >= 0 && n * 8 + t * 2 < p.filters) *(u32*)y = __byte_perm(a, b, 0x5410);
    if (to >= 0 && n * 8 + t * 2 + 1 < p.filters) *(u32*)(y + p.all) = __byte_perm(a, b, 0x7632);
  }
}

// Grid: blocks that share the bands, tiles of N·8 filters, groups, of which a block computes `together`. Each warp computes a unit of 64
// pixels of a band.
template <int N, class T> __device__ inline void convolve(
    const Conv& c, const Blocking& b, const T* x, const T* packed, const T* bias, T* y) {
  extern __shared__ __align__(16) char shared[];
  const int EACH = Tile<T>::EACH;
  int lane = threadIdx.x % 32, first = blockIdx.z * b.together;
  int depth = c.channelsOfGroup(), filters = c.filtersOfGroup(), taps = c.taps();
  int bands = (c.rows + b.rows - 1) / b.rows, band = b.rows * c.columns;
  int all = taps * b.entries, steps = (all + 1) / 2, margin = leftOf(c), lines = linesOf(c, b.rows), pitch = pitchOf(c);
  Tile<T> tile = {shared, b.entries * b.together, b.images, lines, pitch, b.images * lines * pitch};
  char* weights = shared + tile.entries * tile.plane * 16;
  int weightBytes = b.together * steps * N * 256;
  int* table = (int*)(weights + weightBytes);
  Stage<T> stage = {(char*)(table + (steps * 2 + 3) / 4 * 4), c.height, c.width, c.spreadH, lines};
  for (int o = threadIdx.x; o < steps * 2; o += blockDim.x) table[o] = offset(c, tile, b.entries, o);
  u32 pixels[4];
  int unit = threadIdx.x / 32 * UNIT;
#pragma unroll
  for (int j = 0; j < 4; j++) {
    int pixel = min(unit + j * 16 + lane % 16, b.images * band - 1), rest = pixel % band;
    int line = pixel / band * lines + rest / c.columns * c.strideH;
    pixels[j] = sharedAddress(tile.at + (line * pitch + rest % c.columns * c.strideW + margin - c.padW) * 16);
  }
  i64 step = (i64)c.channels * c.height * c.width;
  int items = (c.batch + b.images - 1) / b.images * bands;
  // The images and the first row of an item, which is a band, and the channels of a chunk.
  auto imageOf = [&](int item) { return item / bands * b.images; };
  auto rowOf = [&](int item) { return item % bands * b.rows; };
  auto channelsOf = [&](int chunk) { return min(b.entries * EACH, depth - chunk * b.entries * EACH) * b.together; };
  auto ahead = [&](int image, int row, int chunk) {
    if (image < c.batch) {
      stage.copy(x + image * step + (i64)(first * depth + chunk * b.entries * EACH) * c.height * c.width, step, channelsOf(chunk),
          min(b.images, c.batch - image), row * c.strideH - c.padH);
    }
    copyCommit();
  };
  float sum[4][N][4];
  ahead(imageOf(blockIdx.x), rowOf(blockIdx.x), 0);
  for (int item = blockIdx.x; item < items; item += gridDim.x) {
    int image = imageOf(item), row = rowOf(item), images = min(b.images, c.batch - image);
    for (int chunk = 0; chunk < b.chunks; chunk++) {
      copyWait<0>();
      __syncthreads();
      if (b.chunks > 1 || item == (int)blockIdx.x) {
        const char* from = (const char*)packed + (((i64)blockIdx.z * gridDim.y + blockIdx.y) * b.chunks + chunk) * weightBytes;
#pragma unroll 1
        for (int i = threadIdx.x * 16; i < weightBytes; i += blockDim.x * 16) copyAsync(weights + i, from + i, 16);
        copyCommit();
      }
      fill(tile, stage, channelsOf(chunk), images, c.spreadW, row * c.strideH - c.padH, margin);
      copyWait<0>();
      __syncthreads();
      bool ends = chunk + 1 == b.chunks;
      int next = ends ? item + gridDim.x : item;
      ahead(imageOf(next), rowOf(next), ends ? 0 : chunk + 1);
      for (int group = 0; group < b.together; group++) {
        int filter = (first + group) * filters + blockIdx.y * N * 8, left = min(N * 8, filters - (int)blockIdx.y * N * 8);
        if (chunk == 0) {
#pragma unroll
          for (int n = 0; n < N; n++) {
            int mine = n * 8 + lane % 4 * 2;
            float low = bias && mine < left ? load(bias + filter + mine) : 0.0f;
            float high = bias && mine + 1 < left ? load(bias + filter + mine + 1) : 0.0f;
#pragma unroll
            for (int j = 0; j < 4; j++) {
              sum[j][n][0] = sum[j][n][2] = low;
              sum[j][n][1] = sum[j][n][3] = high;
            }
          }
        }
        int entries = group * b.entries * tile.plane * 16;
        const char* factors = weights + group * steps * N * 256 + lane * 8;
#pragma unroll(sizeof(T) == 2 ? 2 : 1)
        for (int s = 0; s < steps; s++) {
          int offset = entries + table[s * 2 + lane / 16];
          u32 a[4][4];
#pragma unroll
          for (int j = 0; j < 4; j++) loadMatricesAt(a[j], pixels[j] + offset);
          if (s * 2 + 1 >= all) {
#pragma unroll
            for (int j = 0; j < 4; j++) a[j][2] = a[j][3] = 0;
          }
#pragma unroll
          for (int n = 0; n < N; n++) {
            uint2 w = *(const uint2*)(factors + (s * N + n) * 256);
            w.x = operand(T(), w.x);
            w.y = operand(T(), w.y);
#pragma unroll
            for (int j = 0; j < 4; j++) Tensor<T>::multiply(sum[j][n], a[j], w.x, w.y);
          }
        }
        if (!ends) continue;
        Place place = {band, row * c.columns, c.positions(), images, left, c.filters};
        bool even = band % 2 == 0 && place.all % 2 == 0 && (u64)y % 4 == 0;
        T* to = y + ((i64)image * c.filters + filter) * place.all;
#pragma unroll
        for (int j = 0; j < 4; j++) {
          if (unit + j * 16 < b.images * band) put(place, even, unit + j * 16, sum[j], to);
        }
      }
    }
  }
}

#define GROUPED(N, T, SUFFIX) \
  extern "C" __global__ void packWeights##N##_##SUFFIX(Conv c, Blocking b, int turned, const T* weight, T* packed) { \
    packWeights<N>(c, b, turned, weight, packed); \
  } \
  extern "C" __global__ void __maxnreg__(144) grouped##N##_##SUFFIX( \
      Conv c, Blocking b, const T* x, const T* packed, const T* bias, T* y) { \
    convolve<N>(c, b, x, packed, bias, y); \
  }
#define TYPES(N) GROUPED(N, bf16, bf16) GROUPED(N, float, f32)
TYPES(1)
TYPES(2)
TYPES(4)
