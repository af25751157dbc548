// How clusters share a matrix product of compute capability 9.0a, C = A·B + A2·B2, whatever becomes of the sums.
//
// A cluster of two blocks computes 256 × N elements of C at a time, each block 128 rows, and goes on to the next until all are done.
// Of a block's warpgroups the first only starts copies of slices, 128 bytes deep, into a ring of stages; each of the next two
// multiplies 64 rows. Both blocks need the same slice of B: each fetches half of it for both. The slices of A2 and B2, which lie
// like A and B, follow into the same sums.
#pragma once
#include "hopper.cuh"

#ifdef HOPPER
#define CLUSTER 2
#define ROWS 128
#define CHUNK 8192
#define LINES 64
#define LEADERS 2
#define TILES_TOGETHER 8

extern __shared__ __align__(1024) char sharedBytes[];

// Boxes are of 64 lines of 128 bytes. Lines of A run along the depth or along m, those of B along the depth or along n.
struct Maps {
  TensorMap a, b, a2, b2, y;
};

// A batch of products; an operand whose step is 0 is the same in all of them, and otherwise it is 1. Of a depth cut into `parts` of
// `each` slices, none without any, every part has its own sums. `boxes` when rows of C are fit for tensor copies; `gelu` when
// that function follows.
struct Task {
  int m, n, batch;
  int parts, each;
  int k, k2;
  int aStep, bStep;
  int boxes, gelu;
};

// A tile of N columns of type T, and a ring of COUNT stages at the beginning of shared memory.
template <class T, int N, int COUNT> struct Ring {
  typedef T Type;
  static const int COLUMNS = N, STAGES = COUNT;
  static const int DEPTH = 128 / sizeof(T);
  static const int BOXES = N / LINES;
  static const int A_BYTES = ROWS / LINES * CHUNK, BYTES = A_BYTES + BOXES * CHUNK, END = STAGES * BYTES;
};

// What a cluster works on: where its tile of C starts, of which matrix, and which slices go into it.
struct Piece {
  int row, column, matrix, part, from, end;
};

// Neighbouring clusters work on TILES_TOGETHER rows of tiles, so that what they read stays in the cache.
template <class S> __device__ inline bool pieceOf(const Task& t, int i, Piece* p) {
  const int N = S::COLUMNS;
  int rows = (t.m + CLUSTER * ROWS - 1) / (CLUSTER * ROWS), columns = (t.n + N - 1) / N;
  int tiles = rows * columns, tile = i % tiles;
  if (i >= tiles * t.batch * t.parts) return false;
  int group = tile / (TILES_TOGETHER * columns), within = tile - group * TILES_TOGETHER * columns;
  int height = min(TILES_TOGETHER, rows - group * TILES_TOGETHER);
  p->row = ((group * TILES_TOGETHER + within % height) * CLUSTER + clusterRank()) * ROWS;
  p->column = within / height * N;
  p->matrix = i / tiles / t.parts;
  p->part = i / tiles % t.parts;
  const int DEPTH = S::DEPTH;
  p->from = p->part * t.each;
  p->end = min(p->from + t.each, (t.k + DEPTH - 1) / DEPTH + (t.k2 + DEPTH - 1) / DEPTH);
  return true;
}

// A place in the ring, and the parity of its current round.
template <int STAGES> struct Place {
  int stage = 0;
  u32 round = 0;
  __device__ void next() {
    if (++stage == STAGES) {
      stage = 0;
      round ^= 1;
    }
  }
};

// Barriers of a ring: its slice has come to both blocks; nobody of the cluster reads a stage any more.
template <class S> __device__ inline void initRing(u64* full, u64* empty) {
  for (int i = 0; i < S::STAGES; i++) {
    barrierInit(full + i, 1);
    barrierInit(empty + i, CLUSTER * LEADERS);
  }
}

template <class S, bool A_ALONG, bool B_ALONG> __device__ inline void fetchAll(
    const Maps* maps, const Task& t, u64* full, u64* empty) {
  Place<S::STAGES> at;
  Piece p;
  u32 rank = clusterRank();
  int firsts = (t.k + S::DEPTH - 1) / S::DEPTH;
  for (int i = blockIdx.x / CLUSTER; pieceOf<S>(t, i, &p); i += gridDim.x / CLUSTER) {
    for (int slice = p.from; slice < p.end; slice++, at.next()) {
      bool first = slice < firsts;
      const TensorMap *a = first ? &maps->a : &maps->a2, *b = first ? &maps->b : &maps->b2;
      int k = (first ? slice : slice - firsts) * S::DEPTH;
      char* stage = sharedBytes + at.stage * S::BYTES;
      u64* arrived = full + at.stage;
      barrierWait(empty + at.stage, at.round ^ 1);
      barrierExpect(arrived, S::BYTES);
#pragma unroll
      for (int box = 0; box < ROWS / LINES; box++) {
        int row = p.row + box * LINES;
        tensorLoad(stage + box * CHUNK, a, arrived, A_ALONG ? k : row, A_ALONG ? row : k, p.matrix * t.aStep);
      }
#pragma unroll
      for (int box = 0; box < S::BOXES; box++) {
        int column = p.column + box * LINES;
        if (box % CLUSTER == rank) {
          tensorLoadAll(stage + S::A_BYTES + box * CHUNK, b, arrived, (1 << CLUSTER) - 1, B_ALONG ? k : column, B_ALONG ? column : k,
              p.matrix * t.bStep);
        }
      }
    }
  }
}

template <int N, bool A_ALONG, bool B_ALONG> __device__ inline void multiplyStep(float (&sum)[N / 2], u64 a, u64 b, int keep, bf16) {
  Wgmma<N>::template bf16<!A_ALONG, !B_ALONG>(sum, a, b, keep);
}
template <int N, bool A_ALONG, bool B_ALONG> __device__ inline void multiplyStep(float (&sum)[N / 2], u64 a, u64 b, int keep, float) {
  Wgmma<N>::tf32(sum, a, b, keep);
}

// Sums up the slices of a piece, and hands each stage back to both blocks once the products after it have started.
template <class S, bool A_ALONG, bool B_ALONG> __device__ inline void accumulate(
    float (&sum)[S::COLUMNS / 2], const Piece& p, int team, Place<S::STAGES>& at, u64* full, u64* empty) {
  int thread = threadIdx.x % 128, last = 0;
  for (int slice = p.from; slice < p.end; slice++) {
    u32 stage = sharedAddress(sharedBytes) + at.stage * S::BYTES;
    u64 a = A_ALONG ? operandAlong(stage + team * CHUNK) : operandAcross(stage + team * CHUNK, CHUNK);
    u64 b = B_ALONG ? operandAlong(stage + S::A_BYTES) : operandAcross(stage + S::A_BYTES, CHUNK);
    barrierWait(full + at.stage, at.round);
    wgmmaFence();
#pragma unroll
    for (int step = 0; step < 4; step++) {
      multiplyStep<S::COLUMNS, A_ALONG, B_ALONG>(
          sum, a + step * (A_ALONG ? 2 : 128), b + step * (B_ALONG ? 2 : 128), slice > p.from || step > 0, typename S::Type());
    }
    wgmmaCommit();
    wgmmaWait<1>();
    if (slice > p.from && thread < CLUSTER) barrierArrive(empty + last, thread);
    last = at.stage;
    at.next();
  }
  wgmmaWait<0>();
  wgmmaPin(sum);
  if (thread < CLUSTER) barrierArrive(empty + last, thread);
}

template <class T> __device__ inline float biasAt(const T* bias, int column, int n) {
  return bias && column < n ? load(bias + column) : 0;
}
#endif
