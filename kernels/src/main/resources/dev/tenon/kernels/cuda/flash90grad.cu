// Attention in bf16 on the tensor cores of compute capability 9.0, backward, without bias: scores are computed again, once in rows of
// queries and once in rows of keys, so that every sum has one owner and a fixed order.
#include "flash90.cuh"

#ifdef HOPPER
// Keys, and queries, that come together to blocks that take them in parts.
#define KEYS 64
#define QUERIES 48
// Rows of memory that hold what is known of each query, and some more, which copies read.
#define PADDED(queries) (((queries) + 127) / 128 * 128 + 64)
// Shared memory for 128 keys of up to 64 channels, and for queries in parts with what is known of them.
#define GRAD_KEY_BYTES (PARTS_BYTES(4, QUERIES) + STAGES * 2 * QUERIES * 4)

// A row's lse times log2(e); +∞, under which every probability is 0, for a row that sees nothing or is none.
__device__ inline float bound(const Heads& h, Place at, const bf16* lse, int query) {
  float value = query < h.queries ? load(lse + at.line(h) * h.queries + query) : -INFINITY;
  return value == -INFINITY ? INFINITY : value * LOG2E;
}

// Adds to gradQ of 64 queries what N keys contribute. `logSum` and `dot` are those of this thread's two rows.
template <int N, int D> __device__ inline void queryStep(float (&out)[D / 2], int q, int g, int k, int v, float scale,
    const float (&logSum)[2], const float (&dot)[2], const Tile& tile, int from, int keys, bool causal) {
  float s[N / 2], ds[N / 2];
  u32 p[N / 16][4];
  dots<N, D>(s, q, k);
  dots<N, D>(ds, g, v);
  wgmmaWait<1>();
  wgmmaPin(s);
  if (!tile.idle) {
    if (from + N > keys || causal) hide<N, 0>(s, tile.first, from, keys, causal);
#pragma unroll
    for (int i = 0; i < N / 2; i++) s[i] = exp2Fast(s[i] * scale - logSum[i / 2 % 2]);
  }
  wgmmaWait<0>();
  wgmmaPin(ds);
#pragma unroll
  for (int i = 0; i < N / 2; i++) ds[i] = s[i] * (ds[i] - dot[i / 2 % 2]);
  pack<N>(p, ds);
  add<N, D>(out, p, k, 1);
  wgmmaWait<0>();
  wgmmaPin(out);
}

// Adds to gradK and gradV of 64 keys what N queries contribute, whose bounds and dots are `logSum` and `dot`. Rows are keys here.
template <int N, int D> __device__ inline void keyStep(float (&outK)[D / 2], float (&outV)[D / 2], int k, int v, int q, int g,
    float scale, const float* logSum, const float* dot, const Tile& tile, int from, bool causal) {
  u32 p[N / 16][4];
  float s[N / 2];
  dots<N, D>(s, k, q);
  wgmmaWait<0>();
  wgmmaPin(s);
  if (!tile.idle) {
    EACH_COLUMN(n, N) {
      float2 line = *(const float2*)(logSum + n * 8 + columnOf());
#pragma unroll
      for (int e = 0; e < 4; e++) {
        float x = exp2Fast(s[n * 4 + e] * scale - (e % 2 ? line.y : line.x));
        s[n * 4 + e] = causal && tile.first + rowOf() + e / 2 * 8 > from + n * 8 + columnOf() + e % 2 ? 0.0f : x;
      }
    }
  }
  pack<N>(p, s);
  add<N, D>(outV, p, g, 1);
  dots<N, D>(s, v, g);
  wgmmaWait<0>();
  wgmmaPin(s);
  wgmmaPin(outV);
  EACH_COLUMN(n, N) {
    float2 line = *(const float2*)(dot + n * 8 + columnOf());
#pragma unroll
    for (int half = 0; half < 2; half++) {
      u32 both = p[n / 2][n % 2 * 2 + half];
      p[n / 2][n % 2 * 2 + half] = packBf16(__uint_as_float(both << 16) * (s[n * 4 + half * 2] - line.x),
          __uint_as_float(both & 0xffff0000u) * (s[n * 4 + half * 2 + 1] - line.y));
    }
  }
  add<N, D>(outK, p, q, 1);
  wgmmaWait<0>();
  wgmmaPin(outK);
}

__device__ inline float dot8(uint4 a, uint4 b) {
  u32 xs[4] = {a.x, a.y, a.z, a.w}, ys[4] = {b.x, b.y, b.z, b.w};
  float sum = 0;
#pragma unroll
  for (int i = 0; i < 4; i++) {
    sum += __uint_as_float(xs[i] << 16) * __uint_as_float(ys[i] << 16);
    sum += __uint_as_float(xs[i] & 0xffff0000u) * __uint_as_float(ys[i] & 0xffff0000u);
  }
  return sum;
}

// What is known of each query, a row of memory for each of the two: its bound, and Σ gradOutput·o. Eight threads a query, in the order of
// memory; the rows are in the order of lse and end with queries that are none.
extern "C" __global__ void flashRows_bf16(Heads h, int count, const bf16* g, const bf16* o, const bf16* lse, float* rows) {
  int row = (blockIdx.x * blockDim.x + threadIdx.x) / 8, c = threadIdx.x % 8 * 8;
  int padded = PADDED(h.queries), query = row / h.heads % padded;
  Place at = {row % h.heads, row / h.heads / padded};
  i64 from = (((i64)at.batch * h.queries + query) * h.heads + at.head) * h.dim;
  float sum = 0;
  if (row < count && query < h.queries) {
    for (int i = c; i < h.dim; i += 64) sum += dot8(*(const uint4*)(g + from + i), *(const uint4*)(o + from + i));
  }
  for (int s = 4; s > 0; s >>= 1) sum += __shfl_xor_sync(~0u, sum, s);
  if (row < count && c == 0) {
    float* line = rows + at.line(h) * 2 * padded + query;
    line[0] = bound(h, at, lse, query);
    line[padded] = sum;
  }
}

// All gradients of heads of up to 208 positions, as jobs. Products read rows past the end of some operand, whose results nobody
// stores. Grid: as many blocks as run at once.
__device__ inline void gradHeads(const Heads& h, int jobs, double scale, const Maps& maps, const bf16* o, const bf16* lse, bf16* gradQ,
    bf16* gradK, bf16* gradV) {
  const int TAIL = 16, MOST = WHOLE - TAIL, BYTES = WHOLE * LINE, STAGE = 4 * BYTES, PARTS = 4;
  typedef Ring<2, HEADS_THREADS / 32> R;
  R& ring = *(R*)(sharedBytes + 2 * STAGE + (4 * ROWS - WHOLE) * LINE);
  float* rows = (float*)(sharedBytes + 2 * STAGE);
  float scale2 = (float)scale * LOG2E;
  auto copy = [&](const Job& job) {
    if (job.index >= jobs) return;
    u64* arrival = ring.arrival + job.turn % 2;
    int stage = job.turn % 2 * STAGE;
    barrierExpect(arrival, STAGE);
    job.place(h).copy(stage, &maps.q, arrival, 0);
    job.place(h).copy(stage + BYTES, &maps.k, arrival, 0);
    job.place(h).copy(stage + 2 * BYTES, &maps.g, arrival, 0);
    job.place(h).copy(stage + 3 * BYTES, &maps.v, arrival, 0);
  };
  ring.init();
  if (threadIdx.x == 0) {
    copy(Job::begin());
    copy(Job::begin().later(1));
  }
  for (Job job = Job::begin(); job.index < jobs; job = job.later(1)) {
    int qs = job.turn % 2 * STAGE, ks = qs + BYTES, gs = ks + BYTES, vs = gs + BYTES;
    float *logSum = rows + job.turn % 2 * 512, *dot = logSum + 256;
    Place at = job.place(h);
    int chunk = threadIdx.x % 8, line = job.tile() * ROWS + threadIdx.x % 128 / 8;
    uint4 part[PARTS];
#pragma unroll
    for (int i = 0; i < PARTS; i++) {
      part[i] = make_uint4(0, 0, 0, 0);
      if (line + i * 16 < h.queries && chunk * 8 < h.dim) {
        part[i] = *(const uint4*)(o + (((i64)at.batch * h.queries + line + i * 16) * h.heads + at.head) * h.dim + chunk * 8);
      }
    }
    if (threadIdx.x % 128 < ROWS) {
      int query = job.tile() * ROWS + threadIdx.x % 128;
      logSum[query] = bound(h, at, lse, query);
    }
    ring.await(job.turn);
#pragma unroll
    for (int i = 0; i < PARTS; i++) {
      int row = line + i * 16;
      float sum = dot8(part[i], *(const uint4*)chunkAt<LINE>(sharedBytes + gs, min(row, WHOLE - 1), chunk));
      for (int s = 4; s > 0; s >>= 1) sum += __shfl_xor_sync(~0u, sum, s);
      if (chunk == 0) dot[row] = sum;
    }
    __syncthreads();
    if (job.tile() * ROWS < h.queries) {
      Tile tile = Tile::of(job.tile(), h.queries, job.index);
      int row = tile.first + rowOf(), x = qs + tile.first * LINE, y = gs + tile.first * LINE;
      float rowSum[2] = {logSum[row], logSum[row + 8]}, rowDot[2] = {dot[row], dot[row + 8]};
      float out[32] = {};
      queryStep<TAIL, 64>(out, x, y, ks + MOST * LINE, vs + MOST * LINE, scale2, rowSum, rowDot, tile, MOST, h.keys, h.causal);
#pragma unroll 1
      for (int from = 0; from < MOST; from += 64) {
        queryStep<64, 64>(out, x, y, ks + from * LINE, vs + from * LINE, scale2, rowSum, rowDot, tile, from, h.keys, h.causal);
      }
      if (!tile.idle) put(h, job.place(h), gradQ, out, (float)scale, (float)scale, tile.first, h.queries);
    }
    Tile tile = Tile::of(job.tile(), h.keys, job.index);
    float outK[32] = {}, outV[32] = {};
    if (job.tile() * ROWS < h.keys) {
      int x = ks + tile.first * LINE, y = vs + tile.first * LINE;
      keyStep<TAIL, 64>(outK, outV, x, y, qs + MOST * LINE, gs + MOST * LINE, scale2, logSum + MOST, dot + MOST, tile, MOST, h.causal);
#pragma unroll 1
      for (int from = 0; from < MOST; from += 48) {
        keyStep<48, 64>(outK, outV, x, y, qs + from * LINE, gs + from * LINE, scale2, logSum + from, dot + from, tile, from, h.causal);
      }
    }
    if (ring.leave(job.turn)) copy(job.later(2));
    if (!tile.idle) put(h, job.place(h), gradK, outK, (float)scale, (float)scale, tile.first, h.keys);
    if (!tile.idle) {
      put(h, job.place(h), gradV, outV, 1, 1, tile.first, h.keys);
    }
  }
}

// Grid: 128 queries, heads, batch.
template <int D, int COUNT> __device__ inline void gradQuery(
    const Heads& h, double scale, const Maps& maps, const float* rows, bf16* gradQ) {
  const int N = KEYS, TAIL = 16, OWN = TILES(D) * TILE_BYTES, EACH = TILES(D) * N * LINE, PAIR = 2 * EACH;
  const int gs = 2 * OWN, stages = 4 * OWN;
  typedef Ring<COUNT, THREADS / 32> R;
  R& ring = *(R*)(sharedBytes + stages + COUNT * PAIR);
  int base = blockIdx.x * 2 * ROWS, first = base + group() * ROWS, x = group() * OWN, y = gs + group() * OWN;
  float scale2 = (float)scale * LOG2E;
  // Tails of wide heads would read tiles as if they had N rows.
  Parts<N, TAIL> parts = Parts<N, TAIL>::of(0, h.causal ? min(h.keys, base + 2 * ROWS) : h.keys, D == 64);
  auto copy = [&](int part, int more) {
    if (part >= parts.count) return;
    int pair = stages + part % COUNT * PAIR;
    u64* arrival = ring.arrival + part % COUNT;
    barrierExpect(arrival, PAIR + more);
    ofBlock().copy<D>(pair, &maps.k, arrival, parts.from(part), N);
    ofBlock().copy<D>(pair + EACH, &maps.v, arrival, parts.from(part), N);
  };
  ring.init();
  if (threadIdx.x == 0 && parts.count > 0) {
    copy(0, 4 * OWN);
    for (int i = 0; i < 2; i++) {
      ofBlock().copy<D>(i * OWN, &maps.q, ring.arrival, base + i * ROWS, ROWS);
      ofBlock().copy<D>(gs + i * OWN, &maps.g, ring.arrival, base + i * ROWS, ROWS);
    }
    for (int part = 1; part < COUNT; part++) copy(part, 0);
  }
  Tile tile = {first, first + rowOf() / 16 * 16 >= h.queries};
  const float* row = rows + ofBlock().line(h) * 2 * PADDED(h.queries) + first + rowOf();
  float rowSum[2] = {row[0], row[8]}, rowDot[2] = {row[PADDED(h.queries)], row[PADDED(h.queries) + 8]}, out[D / 2] = {};
  int part = 0;
  if (D == 64 && parts.tail > 0) {
    ring.await(0);
    queryStep<TAIL, D>(out, x, y, stages, stages + EACH, scale2, rowSum, rowDot, tile, parts.from(0), h.keys, h.causal);
    if (ring.leave(0)) copy(COUNT, 0);
    part = 1;
  }
  for (; part < parts.count; part++) {
    int pair = stages + part % COUNT * PAIR;
    ring.await(part);
    queryStep<N, D>(out, x, y, pair, pair + EACH, scale2, rowSum, rowDot, tile, parts.from(part), h.keys, h.causal);
    if (ring.leave(part)) copy(part + COUNT, 0);
  }
  if (!tile.idle) put(h, ofBlock(), gradQ, out, (float)scale, (float)scale, first, h.queries);
}

// Grid: 128 keys, heads, batch.
template <int D> __device__ inline void gradKeyValue(
    const Heads& h, double scale, const Maps& maps, const float* rows, bf16* gradK, bf16* gradV) {
  const int N = QUERIES, TAIL = 16, OWN = TILES(D) * TILE_BYTES, EACH = TILES(D) * N * LINE, PAIR = 2 * EACH;
  const int vs = 2 * OWN, stages = 4 * OWN;
  typedef Ring<STAGES, THREADS / 32> R;
  float* known = (float*)(sharedBytes + stages + STAGES * PAIR);
  R& ring = *(R*)(known + STAGES * 2 * N);
  int base = blockIdx.x * 2 * ROWS, first = base + group() * ROWS, x = group() * OWN, y = vs + group() * OWN;
  float scale2 = (float)scale * LOG2E;
  Parts<N, TAIL> parts = Parts<N, TAIL>::of(h.causal ? base : 0, h.queries, D == 64);
  const float* lines = rows + ofBlock().line(h) * 2 * PADDED(h.queries);
  auto copy = [&](int part, int more) {
    if (part >= parts.count) return;
    int pair = stages + part % STAGES * PAIR;
    float* row = known + part % STAGES * 2 * N;
    u64* arrival = ring.arrival + part % STAGES;
    barrierExpect(arrival, PAIR + 2 * N * 4 + more);
    ofBlock().copy<D>(pair, &maps.q, arrival, parts.from(part), N);
    ofBlock().copy<D>(pair + EACH, &maps.g, arrival, parts.from(part), N);
    bulkLoad(row, lines + parts.from(part), N * 4, arrival);
    bulkLoad(row + N, lines + PADDED(h.queries) + parts.from(part), N * 4, arrival);
  };
  // By the block's barrier, as racecheck does not follow the counter of a ring, and sees these two copies.
  auto again = [&](int part) {
    __syncthreads();
    if (threadIdx.x == 0) copy(part, 0);
  };
  ring.init();
  if (threadIdx.x == 0 && parts.count > 0) {
    copy(0, 4 * OWN);
    for (int i = 0; i < 2; i++) {
      ofBlock().copy<D>(i * OWN, &maps.k, ring.arrival, base + i * ROWS, ROWS);
      ofBlock().copy<D>(vs + i * OWN, &maps.v, ring.arrival, base + i * ROWS, ROWS);
    }
    for (int part = 1; part < STAGES; part++) copy(part, 0);
  }
  Tile tile = {first, first + rowOf() / 16 * 16 >= h.keys};
  float outK[D / 2] = {}, outV[D / 2] = {};
  int part = 0;
  if (D == 64 && parts.tail > 0) {
    ring.await(0);
    keyStep<TAIL, D>(outK, outV, x, y, stages, stages + EACH, scale2, known, known + N, tile, parts.from(0), h.causal);
    again(STAGES);
    part = 1;
  }
  for (; part < parts.count; part++) {
    int pair = stages + part % STAGES * PAIR;
    const float* row = known + part % STAGES * 2 * N;
    ring.await(part);
    keyStep<N, D>(outK, outV, x, y, pair, pair + EACH, scale2, row, row + N, tile, parts.from(part), h.causal);
    again(part + STAGES);
  }
  if (!tile.idle) {
    put(h, ofBlock(), gradK, outK, (float)scale, (float)scale, first, h.keys);
    put(h, ofBlock(), gradV, outV, 1, 1, first, h.keys);
  }
}

ENTRY(HEADS_THREADS, 1) flashGradHeads_bf16(MAPS, Heads h, int jobs, double scale, const bf16* o, const bf16* lse, bf16* gradQ, bf16* gradK,
    bf16* gradV) {
  gradHeads(h, jobs, scale, maps, o, lse, gradQ, gradK, gradV);
}
#define BY_POSITIONS(D, COUNT, BLOCKS) \
  ENTRY(THREADS, BLOCKS) flashGradQuery##D##_bf16(MAPS, Heads h, double scale, const float* rows, bf16* gradQ) { \
    gradQuery<D, COUNT>(h, scale, maps, rows, gradQ); \
  } \
  ENTRY(THREADS, BLOCKS) flashGradKeyValue##D##_bf16(MAPS, Heads h, double scale, const float* rows, bf16* gradK, bf16* gradV) { \
    gradKeyValue<D>(h, scale, maps, rows, gradK, gradV); \
  }
BY_POSITIONS(64, STAGES, 2)
BY_POSITIONS(96, STAGES, 1)
BY_POSITIONS(128, STAGES, 1)
BY_POSITIONS(144, 2, 1)
BY_POSITIONS(160, 2, 1)
#endif
