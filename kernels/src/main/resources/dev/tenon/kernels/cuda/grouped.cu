// Convolutions in groups on tensor cores: products of matrices, of which the one with the windows exists nowhere.
//
// A block copies a band of rows of some images, with what surrounds it, and turns it round on the way: in shared memory the channels
// of a pixel are neighbours, in entries of 16 bytes, a chunk of a group's channels at a time. A window's tap is then the same matrix of
// pixels × channels, some entries on, and any eight entries are lines of a fragment, wherever they start. Fragments' depth is that of
// two entries, which may belong to two taps.
#include "conv.cuh"
#include "tile.cuh"

#define UNIT 64

// `entries` planes of `plane` entries, of which images × lines × pitch are pixels; (0, 0) is row `top`, column -left.
template <class T> struct Tile {
  static const int EACH = 16 / sizeof(T);
  char* at;
  int entries, images, lines, pitch;
  int plane;
};

// The 4-byte words of neighbours (x, y) of EACH channels, as entries of two pixels.
__device__ inline void putPair(char* to, const u32 (&r)[8]) {
  uint4 low = make_uint4(__byte_perm(r[0], r[1], 0x5410), __byte_perm(r[2], r[3], 0x5410), __byte_perm(r[4], r[5], 0x5410),
      __byte_perm(r[6], r[7], 0x5410));
  uint4 high = make_uint4(__byte_perm(r[0], r[1], 0x7632), __byte_perm(r[2], r[3], 0x7632), __byte_perm(r[4], r[5], 0x7632),
      __byte_perm(r[6], r[7], 0x7632));
  ((uint4*)to)[0] = low;
  ((uint4*)to)[1] = high;
}
__device__ inline void putPair(char* to, const uint2 (&r)[4]) {
  ((uint4*)to)[0] = make_uint4(toTf32(r[0].x), toTf32(r[1].x), toTf32(r[2].x), toTf32(r[3].x));
  ((uint4*)to)[1] = make_uint4(toTf32(r[0].y), toTf32(r[1].y), toTf32(r[2].y), toTf32(r[3].y));
}

// Starts copying a piece of 16 bytes or 4, of which the first `valid` are read and the others become zero; copies a smaller one.
template <class T> __device__ inline void copyPiece(char* to, const char* from, int piece, int valid) {
  if (piece == 16) {
    copyAsync(to, from, valid);
  } else if (piece == 4) {
    copyWord(to, from, valid > 0);
  } else {
    T zero = {};
    *(T*)to = valid > 0 ? *(const T*)from : zero;
  }
}

// The elements of two neighbours of a channel.
template <class T> struct Pair;
template <> struct Pair<bf16> {
  typedef u32 type;
  __device__ static u32 zero() { return 0; }
};
template <> struct Pair<float> {
  typedef uint2 type;
  __device__ static uint2 zero() { return make_uint2(0, 0); }
};

// As a tensor core multiplies it.
__device__ inline bf16 rounded(bf16 x) { return x; }
__device__ inline float rounded(float x) { return __uint_as_float(toTf32(__float_as_uint(x))); }

// The rows of some planes that a band reads, copied ahead of time as they lie in memory: channels `pitch` bytes apart.
template <class T> struct Stage {
  char* at;
  int height, width, spread, lines;

  // Pieces in which planes can be copied: 16 bytes, words, or elements one by one.
  static __device__ int piece(int bytes) { return bytes % 16 == 0 ? 16 : bytes % 4 == 0 ? 4 : (int)sizeof(T); }

  __device__ int pitch() const {
    int rows = min(height, (lines + spread - 1) / spread);
    return (rows * width * (int)sizeof(T) + 15) / 16 * 16 + 16;
  }
  // The first of the rows, and the one after the last, for lines from `top` on.
  __device__ int first(int top) const { return top <= 0 ? 0 : (top + spread - 1) / spread; }
  __device__ int end(int top) const { return top + lines <= 0 ? 0 : min(height, (top + lines - 1) / spread + 1); }
  __device__ int start(int top) const { return first(top) * width * (int)sizeof(T); }

  // Where row 0 of the first channel would be.
  __device__ const T* origin(int top) const { return (const T*)(at + start(top) % piece(height * width * (int)sizeof(T)) - start(top)); }

  // Starts copying `channels` channels each of `images` images, which are `step` elements apart.
  __device__ void copy(const T* from, i64 step, int channels, int images, int top) const {
    int plane = height * width * (int)sizeof(T), each = piece(plane), apart = pitch();
    int begin = start(top) / each, pieces = (end(top) * width * (int)sizeof(T) + each - 1) / each - begin;
    for (int image = 0; image < images; image++, from += step) {
      for (int p = threadIdx.x / 32; p < channels; p += blockDim.x / 32) {
        const char* source = (const char*)from + p * (i64)plane + begin * each;
        char* to = at + (image * channels + p) * apart;
#pragma unroll 1
        for (int n = threadIdx.x % 32; n < pieces; n += 32) copyPiece<T>(to + n * each, source + n * each, each, each);
      }
    }
  }
};

// Fills a tile with `channels` channels of `images` images; zeros around them. `left` is even.
template <class T> __device__ inline void fill(
    const Tile<T>& tile, const Stage<T>& stage, int channels, int images, int spreadW, int top, int left) {
  typedef typename Pair<T>::type Two;
  const int EACH = Tile<T>::EACH;
  int height = stage.height, width = stage.width, spreadH = stage.spread;
  bool whole = spreadH == 1 && spreadW == 1 && width % 2 == 0;
  int apart = stage.pitch() / (int)sizeof(T), pairs = tile.pitch / 2, lanes = 32;
  const T* from = stage.origin(top);
  while (lanes / 2 >= pairs) lanes /= 2;
  for (int pair = threadIdx.x % lanes; pair < pairs; pair += lanes) {
    int x = pair * 2 - left, line = threadIdx.x / lanes, image = 0, entry = 0;
#pragma unroll 1
    for (;; line += blockDim.x / lanes) {
      while (line >= tile.lines) {
        line -= tile.lines;
        if (++image >= tile.images) {
          image = 0;
          entry++;
        }
      }
      if (entry >= tile.entries) break;
      int y = top + line, count = image < images ? channels - entry * EACH : 0;
      const T* at = from + (image * channels + entry * EACH) * apart;
      char* to = tile.at + (entry * tile.plane + (image * tile.lines + line) * tile.pitch + pair * 2) * 16;
      if (whole) {
        bool in = (u32)y < (u32)height && (u32)x < (u32)width;
        Two r[EACH];
#pragma unroll
        for (int i = 0; i < EACH; i++) r[i] = in && i < count ? *(const Two*)(at + i * apart + y * width + x) : Pair<T>::zero();
        putPair(to, r);
      } else {
        for (int pixel = 0; pixel < 2; pixel++, to += 16) {
          int column = x + pixel;
          bool in = y >= 0 && column >= 0 && y % spreadH == 0 && column % spreadW == 0 && y / spreadH < height && column / spreadW < width;
          for (int i = 0; i < EACH; i++) {
            T value = {};
            if (in && i < count) value = at[i * apart + y / spreadH * width + column / spreadW];
            ((T*)to)[i] = rounded(value);
          }
        }
      }
    }
  }
}

// What a block computes: bands of rows of some images; `entries` of a group's channels at a time, in `chunks` chunks, or all of those
// of some groups `together`.
struct Blocking {
  int rows, images, entries, chunks, together;
};

__device__ inline int leftOf(const Conv& c) { return c.padW + (c.padW & 1); }

// How many entries apart lines lie.
__device__ inline int pitchOf(const Conv& c) {
  int width = leftOf(c) - c.padW + (c.columns - 1) * c.strideW + (c.kernelW - 1) * c.dilationW + 1;
  return width + (width & 1);
}
__device__ inline int linesOf(const Conv& c, int rows) { return (rows - 1) * c.strideH + (c.kernelH - 1) * c.dilationH + 1; }

// Where entry o of all taps' lies, each of which has `entries`, in bytes from a pixel's first; 0 beyond the last.
template <class T> __device__ inline int offset(const Conv& c, const Tile<T>& tile, int entries, int o) {
  int tap = o / entries, entry = o % entries;
  int at = entry * tile.plane + tap / c.kernelW * c.dilationH * tile.pitch + tap % c.kernelW * c.dilationW;
  return tap < c.kernelH * c.kernelW ? at * 16 : 0;
}

// Weights in the order in which a warp reads them: for each group, tile of N·8 filters, chunk, two entries and 8 filters, what a lane
// multiplies by. With `turned`, those of the gradient of the input, whose filters are the channels. One thread 8 bytes.
template <int N, class T> __device__ inline void packWeights(const Conv& c, const Blocking& b, bool turned, const T* weight, T* packed) {
  const int EACH = Tile<T>::EACH, IN = 8 / sizeof(T);
  int taps = c.kernelH * c.kernelW, steps = (taps * b.entries + 1) / 2;
  int depth = c.channels / c.groups, filters = c.filters / c.groups, tiles = (filters + N * 8 - 1) / (N * 8);
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
  int depth = c.channels / c.groups, filters = c.filters / c.groups, taps = c.kernelH * c.kernelW;
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
        Place place = {band, row * c.columns, c.rows * c.columns, images, left, c.filters};
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
  int depth = c.channels / c.groups, filters = c.filters / c.groups, all = c.kernelH * c.kernelW * b.entries, group = blockIdx.y;
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
  int planeX = c.height * c.width, planeG = c.rows * c.columns;
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
  int depth = c.channels / c.groups, filters = c.filters / c.groups, taps = c.kernelH * c.kernelW;
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
  extern "C" __global__ void packWeights##N##_##SUFFIX(Conv c, Blocking b, int turned, const T* weight, T* packed) { \
    packWeights<N>(c, b, turned, weight, packed); \
  } \
  extern "C" __global__ void __maxnreg__(144) grouped##N##_##SUFFIX( \
      Conv c, Blocking b, const T* x, const T* packed, const T* bias, T* y) { \
    convolve<N>(c, b, x, packed, bias, y); \
  } \
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
