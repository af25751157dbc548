// What attention by warpgroups is made of, for compute capability 9.0 and heads of D channels (those that lack some are filled up with
// zeros): a warpgroup of 4 warps works on 64 rows at a time. A row's scores lie in four lanes, probabilities go from registers into the
// next product, and everything else that products read lies in shared memory as rows of 128 bytes, where tensor copies put it: tiles of
// 64 channels, one behind the other.
#pragma once
#include "heads.cuh"
#include "hopper.cuh"
#include "tile.cuh"

#ifdef HOPPER
#define LINE 128
#define ROWS 64
#define TILE_BYTES (ROWS * LINE)
// Threads and stages of a block that takes operands in parts, and its shared memory: `own` tiles of its own rows, parts of `others`.
#define THREADS 256
#define STAGES 3
#define PARTS_BYTES(own, others) ((own) * TILE_BYTES + STAGES * 2 * (others) * LINE + 64)
// The most positions of heads that a block holds as a whole, its threads, and its shared memory for so many operands.
#define WHOLE 208
#define HEADS_THREADS 512
#define HEADS_BYTES(operands) (2 * (operands) * WHOLE * LINE + (4 * ROWS - WHOLE) * LINE + 64)
#define LOG2E 1.4426950408889634f
#define TILES(D) (((D) + 63) / 64)
#define EACH_COLUMN(n, N) _Pragma("unroll") for (int n = 0; n < (N) / 8; n++)
#define ENTRY(threads, blocks) extern "C" __global__ void __launch_bounds__(threads, blocks)
#define MAPS const __grid_constant__ Maps maps

#define LIST_72 TEN() TEN(1) TEN(2) TEN(3) TEN(4) TEN(5) TEN(6) "%70, %71"
#define LIST_80 TEN() TEN(1) TEN(2) TEN(3) TEN(4) TEN(5) TEN(6) "%70, %71, %72, %73, %74, %75, %76, %77, %78, %79"
#define SUMS_72(d) SUMS_64(d), SUMS_8(d, 64)
#define SUMS_80(d) SUMS_72(d), SUMS_8(d, 72)
WGMMA(144, 72, LIST_72, SUMS_72(d), "%72", "%73", "%74", "%75", "%76", "%73", "%74", "%75", "%76", "%77", "%78")
WGMMA(160, 80, LIST_80, SUMS_80(d), "%80", "%81", "%82", "%83", "%84", "%81", "%82", "%83", "%84", "%85", "%86")

extern __shared__ __align__(1024) char sharedBytes[];

__device__ inline int group() { return threadIdx.x / 128; }
// Of this thread: its first row of the warpgroup's 64 (the second is 8 further), and its first column of every 8.
__device__ inline int rowOf() { return threadIdx.x % 128 / 32 * 16 + threadIdx.x % 32 / 4; }
__device__ inline int columnOf() { return threadIdx.x % 4 * 2; }

// How q, k, v and gradOutput lie: channels, positions, heads, batch.
struct Maps {
  TensorMap q, k, v, g;
};

// Which head of which sample.
struct Place {
  int head, batch;

  __device__ i64 line(const Heads& h) const { return (i64)batch * h.heads + head; }
  // `rows` positions, which the map's boxes have.
  template <int D = 64> __device__ void copy(int to, const TensorMap* map, u64* arrival, int position, int rows = 0) const {
#pragma unroll
    for (int t = 0; t < TILES(D); t++) tensorLoad(sharedBytes + to + t * rows * LINE, map, arrival, t * 64, position, head, batch);
  }
};

__device__ inline Place ofBlock() { return {(int)blockIdx.y, (int)blockIdx.z}; }

// Stages of shared memory that copies fill and all warps leave; whoever leaves last starts the next copy.
template <int COUNT, int MEMBERS> struct Ring {
  u64 arrival[COUNT];
  u32 left[COUNT];

  __device__ void init() {
    if (threadIdx.x == 0) {
      for (int i = 0; i < COUNT; i++) {
        barrierInit(arrival + i, 1);
        left[i] = 0;
      }
      barrierPublish();
    }
    __syncthreads();
  }

  __device__ void await(int turn) { barrierWait(arrival + turn % COUNT, turn / COUNT & 1); }

  // True for one thread, once all warps are done with the stage.
  __device__ bool leave(int turn) {
    __syncwarp();
    if (threadIdx.x % 32 > 0) return false;
    __threadfence_block();
    bool last = atomicAdd(left + turn % COUNT, 1) % MEMBERS == MEMBERS - 1;
    __threadfence_block();
    return last;
  }
};

// A descriptor `bytes` further on; shared memory is too small for a carry.
__device__ inline u64 further(u64 operand, int bytes) {
  return (operand & 0xffffffff00000000ull) | ((u32)operand + (bytes >> 4));
}

// Starts s = x·yᵀ for 64 rows of x and N of y.
template <int N, int D = 64> __device__ inline void dots(float (&s)[N / 2], int x, int y) {
  u64 a = operandAlong(sharedAddress(sharedBytes) + x), b = operandAlong(sharedAddress(sharedBytes) + y);
  wgmmaFence();
#pragma unroll
  for (int d = 0; d < D / 16; d++) {
    Wgmma<N>::template bf16<0, 0>(s, further(a, d / 4 * TILE_BYTES + d % 4 * 32), further(b, d / 4 * N * LINE + d % 4 * 32), d);
  }
  wgmmaCommit();
}

// Starts sum = p·y, or with `keep` sum += p·y, for N rows of y.
template <int N, int D = 64> __device__ inline void add(float (&sum)[D / 2], const u32 (&p)[N / 16][4], int y, int keep) {
  u64 b = operandAcross(sharedAddress(sharedBytes) + y, N * LINE);
  wgmmaFence();
#pragma unroll
  for (int s = 0; s < N / 16; s++) Wgmma<D>::template bf16<1>(sum, p[s], further(b, s * 16 * LINE), s > 0 || keep);
  wgmmaCommit();
}

template <int N> __device__ inline void pack(u32 (&p)[N / 16][4], const float (&s)[N / 2]) {
#pragma unroll
  for (int i = 0; i < N / 4; i++) p[i / 4][i % 4] = packBf16(s[2 * i], s[2 * i + 1]);
}

// Four lanes exchange words, so that lane t has word t of each.
__device__ inline uint4 exchange(const u32 (&w)[4]) {
  bool odd = threadIdx.x & 1, high = threadIdx.x & 2;
  u32 a = __shfl_xor_sync(~0u, odd ? w[0] : w[1], 1), b = __shfl_xor_sync(~0u, odd ? w[2] : w[3], 1);
  u32 x0 = odd ? a : w[0], x1 = odd ? w[1] : a, x2 = odd ? b : w[2], x3 = odd ? w[3] : b;
  u32 c = __shfl_xor_sync(~0u, high ? x0 : x2, 2), d = __shfl_xor_sync(~0u, high ? x1 : x3, 2);
  return high ? make_uint4(c, d, x2, x3) : make_uint4(x0, x1, c, d);
}

// Stores this warpgroup's 64 rows, times `scale` by half, of a result [batch, positions, heads, dim].
template <int SUMS> __device__ inline void put(
    const Heads& h, Place at, bf16* y, const float (&sum)[SUMS], float scale0, float scale1, int first, int positions) {
  int c = threadIdx.x % 4 * 8;
#pragma unroll
  for (int half = 0; half < 2; half++) {
    int position = first + rowOf() + half * 8;
    float scale = half ? scale1 : scale0;
    bf16* line = y + (((i64)at.batch * positions + position) * h.heads + at.head) * h.dim;
#pragma unroll
    for (int j = 0; j < SUMS; j += 16) {
      u32 w[4] = {};
#pragma unroll
      for (int i = 0; i < 4; i++) {
        if (j + i * 4 < SUMS) w[i] = packBf16(sum[j + i * 4 + half * 2] * scale, sum[j + i * 4 + half * 2 + 1] * scale);
      }
      uint4 all = exchange(w);
      if (position < positions && j * 2 + c < h.dim) *(uint4*)(line + j * 2 + c) = all;
    }
  }
}

// −∞ for scores of rows from `query` and columns from `key` on that do not count; columns before SURE do, but for `causal`.
template <int N, int SURE> __device__ inline void hide(float (&s)[N / 2], int query, int key, int keys, bool causal) {
  int end = keys - key - columnOf();
  EACH_COLUMN(n, N) {
    if (n * 8 + 8 > SURE) {
#pragma unroll
      for (int e = 0; e < 4; e++) s[n * 4 + e] = n * 8 + e % 2 < end ? s[n * 4 + e] : -INFINITY;
    }
  }
  if (!causal) return;
  int last = query + rowOf() - key - columnOf();
  EACH_COLUMN(n, N) {
#pragma unroll
    for (int e = 0; e < 4; e++) s[n * 4 + e] = n * 8 + e % 2 - e / 2 * 8 <= last ? s[n * 4 + e] : -INFINITY;
  }
}

// The last rows of a head often fill but one warp of a warpgroup. Tiles of them begin `shift` rows early, by job, so that it is not the
// same warp each time, whose quarter of the multiprocessor everybody would wait for.
struct Tile {
  int first; // row of the head
  bool idle; // this warp's rows are none, or another tile's; what its registers hold does not matter

  __device__ static Tile of(int i, int positions, int job) {
    int first = i * ROWS;
    int shift = i > 0 && positions - first <= 16 ? job % 4 * 16 : 0;
    int row = first - shift + rowOf() / 16 * 16;
    return {first - shift, row < first || row >= positions};
  }
};

// Heads of up to 208 positions, one after the other: while one is computed the next arrives. Four warpgroups have 64 rows each; they take
// turns in who has the last, which are fewest.
struct Job {
  int turn, index; // of this block, and of all

  __device__ static Job begin() { return {0, (int)blockIdx.x}; }
  __device__ Job later(int turns) const { return {turn + turns, index + turns * (int)gridDim.x}; }
  __device__ Place place(const Heads& h) const {
    int i = index;
    asm volatile("" : "+r"(i)); // not worth registers over a whole turn
    return {i % h.heads, i / h.heads};
  }
  __device__ int tile() const { return (threadIdx.x / 128 + turn) % 4; }
};

// Positions from `begin` on in parts of N; the last come first where TAIL are enough for them, which leave registers to the others.
template <int N, int TAIL> struct Parts {
  int begin, end, tail, count;

  __device__ static Parts of(int begin, int end, bool tails) {
    int all = max(0, end - begin);
    int tail = tails && all % N <= TAIL ? all % N : 0;
    return {begin, end, tail, (all - tail + N - 1) / N + (tail > 0)};
  }

  __device__ int from(int part) const { return tail == 0 ? begin + part * N : part == 0 ? end - tail : begin + (part - 1) * N; }
};
#endif
