// What convolutions in groups on tensor cores, and the gradients of their weights, have in common: bands of images in shared memory.
//
// A block copies a band of rows of some images, with what surrounds it, and turns it round on the way: in shared memory the channels
// of a pixel are neighbours, in entries of 16 bytes, a chunk of a group's channels at a time. A window's tap is then the same matrix of
// pixels × channels, some entries on, and any eight entries are lines of a fragment, wherever they start. Fragments' depth is that of
// two entries, which may belong to two taps.
#pragma once
#include "conv.cuh"
#include "tile.cuh"

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
  return tap < c.taps() ? at * 16 : 0;
}
