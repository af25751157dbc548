// Matrix products of f32 on the tensor cores of compute capability 9.0a. A factor is the sum of three parts in bf16, x = x0 + x1 + x2, which
// have all of its bits; of the nine products of two factors' parts the six largest are computed, and the others lie below the rounding of
// f32. Tensor cores round sums towards zero, so they only add up 64 depths at a time, the small products first; those sums are added up
// in f32 by ordinary instructions.
//
// A second product of other depth may follow into the same sums. Of a block's three warpgroups the first only starts copies of slices of
// 64 depths into a ring of stages; each of the others multiplies 64 rows. Blocks go on to the next 128 × 128 elements until all are done.
#include "hopper.cuh"

#ifdef HOPPER
#define TILE 128
#define DEPTH 64
#define LINES 64
#define CHUNK (LINES * 128)
#define PARTS 3
// What a part of an operand and all operands of a stage take.
#define PART (TILE / LINES * CHUNK)
#define STAGE (2 * PARTS * PART)
#define STAGES 2
#define TEAMS 2
#define TILES_TOGETHER 8

extern __shared__ __align__(1024) char sharedBytes[];

// How an operand lies: matrices of lines of elements with their steps, to be packed in lines of `to` elements.
struct Operand {
  int lines, length, step, each, matrixStep, to;
};

// Lines of an operand run along the depth, or along m or n; its parts are behind each other, each with all matrices. Operands of the
// second product lie like those of the first.
struct Maps {
  TensorMap a, b, a2, b2;
};

// A batch of products; an operand that is the same in all of them has one matrix. The second product is of single matrices. Of a depth cut
// into `parts` of `each` slices, none without any, every part stores its own sums.
struct Task {
  int m, n, batch, k, k2;
  int aMatrices, bMatrices;
  int parts, each;

  // Slices of the first product, and of both.
  __device__ int firsts() const { return (k + DEPTH - 1) / DEPTH; }
  __device__ int slices() const { return firsts() + (k2 + DEPTH - 1) / DEPTH; }
};

__device__ inline float part(float x, u32* bits) {
  u32 rounded;
  asm("{ .reg .b16 r; cvt.rn.bf16.f32 r, %1; mov.b32 %0, {r, r}; }" : "=r"(rounded) : "f"(x));
  rounded &= 0xffff;
  // The largest numbers would round to infinity: of them, the bits as they are. Infinities have one part.
  if ((rounded & 0x7fff) == 0x7f80 && (__float_as_uint(x) & 0x7fffffff) < 0x7f800000) rounded = __float_as_uint(x) >> 16;
  *bits = rounded;
  return (rounded & 0x7fff) >= 0x7f80 ? 0.0f : x - __uint_as_float(rounded << 16);
}

// Parts of an operand. Grid: 8 elements a thread, matrices.
extern "C" __global__ void __launch_bounds__(256) split_f32(Operand o, const float* x, bf16* y) {
  int i = blockIdx.x * 256 + threadIdx.x, chunks = o.to / 8, line = i / chunks, column = i % chunks * 8;
  if (line >= o.lines) return;
  const float* from = x + (i64)blockIdx.y * o.matrixStep + (i64)line * o.step + (i64)column * o.each;
  float rest[8];
  if (o.each == 1 && o.step % 4 == 0 && o.matrixStep % 4 == 0 && (u64)x % 16 == 0 && column + 8 <= o.length) {
    *(float4*)rest = *(const float4*)from;
    *(float4*)(rest + 4) = *(const float4*)(from + 4);
  } else {
#pragma unroll
    for (int e = 0; e < 8; e++) rest[e] = column + e < o.length ? from[(i64)e * o.each] : 0.0f;
  }
  i64 size = (i64)o.lines * o.to;
  uint4* to = (uint4*)(y + blockIdx.y * size + (i64)i * 8);
#pragma unroll
  for (int p = 0; p < PARTS; p++) {
    u32 words[4];
#pragma unroll
    for (int e = 0; e < 4; e++) {
      u32 low, high;
      rest[2 * e] = part(rest[2 * e], &low);
      rest[2 * e + 1] = part(rest[2 * e + 1], &high);
      words[e] = low | high << 16;
    }
    to[p * (gridDim.y * size / 8)] = make_uint4(words[0], words[1], words[2], words[3]);
  }
}

// Where a tile of C is, and which slices go into it. Neighbouring blocks work on TILES_TOGETHER rows of tiles, so that what they read
// stays in the cache.
struct Place {
  int row, column, matrix, part, from, end;
};

__device__ inline bool placeOf(const Task& t, int i, Place* p) {
  int rows = (t.m + TILE - 1) / TILE, columns = (t.n + TILE - 1) / TILE, tile = i % (rows * columns);
  int piece = i / (rows * columns), part = piece % t.parts;
  if (piece >= t.batch * t.parts) return false;
  int first = tile / (TILES_TOGETHER * columns) * TILES_TOGETHER, within = tile - first * columns;
  int height = min(TILES_TOGETHER, rows - first);
  *p = {(first + within % height) * TILE, within / height * TILE, piece / t.parts, part, part * t.each, min((part + 1) * t.each, t.slices())};
  return true;
}

// A place in the ring, and the parity of its current round.
struct Turn {
  int stage = 0;
  u32 round = 0;
  __device__ void next() {
    if (++stage == STAGES) {
      stage = 0;
      round ^= 1;
    }
  }
};

template <bool A_ALONG, bool B_ALONG> __device__ inline void fetchAll(const Maps* maps, const Task& t, u64* full, u64* empty) {
  Turn at;
  Place p;
  for (int i = blockIdx.x; placeOf(t, i, &p); i += gridDim.x) {
    for (int slice = p.from; slice < p.end; slice++, at.next()) {
      bool first = slice < t.firsts();
      const TensorMap *a = first ? &maps->a : &maps->a2, *b = first ? &maps->b : &maps->b2;
      int k = (first ? slice : slice - t.firsts()) * DEPTH, aParts = first ? t.aMatrices : 1, bParts = first ? t.bMatrices : 1;
      char* stage = sharedBytes + at.stage * STAGE;
      u64* arrived = full + at.stage;
      barrierWait(empty + at.stage, at.round ^ 1);
      barrierExpect(arrived, STAGE);
#pragma unroll
      for (int part = 0; part < PARTS; part++) {
#pragma unroll
        for (int box = 0; box < TILE; box += LINES) {
          char* to = stage + part * PART + box / LINES * CHUNK;
          tensorLoad(to, a, arrived, A_ALONG ? k : p.row + box, A_ALONG ? p.row + box : k, part * aParts + (aParts > 1 ? p.matrix : 0));
          tensorLoad(to + PARTS * PART, b, arrived, B_ALONG ? k : p.column + box, B_ALONG ? p.column + box : k,
              part * bParts + (bParts > 1 ? p.matrix : 0));
        }
      }
    }
  }
}

// sum = the products of one stage.
template <bool A_ALONG, bool B_ALONG> __device__ inline void multiply(float (&sum)[TILE / 2], u32 stage, int team) {
  const int left[] = {0, 2, 1, 0, 1, 0}, right[] = {2, 0, 1, 1, 0, 0};
  u32 rows = stage + team * CHUNK, columns = stage + PARTS * PART;
  u64 a = A_ALONG ? operandAlong(rows) : operandAcross(rows, CHUNK), b = B_ALONG ? operandAlong(columns) : operandAcross(columns, CHUNK);
  wgmmaFence();
#pragma unroll
  for (int pair = 0; pair < 6; pair++) {
#pragma unroll
    for (int step = 0; step < DEPTH / 16; step++) {
      Wgmma<TILE>::template bf16<!A_ALONG, !B_ALONG>(sum, a + (left[pair] * PART >> 4) + step * (A_ALONG ? 2 : 128),
          b + (right[pair] * PART >> 4) + step * (B_ALONG ? 2 : 128), pair > 0 || step > 0);
    }
  }
  wgmmaCommit();
}

// Stores a team's 64 rows.
__device__ inline void put(const Task& t, const Place& p, int team, const float (&sum)[TILE / 2], const float* bias, float* c) {
  int thread = threadIdx.x % 128, lane = thread % 32, row = p.row + team * LINES + thread / 32 * 16 + lane / 4;
  c += ((i64)p.matrix * t.parts + p.part) * t.m * t.n;
#pragma unroll
  for (int j = 0; j < TILE / 8; j++) {
    int column = p.column + j * 8 + lane % 4 * 2;
    float x = bias && column < t.n ? bias[column] : 0, y = bias && column + 1 < t.n ? bias[column + 1] : 0;
#pragma unroll
    for (int half = 0; half < 2; half++) {
      int r = row + half * 8;
      float* to = c + (i64)r * t.n + column;
      const float* d = sum + 4 * j + 2 * half;
      if (r >= t.m || column >= t.n) continue;
      if (t.n % 2 == 0) {
        *(float2*)to = make_float2(d[0] + x, d[1] + y);
      } else {
        to[0] = d[0] + x;
        if (column + 1 < t.n) to[1] = d[1] + y;
      }
    }
  }
}

template <bool A_ALONG, bool B_ALONG> __device__ inline void product(const Maps* maps, const Task& t, const float* bias, float* c) {
  u64 *full = (u64*)(sharedBytes + STAGES * STAGE), *empty = full + STAGES;
  if (threadIdx.x == 0) {
    for (int i = 0; i < STAGES; i++) {
      barrierInit(full + i, 1);
      barrierInit(empty + i, TEAMS);
    }
    barrierPublish();
  }
  __syncthreads();
  if (threadIdx.x < 128) {
    registersLower<40>();
    if (threadIdx.x == 0) fetchAll<A_ALONG, B_ALONG>(maps, t, full, empty);
  } else {
    registersRaise<232>();
    int team = threadIdx.x / 128 - 1;
    Turn at;
    Place p;
    for (int i = blockIdx.x; placeOf(t, i, &p); i += gridDim.x) {
      float sum[TILE / 2] = {}, some[TILE / 2];
      for (int slice = p.from; slice < p.end; slice++, at.next()) {
        barrierWait(full + at.stage, at.round);
        multiply<A_ALONG, B_ALONG>(some, sharedAddress(sharedBytes) + at.stage * STAGE, team);
        wgmmaWait<0>();
        wgmmaPin(some);
        if (threadIdx.x % 128 == 0) barrierArrive(empty + at.stage);
#pragma unroll
        for (int e = 0; e < TILE / 2; e++) sum[e] += some[e];
      }
      put(t, p, team, sum, bias, c);
    }
  }
}

// What the parts of a depth come to.
extern "C" __global__ void __launch_bounds__(256) sum_f32(int size, int n, int parts, const float* partial, const float* bias, float* c) {
  int i = blockIdx.x * 256 + threadIdx.x;
  if (i >= size) return;
  float sum = bias ? bias[i % n] : 0;
  partial += (i64)blockIdx.y * parts * size + i;
  for (int p = 0; p < parts; p++) sum += partial[(i64)p * size];
  c[(i64)blockIdx.y * size + i] = sum;
}

#define PRODUCT(A, A_ALONG, B, B_ALONG) \
  extern "C" __global__ void __launch_bounds__(384, 1) split##A##B##_f32( \
      const __grid_constant__ Maps maps, Task t, const float* bias, float* c) { \
    product<A_ALONG, B_ALONG>(&maps, t, bias, c); \
  }
PRODUCT(k, true, k, true)
PRODUCT(k, true, n, false)
PRODUCT(m, false, k, true)
PRODUCT(m, false, n, false)
#endif
