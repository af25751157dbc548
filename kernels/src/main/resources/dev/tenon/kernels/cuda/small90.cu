// Small products in bf16 of compute capability 9.0a, C = A·B + A2·B2 + bias, and the GELU and the residual that may follow: those whose
// larger tiles would leave most multiprocessors without work.
//
// A block computes 64 × 96 elements of C, or with others of its cluster one part of their depth each. Sums of all parts go to the shared
// memory of the blocks of the cluster, each of which adds up and stores some of the rows: no memory is written in between, and no second
// kernel waits for this one. Blocks of a cluster that take different rows of the same columns fetch those of B once for all.
#include "product90.cuh"

#ifdef HOPPER
#define TEAM 128
#define THREADS 384
#define COLUMNS 96
#define STAGES 10
#define DEPTH 64
// Elements that a thread stores at once, and how many times they are in a row.
#define QUAD 4
#define QUADS (COLUMNS / QUAD)
// Of A and B; B's part of it.
#define B_BYTES (COLUMNS * 128)
#define STAGE_BYTES (CHUNK + B_BYTES)
// How many sums one row is after the other, so that those of the rows that half a warp writes at a time lie in different banks.
#define APART (COLUMNS + 8)
// Shared memory after the ring.
#define SUMS (STAGES * STAGE_BYTES)
#define BARRIERS (SUMS + LINES * APART * 4)

// Where an address of this block is in block `rank` of the cluster.
__device__ inline u32 addressIn(u32 address, u32 rank) {
  u32 there;
  asm volatile("mapa.shared::cluster.u32 %0, %1, %2;" : "=r"(there) : "r"(address), "r"(rank));
  return there;
}
__device__ inline void storeThere(u32 address, float x, float y) {
  asm volatile("st.shared::cluster.v2.f32 [%0], {%1, %2};" ::"r"(address), "f"(x), "f"(y) : "memory");
}

// A cluster of SHARE × PARTS blocks: SHARE tiles of rows, one after the other, of the same columns; PARTS parts of the depth.
template <int SHARE, int PARTS> struct Place90 {
  int share, part, row, column, from, end, firsts;
  __device__ explicit Place90(const Task& t) {
    int rank = clusterRank(), columns = (t.n + COLUMNS - 1) / COLUMNS, cluster = blockIdx.x / (SHARE * PARTS);
    share = rank % SHARE;
    part = rank / SHARE;
    row = (cluster / columns * SHARE + share) * LINES;
    column = cluster % columns * COLUMNS;
    firsts = (t.k + DEPTH - 1) / DEPTH;
    from = part * t.each;
    end = min(from + t.each, firsts + (t.k2 + DEPTH - 1) / DEPTH);
  }
};

template <int SHARE, int PARTS> __device__ inline void fetch(const Maps* maps, const Place90<SHARE, PARTS>& p, u64* full, u64* empty) {
  const int WIDTH = COLUMNS / SHARE;
  Place<STAGES> at;
  for (int slice = p.from; slice < p.end; slice++, at.next()) {
    bool first = slice < p.firsts;
    const TensorMap *a = first ? &maps->a : &maps->a2, *b = first ? &maps->b : &maps->b2;
    int k = (first ? slice : slice - p.firsts) * DEPTH, column = p.column + p.share * WIDTH;
    char *stage = sharedBytes + at.stage * STAGE_BYTES, *columns = stage + CHUNK + p.share * WIDTH * 128;
    u64* arrived = full + at.stage;
    barrierWait(empty + at.stage, at.round ^ 1);
    barrierExpect(arrived, STAGE_BYTES);
    if (SHARE == 1) {
      tensorLoad(columns, b, arrived, k, column, 0);
    } else {
      tensorLoadAll(columns, b, arrived, ((1 << SHARE) - 1) << p.part * SHARE, k, column, 0);
    }
    tensorLoad(stage, a, arrived, k, p.row, 0);
  }
}

// Sums up a part of the depth; it may have no slices.
template <int SHARE, int PARTS> __device__ inline void accumulate(
    float (&sum)[COLUMNS / 2], const Place90<SHARE, PARTS>& p, u64* full, u64* empty) {
  Place<STAGES> at;
#pragma unroll
  for (int i = 0; i < COLUMNS / 2; i++) sum[i] = 0;
  for (int slice = p.from; slice < p.end; slice++) {
    u32 stage = sharedAddress(sharedBytes) + at.stage * STAGE_BYTES;
    u64 a = operandAlong(stage), b = operandAlong(stage + CHUNK);
    barrierWait(full + at.stage, at.round);
    wgmmaFence();
#pragma unroll
    for (int step = 0; step < DEPTH / 16; step++) Wgmma<COLUMNS>::template bf16<0, 0>(sum, a + step * 2, b + step * 2, 1);
    wgmmaCommit();
    // Stages that nobody will fill again need not be handed back.
    if (slice + STAGES < p.end) {
      wgmmaWait<0>();
      if (threadIdx.x < SHARE) barrierArrive(empty + at.stage, p.part * SHARE + threadIdx.x);
    }
    at.next();
  }
  wgmmaWait<0>();
  wgmmaPin(sum);
}

// Gives each block of the parts its rows of this block's sums.
template <int SHARE, int PARTS> __device__ inline void spread(const float (&sum)[COLUMNS / 2], const Place90<SHARE, PARTS>& p) {
  const int ROWS_EACH = LINES / PARTS;
  int lane = threadIdx.x % 32;
#pragma unroll
  for (int half = 0; half < 2; half++) {
    int row = threadIdx.x / 32 * 16 + half * 8 + lane / 4;
    u32 mine = sharedAddress(sharedBytes) + SUMS + ((p.part * ROWS_EACH + row % ROWS_EACH) * APART + lane % 4 * 2) * 4;
    u32 there = addressIn(mine, row / ROWS_EACH * SHARE + p.share);
#pragma unroll
    for (int j = 0; j < COLUMNS / 8; j++) storeThere(there + j * 32, sum[4 * j + 2 * half], sum[4 * j + 2 * half + 1]);
  }
}

// Neighbouring elements of a row from `at` on, of which `count` are in the matrix; `whole` if four may be taken at once.
__device__ inline float4 loadQuad(const bf16* from, i64 at, int count, bool whole) {
  float x[QUAD] = {};
  if (whole && count > 0) {
    uint2 pairs = *(const uint2*)(from + at);
    return make_float4(__uint_as_float(pairs.x << 16), __uint_as_float(pairs.x & 0xffff0000u), __uint_as_float(pairs.y << 16),
        __uint_as_float(pairs.y & 0xffff0000u));
  }
#pragma unroll
  for (int i = 0; i < QUAD; i++) {
    if (i < count) x[i] = load(from + at + i);
  }
  return make_float4(x[0], x[1], x[2], x[3]);
}
__device__ inline void storeQuad(bf16* to, i64 at, int count, bool whole, const float4& x) {
  uint2 pairs = make_uint2(packBf16(x.x, x.y), packBf16(x.z, x.w));
  if (whole && count > 0) {
    *(uint2*)(to + at) = pairs;
    return;
  }
#pragma unroll
  for (int i = 0; i < QUAD; i++) {
    if (i < count) to[at + i].bits = (&pairs.x)[i / 2] >> i % 2 * 16;
  }
}

// What a thread stores: the same four columns of every sixteenth row of this block's. What they need beside the sums it reads before those
// are there.
template <int SHARE, int PARTS> struct Finish {
  static const int ROWS_EACH = LINES / PARTS, STEP = THREADS / QUADS, COUNT = (ROWS_EACH + STEP - 1) / STEP;
  const Task& t;
  int line, column, row, count;
  float4 bias, residual[COUNT];

  __device__ Finish(const Task& task, const Place90<SHARE, PARTS>& p, const bf16* biases, const bf16* residuals) : t(task) {
    line = threadIdx.x / QUADS;
    column = p.column + threadIdx.x % QUADS * QUAD;
    row = p.row + p.part * ROWS_EACH;
    bias = biases ? loadQuad(biases, column, t.n - column, false) : make_float4(0, 0, 0, 0);
#pragma unroll
    for (int i = 0; i < COUNT; i++) {
      residual[i] = residuals ? loadQuad(residuals, at(i), inside(i), t.boxes) : make_float4(0, 0, 0, 0);
    }
  }

  // How many of the four columns are in the matrix, of a row that is, too.
  __device__ int inside(int i) const {
    int r = line + i * STEP;
    return r < ROWS_EACH && row + r < t.m ? t.n - column : 0;
  }
  __device__ i64 at(int i) const { return (i64)(row + line + i * STEP) * t.n + column; }

  __device__ void store(bool adds, bf16* y) const {
    const float* sums = (const float*)(sharedBytes + SUMS) + threadIdx.x % QUADS * QUAD;
#pragma unroll
    for (int i = 0; i < COUNT; i++) {
      if (inside(i) > 0) {
        float4 sum = *(const float4*)(sums + (line + i * STEP) * APART);
#pragma unroll
        for (int part = 1; part < PARTS; part++) {
          float4 more = *(const float4*)(sums + (part * ROWS_EACH + line + i * STEP) * APART);
          sum = make_float4(sum.x + more.x, sum.y + more.y, sum.z + more.z, sum.w + more.w);
        }
        const float4& other = residual[i];
        storeQuad(y, at(i), inside(i), t.boxes, make_float4(
            finish<bf16>(sum.x + bias.x, t.gelu, adds, other.x), finish<bf16>(sum.y + bias.y, t.gelu, adds, other.y),
            finish<bf16>(sum.z + bias.z, t.gelu, adds, other.z), finish<bf16>(sum.w + bias.w, t.gelu, adds, other.w)));
      }
    }
  }
};

template <int SHARE, int PARTS> __device__ inline void small(
    const Maps* maps, const Task& t, const bf16* bias, const bf16* residual, bf16* y) {
  u64 *full = (u64*)(sharedBytes + BARRIERS), *empty = full + STAGES;
  Place90<SHARE, PARTS> p(t);
  if (threadIdx.x == TEAM) {
    tensorPrefetch(&maps->a);
    tensorPrefetch(&maps->b);
    for (int i = 0; i < STAGES; i++) {
      barrierInit(full + i, 1);
      barrierInit(empty + i, SHARE);
    }
    barrierPublish();
  }
  __syncwarp();
  clusterSync();
  if (threadIdx.x == TEAM) fetch(maps, p, full, empty);
  Finish<SHARE, PARTS> finish(t, p, bias, residual);
  if (threadIdx.x < TEAM) {
    float sum[COLUMNS / 2];
    accumulate(sum, p, full, empty);
    spread(sum, p);
  }
  __syncwarp();
  clusterSync();
  finish.store(residual != 0, y);
}

#define SMALL(SHARE, PARTS) \
  extern "C" __global__ void __cluster_dims__(SHARE * PARTS, 1, 1) __launch_bounds__(THREADS, 1) small##SHARE##x##PARTS##_bf16( \
      const __grid_constant__ Maps maps, Task t, const bf16* bias, const bf16* residual, bf16* y) { \
    small<SHARE, PARTS>(&maps, t, bias, residual, y); \
  }
SMALL(1, 1)
SMALL(1, 2)
SMALL(1, 4)
SMALL(1, 8)
SMALL(2, 1)
SMALL(2, 2)
SMALL(2, 4)
SMALL(4, 1)
SMALL(4, 2)
#endif
