// Tiles of matrices in shared memory, and the fragments of them that tensor cores multiply.
//
// A tile has lines of LINE bytes, in chunks of 16. Chunks are permuted within their line, so that eight lines' chunks of one number
// lie in different banks, and so do the columns of four lines where 4-byte elements are read one by one.
#pragma once
#include "ptx.cuh"

template <class T> struct Tensor;
template <> struct Tensor<bf16> {
  static const int DEPTH = 16;
  __device__ static void multiply(float (&c)[4], const u32 (&a)[4], u32 b0, u32 b1) { multiplyBf16(c, a, b0, b1); }
};
template <> struct Tensor<float> {
  static const int DEPTH = 8;
  __device__ static void multiply(float (&c)[4], const u32 (&a)[4], u32 b0, u32 b1) { multiplyTf32(c, a, b0, b1); }
};

template <int LINE> __device__ inline int permuted(int line, int chunk) {
  if (LINE == 64) return chunk ^ (line >> 1 & 3);
  return LINE <= 256 ? chunk ^ (line & 7) : chunk ^ (line & 3) << 1;
}

template <int LINE> __device__ inline char* chunkAt(char* tile, int line, int chunk) {
  return tile + line * LINE + permuted<LINE>(line, chunk) * 16;
}

// Starts copying a tile from a matrix whose lines are `stride` bytes apart; zeros after `lines` lines and after `bytes` bytes a line.
template <int LINES, int LINE, int THREADS> __device__ inline void copyTile(
    char* tile, const char* from, i64 stride, int lines, int bytes) {
  const int CHUNKS = LINE / 16;
#pragma unroll
  for (int i = 0; i < LINES * CHUNKS; i += THREADS) {
    int line = (i + threadIdx.x) / CHUNKS, chunk = (i + threadIdx.x) % CHUNKS;
    if (LINES * CHUNKS % THREADS == 0 || line < LINES) {
      int valid = line < lines ? max(0, min(16, bytes - chunk * 16)) : 0;
      copyAsync(chunkAt<LINE>(tile, line, chunk), valid > 0 ? from + line * stride + chunk * 16 : from, valid);
    }
  }
}

// One step's 16 rows of a left operand, or two steps of 8 columns of a right one: `RIGHT` swaps the middle two matrices. The tile
// holds lines along the depth (ALONG), or lines across it. `first` counts rows or columns, `step` depths of Tensor<T>::DEPTH.
template <class T, int LINE, bool ALONG, bool RIGHT> __device__ inline void loadFragment(u32 (&r)[4], char* tile, int first, int step) {
  int lane = threadIdx.x % 32;
  int low = lane >> 3 & 1, high = lane >> 4;
  int across = RIGHT ? high : low, along = RIGHT ? low : high;
  if (ALONG) {
    loadMatrices(r, chunkAt<LINE>(tile, first + (lane & 7) + across * 8, step * 2 + along));
  } else if (sizeof(T) == 2) {
    loadMatricesTransposed(r, chunkAt<LINE>(tile, step * 16 + (lane & 7) + along * 8, first / 8 + across));
  } else {
#pragma unroll
    for (int i = 0; i < 4; i++) {
      int column = first + lane / 4 + ((RIGHT ? i >> 1 : i & 1) ? 8 : 0);
      int line = step * 8 + lane % 4 + ((RIGHT ? i & 1 : i >> 1) ? 4 : 0);
      r[i] = *(const u32*)(chunkAt<LINE>(tile, line, column / 4) + column % 4 * 4);
    }
  }
  if (sizeof(T) == 4) {
#pragma unroll
    for (int i = 0; i < 4; i++) r[i] = toTf32(r[i]);
  }
}
