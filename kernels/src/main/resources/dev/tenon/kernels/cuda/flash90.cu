// Attention in bf16 on the tensor cores of compute capability 9.0, forward, without bias. Sums are in f32 and in a fixed order.
// Exponentials are powers of two.
#include "flash90.cuh"

#ifdef HOPPER
// Over the four lanes of a row.
template <class Op> __device__ inline float alongRow(float value) {
  value = Op::both(value, __shfl_xor_sync(~0u, value, 1));
  return Op::both(value, __shfl_xor_sync(~0u, value, 2));
}

struct Most {
  __device__ static float both(float a, float b) { return fmaxf(a, b); }
};

// A thread's two rows: the largest score so far, and the sum of exponentials relative to it.
struct Softmax {
  float max[2], sum[2];

  // Takes scores into account; `shrink` is what sums so far are multiplied by for that.
  template <int N> __device__ void raise(const float (&s)[N / 2], float scale, float (&shrink)[2]) {
#pragma unroll
    for (int half = 0; half < 2; half++) {
      float next = fmaxf(s[2 * half], s[2 * half + 1]);
#pragma unroll
      for (int n = 1; n < N / 8; n++) next = fmaxf(next, fmaxf(s[n * 4 + 2 * half], s[n * 4 + 2 * half + 1]));
      next = fmaxf(max[half], alongRow<Most>(next) * scale);
      shrink[half] = exp2Fast(max[half] - next);
      max[half] = next;
      sum[half] *= shrink[half];
    }
  }

  // Makes scores probabilities but for their sum.
  template <int N> __device__ void exponentials(float (&s)[N / 2], float scale) {
#pragma unroll
    for (int i = 0; i < N / 2; i++) {
      s[i] = exp2Fast(s[i] * scale - max[i / 2 % 2]);
      sum[i / 2 % 2] += s[i];
    }
  }

  // Stores o = out ÷ sum and the rows' logarithms of sums.
  template <int SUMS> __device__ void finish(const Heads& h, Place at, const float (&out)[SUMS], bf16* o, bf16* lse, int first) {
    float inverse[2];
#pragma unroll
    for (int half = 0; half < 2; half++) {
      float all = alongRow<Add>(sum[half]);
      inverse[half] = all == 0 ? 0.0f : __fdividef(1, all);
      int query = first + rowOf() + half * 8;
      if (threadIdx.x % 4 == 0 && query < h.queries) store(lse + at.line(h) * h.queries + query, (max[half] + __log2f(all)) * (1 / LOG2E));
    }
    put(h, at, o, out, inverse[0], inverse[1], first, h.queries);
  }
};

// Adds what N keys contribute to 64 queries' sums.
template <int N, int SURE> __device__ inline void forwardStep(Softmax& softmax, float (&out)[32], const Heads& h, const Tile& tile, int q,
    int k, int v, float scale, int from) {
  float s[N / 2];
  u32 p[N / 16][4];
  dots<N>(s, q, k);
  wgmmaWait<0>();
  wgmmaPin(s);
  if (!tile.idle) {
    bool causal = h.causal && from + N - 1 > tile.first;
    if (from + N > h.keys || causal) hide<N, SURE>(s, tile.first, from, h.keys, causal);
    float shrink[2];
    softmax.raise<N>(s, scale, shrink);
    softmax.exponentials<N>(s, scale);
#pragma unroll
    for (int i = 0; i < 32; i++) out[i] *= shrink[i / 2 % 2];
  }
  pack<N>(p, s);
  add<N>(out, p, v, 1);
  wgmmaWait<0>();
  wgmmaPin(out);
}

// All keys at once, 193 to 208. Grid: as many blocks as run at once.
__device__ inline void forwardHeads(const Heads& h, int jobs, double scale, const Maps& maps, bf16* o, bf16* lse) {
  const int BYTES = WHOLE * LINE, STAGE = 3 * BYTES, LEFT = 112, RIGHT = WHOLE - LEFT, SURE = WHOLE - 16;
  typedef Ring<2, HEADS_THREADS / 32> R;
  R& ring = *(R*)(sharedBytes + 2 * STAGE + (4 * ROWS - WHOLE) * LINE);
  float scale2 = (float)scale * LOG2E;
  auto copy = [&](const Job& job) {
    if (job.index >= jobs) return;
    u64* arrival = ring.arrival + job.turn % 2;
    int stage = job.turn % 2 * STAGE;
    barrierExpect(arrival, STAGE);
    job.place(h).copy(stage, &maps.q, arrival, 0);
    job.place(h).copy(stage + BYTES, &maps.k, arrival, 0);
    job.place(h).copy(stage + 2 * BYTES, &maps.v, arrival, 0);
  };
  ring.init();
  if (threadIdx.x == 0) {
    copy(Job::begin());
    copy(Job::begin().later(1));
  }
  for (Job job = Job::begin(); job.index < jobs; job = job.later(1)) {
    Tile tile = Tile::of(job.tile(), h.queries, job.index);
    int stage = job.turn % 2 * STAGE, x = stage + tile.first * LINE, keys = stage + BYTES, values = keys + BYTES;
    float out[32] = {};
    Softmax softmax = {{-INFINITY, -INFINITY}, {0, 0}};
    ring.await(job.turn);
    if (job.tile() * ROWS < h.queries) {
      forwardStep<LEFT, LEFT>(softmax, out, h, tile, x, keys, values, scale2, 0);
      forwardStep<RIGHT, SURE - LEFT>(softmax, out, h, tile, x, keys + LEFT * LINE, values + LEFT * LINE, scale2, LEFT);
    }
    if (ring.leave(job.turn)) copy(job.later(2));
    if (!tile.idle) softmax.finish(h, job.place(h), out, o, lse, tile.first);
  }
}

// N keys at a time. Grid: 128 queries, heads, batch.
template <int N, int TAIL> __device__ inline void forward(const Heads& h, double scale, const Maps& maps, bf16* o, bf16* lse) {
  const int stages = 2 * TILE_BYTES, PAIR = 2 * N * LINE;
  typedef Ring<STAGES, THREADS / 32> R;
  R& ring = *(R*)(sharedBytes + stages + STAGES * PAIR);
  int base = blockIdx.x * 2 * ROWS, first = base + group() * ROWS, x = group() * TILE_BYTES;
  float scale2 = (float)scale * LOG2E;
  Parts<N, TAIL> parts = Parts<N, TAIL>::of(0, h.causal ? min(h.keys, base + 2 * ROWS) : h.keys, !h.causal);
  auto copy = [&](int part, int more) {
    if (part >= parts.count) return;
    int pair = stages + part % STAGES * PAIR;
    u64* arrival = ring.arrival + part % STAGES;
    barrierExpect(arrival, PAIR + more);
    ofBlock().copy(pair, &maps.k, arrival, parts.from(part));
    ofBlock().copy(pair + N * LINE, &maps.v, arrival, parts.from(part));
  };
  ring.init();
  if (threadIdx.x == 0 && parts.count > 0) {
    copy(0, 2 * TILE_BYTES);
    ofBlock().copy(0, &maps.q, ring.arrival, base);
    for (int part = 1; part < STAGES; part++) copy(part, 0);
  }
  Tile tile = {first, first + rowOf() / 16 * 16 >= h.queries};
  Softmax softmax = {{-INFINITY, -INFINITY}, {0, 0}};
  float out[32] = {};
  int part = 0;
  if (parts.tail > 0) {
    ring.await(0);
    forwardStep<TAIL, 0>(softmax, out, h, tile, x, stages, stages + N * LINE, scale2, parts.from(0));
    if (ring.leave(0)) copy(STAGES, 0);
    part = 1;
  }
  for (; part < parts.count; part++) {
    int pair = stages + part % STAGES * PAIR;
    ring.await(part);
    forwardStep<N, 0>(softmax, out, h, tile, x, pair, pair + N * LINE, scale2, parts.from(part));
    if (ring.leave(part)) copy(part + STAGES, 0);
  }
  if (!tile.idle) softmax.finish(h, ofBlock(), out, o, lse, first);
}

// This warp's 16 rows of 64, as the left operand of products along channels.
template <int D> __device__ inline void left(u32 (&x)[D / 16][4], int from) {
  int lane = threadIdx.x % 32, row = threadIdx.x % 128 / 32 * 16 + lane % 16;
#pragma unroll
  for (int d = 0; d < D / 16; d++) {
    loadMatrices(x[d], chunkAt<LINE>(sharedBytes + from + d / 4 * TILE_BYTES, row, d % 4 * 2 + lane / 16));
  }
}

// Starts s = x·yᵀ for N rows of y.
template <int N, int D> __device__ inline void dots(float (&s)[N / 2], const u32 (&x)[D / 16][4], int y) {
  u64 b = operandAlong(sharedAddress(sharedBytes) + y);
  wgmmaFence();
#pragma unroll
  for (int d = 0; d < D / 16; d++) Wgmma<N>::template bf16<0>(s, x[d], further(b, d / 4 * N * LINE + d % 4 * 32), d);
  wgmmaCommit();
}

// 64 keys at a time, whose scores are worked on while the values of those before are added. Grid: 128 queries, heads, batch.
template <int D> __device__ inline void forwardWide(const Heads& h, double scale, const Maps& maps, bf16* o, bf16* lse) {
  const int N = 64, OWN = TILES(D) * TILE_BYTES, EACH = TILES(D) * N * LINE, PAIR = 2 * EACH, FIRST = 2 * OWN;
  typedef Ring<STAGES, THREADS / 32> R;
  R& ring = *(R*)(sharedBytes + FIRST + STAGES * PAIR);
  int base = blockIdx.x * 2 * ROWS, first = base + group() * ROWS;
  float scale2 = (float)scale * LOG2E;
  int end = h.causal ? min(h.keys, base + 2 * ROWS) : h.keys, parts = (end + N - 1) / N;
  auto pair = [&](int part) { return FIRST + part % STAGES * PAIR; };
  auto copy = [&](int part, int more) {
    if (part >= parts) return;
    u64* arrival = ring.arrival + part % STAGES;
    barrierExpect(arrival, PAIR + more);
    ofBlock().copy<D>(pair(part), &maps.k, arrival, part * N, N);
    ofBlock().copy<D>(pair(part) + EACH, &maps.v, arrival, part * N, N);
  };
  ring.init();
  if (threadIdx.x == 0) {
    copy(0, 2 * OWN);
    ofBlock().copy<D>(0, &maps.q, ring.arrival, base, ROWS);
    ofBlock().copy<D>(OWN, &maps.q, ring.arrival, base + ROWS, ROWS);
    for (int part = 1; part < STAGES; part++) copy(part, 0);
  }
  Softmax softmax = {{-INFINITY, -INFINITY}, {0, 0}};
  float out[D / 2] = {}, s[N / 2], shrink[2];
  u32 x[D / 16][4], p[N / 16][4];
  auto weigh = [&](int part) {
    bool causal = h.causal && part * N + N - 1 > first;
    if (part * N + N > h.keys || causal) hide<N, 0>(s, first, part * N, h.keys, causal);
    softmax.raise<N>(s, scale2, shrink);
    softmax.exponentials<N>(s, scale2);
  };
  ring.await(0);
  left<D>(x, group() * OWN);
  dots<N, D>(s, x, pair(0));
  wgmmaWait<0>();
  wgmmaPin(s);
  weigh(0);
  pack<N>(p, s);
  for (int part = 0; part < parts - 1; part++) {
    ring.await(part + 1);
    dots<N, D>(s, x, pair(part + 1));
    add<N, D>(out, p, pair(part) + EACH, 1);
    wgmmaWait<1>();
    wgmmaPin(s);
    weigh(part + 1);
    wgmmaWait<0>();
    wgmmaPin(out);
    if (ring.leave(part)) copy(part + STAGES, 0);
#pragma unroll
    for (int i = 0; i < D / 2; i++) out[i] *= shrink[i / 2 % 2];
    pack<N>(p, s);
  }
  add<N, D>(out, p, pair(parts - 1) + EACH, 1);
  wgmmaWait<0>();
  wgmmaPin(out);
  softmax.finish(h, ofBlock(), out, o, lse, first);
}

ENTRY(HEADS_THREADS, 1) flashHeads_bf16(MAPS, Heads h, int jobs, double scale, bf16* o, bf16* lse) {
  forwardHeads(h, jobs, scale, maps, o, lse);
}
#define WIDE(D) \
  ENTRY(THREADS, 1) flashWide##D##_bf16(MAPS, Heads h, double scale, bf16* o, bf16* lse) { forwardWide<D>(h, scale, maps, o, lse); }
WIDE(96)
WIDE(128)
WIDE(144)
WIDE(160)
ENTRY(THREADS, 2) flash64_bf16(MAPS, Heads h, double scale, bf16* o, bf16* lse) { forward<64, 16>(h, scale, maps, o, lse); }
ENTRY(THREADS, 2) flash128_bf16(MAPS, Heads h, double scale, bf16* o, bf16* lse) { forward<128, 80>(h, scale, maps, o, lse); }
#endif
