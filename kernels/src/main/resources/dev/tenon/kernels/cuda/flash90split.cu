// Attention of f32 on the tensor cores of compute capability 9.0, forward, without bias, to the accuracy of f32: as in split.cu, every
// factor is the sum of three parts in bf16, of whose nine products the six largest are computed.
//
// All parts lie as [part, sample and head, channel, position], so that tiles of any number of channels by 64 positions have rows of 128
// bytes. Of a block's three warpgroups the first only starts copies; each of the others has 64 queries and goes through the keys 64 at a
// time. One computes exponentials while the other multiplies.
#include "flash90.cuh"

#ifdef HOPPER
#define PARTS 3
#define KEYS 64
// The products of two factors' parts, the small ones first.
#define PAIRS 6

// Where the parts of queries, keys and values are.
struct Split {
  TensorMap q, k, v;
};

// Two numbers as the sums of parts; each word holds one of both.
__device__ inline void partsOf(float a, float b, u32& w0, u32& w1, u32& w2) {
  w0 = packBf16(a, b);
  a -= __uint_as_float(w0 << 16);
  b -= __uint_as_float(w0 & 0xffff0000);
  w1 = packBf16(a, b);
  w2 = packBf16(a - __uint_as_float(w1 << 16), b - __uint_as_float(w1 & 0xffff0000));
}

// Parts of x [batch, positions, heads, dim] with such steps, in lines of `to` positions. Grid: 64 positions, 32 channels, batch × heads.
struct Source {
  int positions, heads, dim, batchStep, positionStep, headStep, to;
};
ENTRY(256, 1) flashParts_f32(Source s, const float* x, bf16* y) {
  const int CHANNELS = 32;
  __shared__ float tile[CHANNELS][ROWS + 1];
  int position = blockIdx.x * ROWS, channel = blockIdx.y * CHANNELS, job = blockIdx.z, lane = threadIdx.x % 32;
  x += (i64)(job / s.heads) * s.batchStep + (i64)(job % s.heads) * s.headStep;
#pragma unroll
  for (int row = threadIdx.x / 32; row < ROWS; row += 8) {
    bool counts = position + row < s.positions && channel + lane < s.dim;
    tile[lane][row] = counts ? x[(i64)(position + row) * s.positionStep + channel + lane] : 0.0f;
  }
  __syncthreads();
  int c = threadIdx.x / 8, first = threadIdx.x % 8 * 8;
  if (channel + c >= s.dim || position + first >= s.to) return;
  i64 size = (i64)s.dim * s.to;
  uint4* to = (uint4*)(y + job * size + (i64)(channel + c) * s.to + position + first);
  u32 w[PARTS][4];
#pragma unroll
  for (int e = 0; e < 4; e++) partsOf(tile[c][first + 2 * e], tile[c][first + 2 * e + 1], w[0][e], w[1][e], w[2][e]);
#pragma unroll
  for (int p = 0; p < PARTS; p++) to[p * (gridDim.z * size / 8)] = make_uint4(w[p][0], w[p][1], w[p][2], w[p][3]);
}

// Steps of 128 queries and 64 keys, one head after the other, dealt out to blocks, `each` to one. So all multiprocessors work to the end,
// but the steps of some queries may go to several blocks: what those come to is joined by a kernel of its own.
struct Steps {
  int jobs, each;

  __device__ static int parts(const Heads& h) { return (h.keys + KEYS - 1) / KEYS; }
  __device__ static int tiles(const Heads& h) { return (h.queries + 2 * ROWS - 1) / (2 * ROWS); }
  __device__ static Place place(const Heads& h, int i) { return {i / tiles(h) % h.heads, i / tiles(h) / h.heads}; }
  __device__ static int job(const Heads& h, int i) { return i / tiles(h); }
  __device__ static int row(const Heads& h, int i) { return i % tiles(h) * 2 * ROWS; }
  // Whether the steps from `from` on, of a block that begins with `begin`, are its first or its second that do not fill a tile.
  __device__ static int slot(int block, int from, int begin) { return 2 * block + (from > begin); }
};

template <class Op> __device__ inline float alongRow(float value) {
  value = Op::both(value, __shfl_xor_sync(~0u, value, 1));
  return Op::both(value, __shfl_xor_sync(~0u, value, 2));
}
struct Most {
  __device__ static float both(float a, float b) { return fmaxf(a, b); }
};

// Of a thread's two rows: the largest score so far, the sum of exponentials relative to it (of this thread's columns), and what those
// weigh of the values.
template <int D> struct Rows {
  float max[2], sum[2], out[D / 2];

  __device__ void clear() {
#pragma unroll
    for (int half = 0; half < 2; half++) {
      max[half] = -INFINITY;
      sum[half] = 0;
    }
#pragma unroll
    for (int i = 0; i < D / 2; i++) out[i] = 0;
  }

  // Makes scores the parts of probabilities, but for their sum; `shrink` is what sums so far are to be multiplied by.
  __device__ void weigh(float (&s)[KEYS / 2], float scale, float (&shrink)[2], u32 (&p)[PARTS][KEYS / 16][4]) {
#pragma unroll
    for (int half = 0; half < 2; half++) {
      float next = fmaxf(s[2 * half], s[2 * half + 1]);
#pragma unroll
      for (int n = 1; n < KEYS / 8; n++) next = fmaxf(next, fmaxf(s[n * 4 + 2 * half], s[n * 4 + 2 * half + 1]));
      next = fmaxf(max[half], alongRow<Most>(next) * scale);
      shrink[half] = exp2Fast(max[half] - next);
      max[half] = next;
      sum[half] *= shrink[half];
    }
#pragma unroll
    for (int i = 0; i < KEYS / 4; i++) {
      int half = i % 2;
      float a = exp2Fast(s[2 * i] * scale - max[half]), b = exp2Fast(s[2 * i + 1] * scale - max[half]);
      sum[half] += a + b;
      partsOf(a, b, p[0][i / 4][i % 4], p[1][i / 4][i % 4], p[2][i / 4][i % 4]);
    }
  }

  __device__ void finish(const Heads& h, Place at, float* o, float* lse, int first) {
#pragma unroll
    for (int half = 0; half < 2; half++) {
      float all = alongRow<Add>(sum[half]), inverse = 1 / all;
      int query = first + rowOf() + half * 8;
      if (query >= h.queries) continue;
      if (threadIdx.x % 4 == 0) lse[at.line(h) * h.queries + query] = (max[half] + log2f(all)) * (1 / LOG2E);
      float* line = o + (((i64)at.batch * h.queries + query) * h.heads + at.head) * h.dim + columnOf();
#pragma unroll
      for (int j = 0; j < D / 8; j++) {
        float2 both = make_float2(out[4 * j + 2 * half] * inverse, out[4 * j + 2 * half + 1] * inverse);
        if (j * 8 + columnOf() < h.dim) *(float2*)(line + j * 8) = both;
      }
    }
  }

  static const int NUMBERS = D / 2 + 4;
  __device__ static float* at(float* partial, int slot, int team) {
    return partial + (i64)slot * NUMBERS * 256 + team * 128 + threadIdx.x % 128;
  }
  __device__ void put(float* to) const {
#pragma unroll
    for (int i = 0; i < D / 2; i++) to[i * 256] = out[i];
#pragma unroll
    for (int half = 0; half < 2; half++) {
      to[(D / 2 + half) * 256] = max[half];
      to[(D / 2 + 2 + half) * 256] = sum[half];
    }
  }
  __device__ void join(const float* from) {
    float mine[2], theirs[2];
#pragma unroll
    for (int half = 0; half < 2; half++) {
      float most = from[(D / 2 + half) * 256], next = fmaxf(max[half], most);
      mine[half] = exp2Fast(max[half] - next);
      theirs[half] = exp2Fast(most - next);
      max[half] = next;
      sum[half] = sum[half] * mine[half] + from[(D / 2 + 2 + half) * 256] * theirs[half];
    }
#pragma unroll
    for (int i = 0; i < D / 2; i++) out[i] = out[i] * mine[i / 2 % 2] + from[i * 256] * theirs[i / 2 % 2];
  }
};

// Barriers of what is copied, by place in its ring; teams leave what they have read.
template <int COUNT> struct Copies {
  u64 full[COUNT], empty[COUNT];

  __device__ void init() {
    for (int i = 0; i < COUNT; i++) {
      barrierInit(full + i, 1);
      barrierInit(empty + i, 2);
    }
  }
  __device__ u64* request(int turn, int bytes) {
    barrierWait(empty + turn % COUNT, turn / COUNT & 1 ^ 1);
    barrierExpect(full + turn % COUNT, bytes);
    return full + turn % COUNT;
  }
  __device__ void await(int turn) { barrierWait(full + turn % COUNT, turn / COUNT & 1); }
  __device__ void leave(int turn) {
    if (threadIdx.x % 128 == 0) barrierArrive(empty + turn % COUNT);
  }
};

// Shared memory: all parts of 64 positions are an operand. The queries of both teams come first, then COUNT times 64 keys and as many
// values.
template <int D> struct Layout {
  static const int TILE = D * LINE, OPERAND = PARTS * TILE, COUNT = D > 96 ? 1 : 2, KEY = 2 * OPERAND, VALUE = KEY + COUNT * OPERAND,
                   BARRIERS = VALUE + COUNT * OPERAND;
};

// Starts s = q·kᵀ for 64 keys.
template <int D> __device__ inline void scores(float (&s)[KEYS / 2], int q, int k) {
  const int left[] = {0, 2, 1, 0, 1, 0}, right[] = {2, 0, 1, 1, 0, 0}, TILE = Layout<D>::TILE;
  u64 a = operandAcross(sharedAddress(sharedBytes) + q, TILE), b = operandAcross(sharedAddress(sharedBytes) + k, TILE);
  wgmmaFence();
#pragma unroll
  for (int pair = 0; pair < PAIRS; pair++) {
#pragma unroll
    for (int d = 0; d < D / 16; d++) {
      Wgmma<KEYS>::template bf16<1, 1>(s, further(a, left[pair] * TILE + d * 16 * LINE), further(b, right[pair] * TILE + d * 16 * LINE),
          pair > 0 || d > 0);
    }
  }
  wgmmaCommit();
}

// Starts sum = p·v.
template <int D> __device__ inline void weighted(float (&sum)[D / 2], const u32 (&p)[PARTS][KEYS / 16][4], int v) {
  const int left[] = {0, 2, 1, 0, 1, 0}, right[] = {2, 0, 1, 1, 0, 0};
  u64 b = operandAlong(sharedAddress(sharedBytes) + v);
  wgmmaFence();
#pragma unroll
  for (int pair = 0; pair < PAIRS; pair++) {
#pragma unroll
    for (int k = 0; k < KEYS / 16; k++) {
      Wgmma<D>::template bf16<0>(sum, p[left[pair]][k], further(b, right[pair] * Layout<D>::TILE + k * 32), pair > 0 || k > 0);
    }
  }
  wgmmaCommit();
}

// What is in flight.
template <int D> struct Copying {
  Copies<1> queries;
  Copies<Layout<D>::COUNT> keys, values;

  __device__ void init() {
    if (threadIdx.x == 0) {
      queries.init();
      keys.init();
      values.init();
      barrierPublish();
    }
    __syncthreads();
  }
  __device__ static int key(int step) { return Layout<D>::KEY + step % Layout<D>::COUNT * Layout<D>::OPERAND; }
  __device__ static int value(int step) { return Layout<D>::VALUE + step % Layout<D>::COUNT * Layout<D>::OPERAND; }
};

// Steps from `begin` to `stop`.
template <int D> __device__ inline void fetchAll(
    const Heads& h, const Steps& steps, const Split& maps, Copying<D>& ring, int begin, int stop) {
  typedef Layout<D> L;
  auto copy = [&](int to, const TensorMap* map, u64* arrival, int position, int job) {
#pragma unroll
    for (int p = 0; p < PARTS; p++) tensorLoad(sharedBytes + to + p * L::TILE, map, arrival, position, 0, p * steps.jobs + job);
  };
  int parts = Steps::parts(h), turn = 0;
  for (int i = begin; i < stop; i++) {
    int tile = i / parts, job = Steps::job(h, tile), step = i - begin;
    if (i == begin || i % parts == 0) {
      u64* arrival = ring.queries.request(turn++, 2 * L::OPERAND);
      copy(0, &maps.q, arrival, Steps::row(h, tile), job);
      copy(L::OPERAND, &maps.q, arrival, Steps::row(h, tile) + ROWS, job);
    }
    copy(ring.key(step), &maps.k, ring.keys.request(step, L::OPERAND), i % parts * KEYS, job);
    copy(ring.value(step), &maps.v, ring.values.request(step, L::OPERAND), i % parts * KEYS, job);
  }
}

// Adds what the keys from `key` on contribute to 64 queries' sums.
template <int D> __device__ inline void take(Rows<D>& rows, const Heads& h, float scale, Copying<D>& ring, int step, int q, int key) {
  float s[KEYS / 2], shrink[2], some[D / 2];
  u32 p[PARTS][KEYS / 16][4];
  ring.keys.await(step);
  scores<D>(s, q, ring.key(step));
  wgmmaWait<0>();
  wgmmaPin(s);
  ring.keys.leave(step);
  if (key + KEYS > h.keys) hide<KEYS, 0>(s, 0, key, h.keys, false);
  rows.weigh(s, scale, shrink, p);
  ring.values.await(step);
  weighted<D>(some, p, ring.value(step));
#pragma unroll
  for (int e = 0; e < D / 2; e++) rows.out[e] *= shrink[e / 2 % 2];
  wgmmaWait<0>();
  wgmmaPin(some);
  ring.values.leave(step);
#pragma unroll
  for (int e = 0; e < D / 2; e++) rows.out[e] += some[e];
}

template <int D> __device__ inline void attention(
    const Heads& h, const Steps& steps, double scale, const Split& maps, float* partial, float* o, float* lse) {
  Copying<D>& ring = *(Copying<D>*)(sharedBytes + Layout<D>::BARRIERS);
  ring.init();
  int parts = Steps::parts(h), begin = blockIdx.x * steps.each, stop = min(begin + steps.each, parts * Steps::tiles(h) * steps.jobs);
  if (group() == 0) {
    registersLower<24>();
    if (threadIdx.x == 0) fetchAll<D>(h, steps, maps, ring, begin, stop);
    return;
  }
  registersRaise<240>();
  int team = group() - 1, turn = 0;
  float scale2 = (float)scale * LOG2E;
  for (int from = begin, tile = begin / parts; from < stop; from = ++tile * parts, turn++) {
    int end = min(stop, (tile + 1) * parts), first = Steps::row(h, tile) + team * ROWS;
    Rows<D> rows;
    rows.clear();
    ring.queries.await(turn);
    if (first < h.queries) {
      for (int i = from; i < end; i++) take<D>(rows, h, scale2, ring, i - begin, team * Layout<D>::OPERAND, i % parts * KEYS);
    } else {
      for (int step = from - begin; step < end - begin; step++) {
        ring.keys.await(step);
        ring.keys.leave(step);
        ring.values.await(step);
        ring.values.leave(step);
      }
    }
    ring.queries.leave(turn);
    if (end - from == parts) {
      rows.finish(h, Steps::place(h, tile), o, lse, first);
    } else {
      rows.put(Rows<D>::at(partial, Steps::slot(blockIdx.x, from, begin), team));
    }
  }
}

// Grid: tiles of queries.
template <int D> __device__ inline void join(const Heads& h, const Steps& steps, float* partial, float* o, float* lse) {
  int tile = blockIdx.x, parts = Steps::parts(h), from = tile * parts, end = from + parts;
  if (from / steps.each == (end - 1) / steps.each) return;
  Rows<D> rows;
  rows.clear();
  for (int block = from / steps.each; block * steps.each < end; block++) {
    int begin = block * steps.each;
    rows.join(Rows<D>::at(partial, Steps::slot(block, max(from, begin), begin), group()));
  }
  rows.finish(h, Steps::place(h, tile), o, lse, Steps::row(h, tile) + group() * ROWS);
}

#define SPLIT(D) \
  ENTRY(384, 1) flashSplit##D##_f32( \
      const __grid_constant__ Split maps, Heads h, Steps steps, double scale, float* partial, float* o, float* lse) { \
    attention<D>(h, steps, scale, maps, partial, o, lse); \
  } \
  ENTRY(256, 1) flashSplitJoin##D##_f32(Heads h, Steps steps, float* partial, float* o, float* lse) { join<D>(h, steps, partial, o, lse); }
SPLIT(96)
SPLIT(128)
SPLIT(144)
#endif
