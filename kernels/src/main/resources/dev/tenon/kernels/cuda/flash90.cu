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

// Wide heads: all steps of 128 queries and 64 keys, one head after the other, dealt out to blocks, `each` to one. So all multiprocessors
// work to the end, but the steps of some queries may go to several blocks: what those come to is joined by a kernel of its own.
struct Steps {
  int jobs, each;

  __device__ static int parts(const Heads& h) { return (h.keys + 63) / 64; }
  __device__ static int tiles(const Heads& h) { return (h.queries + 2 * ROWS - 1) / (2 * ROWS); }
  // Where the i-th tile of queries is.
  __device__ static Place place(const Heads& h, int i) { return {i / tiles(h) % h.heads, i / tiles(h) / h.heads}; }
  __device__ static int row(const Heads& h, int i) { return i % tiles(h) * 2 * ROWS; }
  // Whether the steps from `from` on, of a block that begins with `begin`, are its first or its second that do not fill a tile.
  __device__ static int slot(int block, int from, int begin) { return 2 * block + (from > begin); }
};

// This thread's part of what some steps come to.
template <int D> struct Partial {
  static const int NUMBERS = D / 2 + 4;

  __device__ static float* at(float* partial, int slot) { return partial + (i64)slot * NUMBERS * THREADS + threadIdx.x; }
  __device__ static void put(float* to, const Softmax& softmax, const float (&out)[D / 2]) {
#pragma unroll
    for (int i = 0; i < D / 2; i++) to[i * THREADS] = out[i];
#pragma unroll
    for (int half = 0; half < 2; half++) {
      to[(D / 2 + half) * THREADS] = softmax.max[half];
      to[(D / 2 + 2 + half) * THREADS] = softmax.sum[half];
    }
  }
  __device__ static void join(const float* from, Softmax& softmax, float (&out)[D / 2]) {
    float mine[2], theirs[2];
#pragma unroll
    for (int half = 0; half < 2; half++) {
      float most = from[(D / 2 + half) * THREADS], next = fmaxf(softmax.max[half], most);
      mine[half] = exp2Fast(softmax.max[half] - next);
      theirs[half] = exp2Fast(most - next);
      softmax.max[half] = next;
      softmax.sum[half] = softmax.sum[half] * mine[half] + from[(D / 2 + 2 + half) * THREADS] * theirs[half];
    }
#pragma unroll
    for (int i = 0; i < D / 2; i++) out[i] = out[i] * mine[i / 2 % 2] + from[i * THREADS] * theirs[i / 2 % 2];
  }
};

// Scores are worked on while the values of the keys before are added. With `causal` a block has all steps of one tile.
template <int D> __device__ inline void forwardWide(
    const Heads& h, const Steps& steps, double scale, const Maps& maps, float* partial, bf16* o, bf16* lse) {
  const int N = 64, OWN = TILES(D) * TILE_BYTES, EACH = TILES(D) * N * LINE, PAIR = 2 * EACH, FIRST = 2 * OWN;
  typedef Ring<STAGES, THREADS / 32> R;
  R& ring = *(R*)(sharedBytes + FIRST + STAGES * PAIR);
  Ring<1, 1>& queries = *(Ring<1, 1>*)(&ring + 1);
  int parts = Steps::parts(h), begin = blockIdx.x * steps.each, stop = min(begin + steps.each, parts * Steps::tiles(h) * steps.jobs);
  if (h.causal) stop = begin + min(parts, (Steps::row(h, blockIdx.x) + 2 * ROWS + N - 1) / N);
  float scale2 = (float)scale * LOG2E;
  auto pair = [&](int i) { return FIRST + (i - begin) % STAGES * PAIR; };
  auto copy = [&](int i) {
    if (i >= stop) return;
    u64* arrival = ring.arrival + (i - begin) % STAGES;
    Place at = Steps::place(h, i / parts);
    barrierExpect(arrival, PAIR);
    at.copy<D>(pair(i), &maps.k, arrival, i % parts * N, N);
    at.copy<D>(pair(i) + EACH, &maps.v, arrival, i % parts * N, N);
  };
  auto copyQueries = [&](int tile) {
    if (tile * parts >= stop) return;
    barrierExpect(queries.arrival, 2 * OWN);
    Place at = Steps::place(h, tile);
    at.copy<D>(0, &maps.q, queries.arrival, Steps::row(h, tile), ROWS);
    at.copy<D>(OWN, &maps.q, queries.arrival, Steps::row(h, tile) + ROWS, ROWS);
  };
  ring.init();
  queries.init();
  if (threadIdx.x == 0) {
    copyQueries(begin / parts);
    for (int i = 0; i < STAGES; i++) copy(begin + i);
  }
  for (int from = begin, tile = begin / parts; from < stop; from = ++tile * parts) {
    int end = min(stop, (tile + 1) * parts), first = Steps::row(h, tile) + group() * ROWS;
    Softmax softmax = {{-INFINITY, -INFINITY}, {0, 0}};
    float out[D / 2] = {}, s[N / 2], shrink[2];
    u32 x[D / 16][4], p[N / 16][4];
    auto weigh = [&](int i) {
      int key = i % parts * N;
      bool causal = h.causal && key + N - 1 > first;
      if (key + N > h.keys || causal) hide<N, 0>(s, first, key, h.keys, causal);
      softmax.raise<N>(s, scale2, shrink);
      softmax.exponentials<N>(s, scale2);
    };
    barrierWait(queries.arrival, tile - begin / parts & 1);
    left<D>(x, group() * OWN);
    __syncthreads();
    if (threadIdx.x == 0) copyQueries(tile + 1);
    ring.await(from - begin);
    dots<N, D>(s, x, pair(from));
    wgmmaWait<0>();
    wgmmaPin(s);
    weigh(from);
    pack<N>(p, s);
    for (int i = from; i < end - 1; i++) {
      ring.await(i + 1 - begin);
      dots<N, D>(s, x, pair(i + 1));
      add<N, D>(out, p, pair(i) + EACH, 1);
      wgmmaWait<1>();
      wgmmaPin(s);
      weigh(i + 1);
      wgmmaWait<0>();
      wgmmaPin(out);
      if (ring.leave(i - begin)) copy(i + STAGES);
#pragma unroll
      for (int e = 0; e < D / 2; e++) out[e] *= shrink[e / 2 % 2];
      pack<N>(p, s);
    }
    add<N, D>(out, p, pair(end - 1) + EACH, 1);
    wgmmaWait<0>();
    wgmmaPin(out);
    if (ring.leave(end - 1 - begin)) copy(end - 1 + STAGES);
    if (h.causal || end - from == parts) {
      softmax.finish(h, Steps::place(h, tile), out, o, lse, first);
    } else {
      Partial<D>::put(Partial<D>::at(partial, Steps::slot(blockIdx.x, from, begin)), softmax, out);
    }
  }
}

// Grid: tiles of queries.
template <int D> __device__ inline void join(const Heads& h, const Steps& steps, float* partial, bf16* o, bf16* lse) {
  int tile = blockIdx.x, parts = Steps::parts(h), from = tile * parts, end = from + parts;
  if (from / steps.each == (end - 1) / steps.each) return;
  Softmax softmax = {{-INFINITY, -INFINITY}, {0, 0}};
  float out[D / 2] = {};
  for (int block = from / steps.each; block * steps.each < end; block++) {
    int begin = block * steps.each;
    Partial<D>::join(Partial<D>::at(partial, Steps::slot(block, max(from, begin), begin)), softmax, out);
  }
  softmax.finish(h, Steps::place(h, tile), out, o, lse, Steps::row(h, tile) + group() * ROWS);
}

ENTRY(HEADS_THREADS, 1) flashHeads_bf16(MAPS, Heads h, int jobs, double scale, bf16* o, bf16* lse) {
  forwardHeads(h, jobs, scale, maps, o, lse);
}
#define WIDE(D) \
  ENTRY(THREADS, 1) flashWide##D##_bf16(MAPS, Heads h, Steps steps, double scale, float* partial, bf16* o, bf16* lse) { \
    forwardWide<D>(h, steps, scale, maps, partial, o, lse); \
  } \
  ENTRY(THREADS, 1) flashJoin##D##_bf16(Heads h, Steps steps, float* partial, bf16* o, bf16* lse) { join<D>(h, steps, partial, o, lse); }
WIDE(96)
WIDE(128)
WIDE(144)
WIDE(160)
ENTRY(THREADS, 2) flash64_bf16(MAPS, Heads h, double scale, bf16* o, bf16* lse) { forward<64, 16>(h, scale, maps, o, lse); }
ENTRY(THREADS, 2) flash128_bf16(MAPS, Heads h, double scale, bf16* o, bf16* lse) { forward<128, 80>(h, scale, maps, o, lse); }
#endif
