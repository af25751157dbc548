// Large products in bf16 of compute capability 9.0a, and a residual that may follow.
//
// The warpgroups that multiply only round their sums and leave them in shared memory, where there is room for the whole tile. A fourth
// one stores them from there while they multiply the next tile, so that tensor cores do not wait for it.
#include "product90.cuh"

#ifdef HOPPER
#define TEAM 128
#define WARPS 4

// Shared memory after the ring: the room of each team, and its columns' biases.
template <class S> struct Rooms {
  static const int TEAM_BYTES = S::BOXES * CHUNK, ROOM = S::END, BIAS = ROOM + LEADERS * TEAM_BYTES;
  static const int BARRIERS = BIAS + LEADERS * S::COLUMNS * 4;
};

__device__ inline float lowBf16(u32 pair) { return __uint_as_float(pair << 16); }
__device__ inline float highBf16(u32 pair) { return __uint_as_float(pair & 0xffff0000u); }

// Rounds a warpgroup's sums, as boxes of 64 columns whose lines are permuted as tensor copies expect.
template <int N> __device__ inline void leave(const float (&sum)[N / 2], char* room, const float* bias) {
  int lane = threadIdx.x % 32, row = threadIdx.x % TEAM / 32 * 16 + lane % 16;
#pragma unroll
  for (int j = 0; j < N / 8; j += 2) {
    u32 r[4];
#pragma unroll
    for (int half = 0; half < 2; half++) {
      const float* d = sum + 4 * (j + half);
      float2 add = *(const float2*)(bias + (j + half) * 8 + lane % 4 * 2);
      r[2 * half] = packBf16(d[0] + add.x, d[1] + add.y);
      r[2 * half + 1] = packBf16(d[2] + add.x, d[3] + add.y);
    }
    storeMatrices(room + j / 8 * CHUNK + row * 128 + ((j % 8 + lane / 16) ^ (row & 7)) * 16, r);
  }
}

// Adds the residual to what a team left of a tile, whose first row is `row`. A warp takes 16 rows of a box at a time, 16 bytes a lane, and
// reads its first of the residual before the sums are there.
template <class S> struct Addition {
  static const int STEPS = S::BOXES * 4 / WARPS, APART = 4;
  struct Rows {
    uint4 at[4];
  };
  const Task& t;
  const bf16* residual;
  bf16* y;
  int row, column;

  // Where a lane begins in a step: the row within the tile, the box, the column.
  __device__ int unit(int step) const { return threadIdx.x % TEAM / 32 + step * WARPS; }
  __device__ int line(int step) const { return unit(step) % 4 * 16 + threadIdx.x % 32 / 8; }
  __device__ int box(int step) const { return unit(step) / 4; }
  __device__ int first(int step) const { return column + box(step) * LINES + threadIdx.x % 8 * 8; }

  __device__ Rows read(int step) const {
    Rows rows;
#pragma unroll
    for (int g = 0; g < 4; g++) {
      int r = row + line(step) + g * APART;
      bool valid = r < t.m && first(step) < t.n;
      rows.at[g] = valid ? loadEarly(residual + (i64)r * t.n + first(step)) : make_uint4(0, 0, 0, 0);
    }
    return rows;
  }

  __device__ void add(int step, const Rows& rows, const char* room) const {
    int chunk = threadIdx.x % 8;
#pragma unroll
    for (int g = 0; g < 4; g++) {
      int there = line(step) + g * APART, r = row + there;
      uint4 x = *(const uint4*)(room + box(step) * CHUNK + there * 128 + (chunk ^ (there & 7)) * 16), out;
      const u32 *xs = &x.x, *others = &rows.at[g].x;
#pragma unroll
      for (int j = 0; j < 4; j++) {
        (&out.x)[j] = packBf16(lowBf16(xs[j]) + lowBf16(others[j]), highBf16(xs[j]) + highBf16(others[j]));
      }
      if (r < t.m && first(step) < t.n) *(uint4*)(y + (i64)r * t.n + first(step)) = out;
    }
  }

  __device__ void all(const char* room, u64* left, u32 round) const {
    Rows now = read(0);
    barrierWait(left, round);
#pragma unroll
    for (int step = 0; step < STEPS; step++) {
      Rows next = now;
      if (step + 1 < STEPS) next = read(step + 1);
      add(step, now, room);
      now = next;
    }
  }
};

// Stores all tiles of a block.
template <class S> __device__ inline void storeAll(
    const Maps* maps, const Task& t, const bf16* residual, bf16* y, u64* left, u64* taken) {
  typedef Rooms<S> R;
  Piece p;
  u32 round = 0;
  bool leads = threadIdx.x % TEAM == 0;
  for (int i = blockIdx.x / CLUSTER; pieceOf<S>(t, i, &p); i += gridDim.x / CLUSTER, round ^= 1) {
#pragma unroll 1
    for (int team = 0; team < LEADERS; team++) {
      char* room = sharedBytes + R::ROOM + team * R::TEAM_BYTES;
      int row = p.row + team * LINES;
      if (residual) {
        Addition<S> addition = {t, residual, y, row, p.column};
        addition.all(room, left + team, round);
      } else {
        barrierWait(left + team, round);
        if (leads) {
#pragma unroll
          for (int box = 0; box < S::BOXES; box++) tensorStore(&maps->y, room + box * CHUNK, p.column + box * LINES, row, 0);
          storeCommit();
          storeWaitRead<0>();
        }
      }
      barrierArrive(taken + team);
    }
  }
  if (leads) storeWait<0>();
}

template <int N, int STAGES, bool A_ALONG, bool B_ALONG> __device__ inline void layer(
    const Maps* maps, const Task& t, const bf16* bias, const bf16* residual, bf16* y) {
  typedef Ring<bf16, N, STAGES> S;
  typedef Rooms<S> R;
  u64 *full = (u64*)(sharedBytes + R::BARRIERS), *empty = full + STAGES, *left = empty + STAGES, *taken = left + LEADERS;
  if (threadIdx.x == 0) {
    initRing<S>(full, empty);
    for (int i = 0; i < LEADERS; i++) {
      barrierInit(left + i, TEAM);
      barrierInit(taken + i, TEAM);
    }
    barrierPublish();
  }
  clusterSync();
  int role = threadIdx.x / TEAM;
  if (role == 0) {
    registersLower<40>();
    if (threadIdx.x == 0) fetchAll<S, A_ALONG, B_ALONG>(maps, t, full, empty);
    __syncwarp();
  } else if (role <= LEADERS) {
    registersRaise<184>();
    Piece p;
    u32 round = 0;
    int team = role - 1, column = threadIdx.x % TEAM * 2;
    Place<STAGES> place;
    float sum[N / 2], *columns = (float*)(sharedBytes + R::BIAS) + team * N;
    for (int i = blockIdx.x / CLUSTER; pieceOf<S>(t, i, &p); i += gridDim.x / CLUSTER, round ^= 1) {
      float2 add = make_float2(biasAt(bias, p.column + column, t.n), biasAt(bias, p.column + column + 1, t.n));
      accumulate<S, A_ALONG, B_ALONG>(sum, p, team, place, full, empty);
      barrierWait(taken + team, round ^ 1);
      if (column < N) *(float2*)(columns + column) = add;
      syncNamed(1 + team, TEAM);
      leave<N>(sum, sharedBytes + R::ROOM + team * R::TEAM_BYTES, columns);
      sharedPublish();
      barrierArrive(left + team);
    }
  } else {
    registersLower<104>();
    storeAll<S>(maps, t, residual, y, left, taken);
  }
  clusterSync();
}

#define LAYER(N, STAGES, B, B_ALONG) \
  extern "C" __global__ void __cluster_dims__(CLUSTER, 1, 1) __launch_bounds__(TEAM * (2 + LEADERS), 1) layer##N##k##B##_bf16( \
      const __grid_constant__ Maps maps, Task t, const bf16* bias, const bf16* residual, bf16* y) { \
    layer<N, STAGES, true, B_ALONG>(&maps, t, bias, residual, y); \
  }
LAYER(192, 4, k, true)
LAYER(192, 4, n, false)
#endif
