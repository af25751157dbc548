// Attention in bf16 on the tensor cores of compute capability 9.0, forward and backward, without bias, for heads of up to 64 channels
// (those that lack some are filled up with zeros). Two warpgroups of 4 warps work on 64 rows each at a time: a row's scores lie in
// four lanes, probabilities go from registers into the next product, and everything else a product reads lies in shared memory as
// rows of 128 bytes. Sums are in f32 and in a fixed order. Exponentials are powers of two. Two blocks share a multiprocessor, so that
// one computes while the other waits.
#include "heads.cuh"
#include "hopper.cuh"
#include "tile.cuh"

#ifdef HOPPER
#define THREADS 256
#define LINE 128
#define ROWS 64
#define TILE_BYTES (ROWS * LINE)
// The most keys that a block holds at once, and the fewest that are worth it.
#define WHOLE 208
// Shared memory of the kernels, as they are launched.
#define STAGES 3
#define FORWARD_WHOLE_BYTES (4 * TILE_BYTES + 2 * WHOLE * LINE)
#define FORWARD_BYTES(N) (2 * TILE_BYTES + STAGES * 2 * (N) * LINE)
#define GRAD_WHOLE_BYTES (4 * WHOLE * LINE + (4 * ROWS - WHOLE) * LINE)
#define GRAD_BYTES (4 * TILE_BYTES + STAGES * (2 * TILE_BYTES + 2 * ROWS * 4))
#define LOG2E 1.4426950408889634f
#define EACH_COLUMN(n, N) _Pragma("unroll") for (int n = 0; n < (N) / 8; n++)

extern __shared__ __align__(1024) char sharedBytes[];

__device__ inline int group() { return threadIdx.x / 128; }
// Of this thread: its first row of the warpgroup's 64 (the second is 8 further), and its first column of every 8.
__device__ inline int rowOf() { return threadIdx.x % 128 / 32 * 16 + threadIdx.x % 32 / 4; }
__device__ inline int columnOf() { return threadIdx.x % 4 * 2; }

// Starts copying a head's rows of an operand of [batch, positions, heads, dim], from row `first` on; zeros where there are none.
template <int LINES> __device__ inline void fetch(
    int tile, const bf16* x, const int* stride, const Heads& h, int first, int positions) {
  const int STEP = THREADS / 8;
  int thread = threadIdx.x;
  asm volatile("" : "+r"(thread)); // addresses are not worth the registers that hold them from one loop to the next
  int row = thread / 8, chunk = thread % 8;
  const bf16* from = x + (i64)blockIdx.z * stride[0] + (i64)blockIdx.y * stride[2] + (i64)(first + row) * stride[1] + chunk * 8;
  char* to = chunkAt<LINE>(sharedBytes + tile, row, chunk);
  int lines = positions - first - row;
  int bytes = min(16, max(0, h.dim * 2 - chunk * 16));
#pragma unroll
  for (int i = 0; i < LINES; i += STEP) {
    if (i + STEP <= LINES || row < LINES - i) copyAsync(to + i * LINE, from, i < lines ? bytes : 0);
    from += (i64)STEP * stride[1];
  }
}

// What all threads have copied, but for the last N groups, is there for all products.
template <int N> __device__ inline void arrive() {
  copyWait<N>();
  sharedPublish();
  __syncthreads();
}

// Starts s = x·yᵀ for 64 rows of x and N of y.
template <int N> __device__ inline void dots(float (&s)[N / 2], int x, int y) {
  u32 a = sharedAddress(sharedBytes) + x, b = sharedAddress(sharedBytes) + y;
  wgmmaFence();
#pragma unroll
  for (int d = 0; d < 4; d++) Wgmma<N>::template bf16<0, 0>(s, operandAlong(a + d * 32), operandAlong(b + d * 32), d);
  wgmmaCommit();
}

// Starts sum = p·y, or with `keep` sum += p·y, for N rows of y.
template <int N> __device__ inline void add(float (&sum)[32], const u32 (&p)[N / 16][4], int y, int keep) {
  u32 b = sharedAddress(sharedBytes) + y;
  wgmmaFence();
#pragma unroll
  for (int s = 0; s < N / 16; s++) Wgmma<64>::template bf16<1>(sum, p[s], operandAcross(b + s * 16 * LINE, 0), s > 0 || keep);
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
__device__ inline void put(const Heads& h, bf16* y, const float (&sum)[32], float scale0, float scale1, int first, int positions) {
  int c = threadIdx.x % 4 * 8;
#pragma unroll
  for (int half = 0; half < 2; half++) {
    int position = first + rowOf() + half * 8;
    float scale = half ? scale1 : scale0;
    bf16* line = y + (((i64)blockIdx.z * positions + position) * h.heads + blockIdx.y) * h.dim;
#pragma unroll
    for (int j = 0; j < 2; j++) {
      u32 w[4];
#pragma unroll
      for (int i = 0; i < 4; i++) w[i] = packBf16(sum[(j * 4 + i) * 4 + half * 2] * scale, sum[(j * 4 + i) * 4 + half * 2 + 1] * scale);
      uint4 all = exchange(w);
      if (position < positions && j * 32 + c < h.dim) *(uint4*)(line + j * 32 + c) = all;
    }
  }
}

template <class Op> __device__ inline float alongRow(float value) {
  value = Op::both(value, __shfl_xor_sync(~0u, value, 1));
  return Op::both(value, __shfl_xor_sync(~0u, value, 2));
}

struct Most {
  __device__ static float both(float a, float b) { return fmaxf(a, b); }
};

// −∞ for scores of rows from `query` and columns from `key` on that do not count; columns before SURE do, but for `causal`.
template <int N, int SURE> __device__ inline void hide(float (&s)[N / 2], int query, int key, int keys, bool causal) {
  int row = query + rowOf(), column = key + columnOf();
  EACH_COLUMN(n, N) {
    if (n * 8 + 8 > SURE || causal) {
#pragma unroll
      for (int e = 0; e < 4; e++) {
        int at = column + n * 8 + e % 2;
        if (at >= keys || (causal && at > row + e / 2 * 8)) s[n * 4 + e] = -INFINITY;
      }
    }
  }
}

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
  __device__ void finish(const Heads& h, const float (&out)[32], bf16* o, bf16* lse, int first) {
    float inverse[2];
#pragma unroll
    for (int half = 0; half < 2; half++) {
      float all = alongRow<Add>(sum[half]);
      inverse[half] = all == 0 ? 0.0f : 1 / all;
      int query = first + rowOf() + half * 8;
      if (threadIdx.x % 4 == 0 && query < h.queries) {
        store(lse + ((i64)blockIdx.z * h.heads + blockIdx.y) * h.queries + query, (max[half] + log2f(all)) / LOG2E);
      }
    }
    put(h, o, out, inverse[0], inverse[1], first, h.queries);
  }
};

// Adds what N keys contribute to 64 queries' sums. `idle` where a warp's queries are none; what its registers hold does not matter.
template <int N, int SURE> __device__ inline void forwardStep(Softmax& softmax, float (&out)[32], const Heads& h, int q,
    int k, int v, float scale, int first, int from, bool idle, bool await = false) {
  float s[N / 2];
  u32 p[N / 16][4];
  dots<N>(s, q, k);
  wgmmaWait<0>();
  wgmmaPin(s);
  if (!idle) {
    bool causal = h.causal && from + N - 1 > first;
    if (from + N > h.keys || causal) hide<N, SURE>(s, first, from, h.keys, causal);
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

// The last rows of a head often fill but one warp of a warpgroup. Tiles of them begin `shift` rows early, by head, so that it is not the
// same warp each time, whose quarter of the multiprocessor everybody would wait for.
struct Tile {
  int first; // row of the head
  bool idle; // this warp's rows are none, or another tile's; what its registers hold does not matter

  // Tile i of those from `base` on.
  __device__ static Tile of(int base, int i, int positions) {
    int first = base + i * ROWS;
    int shift = i > 0 && positions - first <= 16 ? blockIdx.y % 4 * 16 : 0;
    int row = first - shift + rowOf() / 16 * 16;
    return {first - shift, row < first || row >= positions};
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

// All keys at once, 193 to 208 of them. Grid: 256 queries, heads, batch.
__device__ inline void forwardWhole(
    const Heads& h, double scale, const bf16* q, const bf16* k, const bf16* v, bf16* o, bf16* lse) {
  const int LEFT = 112, RIGHT = WHOLE - LEFT, SURE = WHOLE - 16;
  const int keys = 4 * TILE_BYTES, values = keys + WHOLE * LINE;
  int base = blockIdx.x * 4 * ROWS;
  float scale2 = (float)scale * LOG2E;
  fetch<4 * ROWS>(0, q, h.q, h, base, h.queries);
  fetch<WHOLE>(keys, k, h.k, h, 0, h.keys);
  fetch<WHOLE>(values, v, h.v, h, 0, h.keys);
  copyCommit();
  arrive<0>();
  for (int i = group(); base + i * ROWS < h.queries && i < 4; i += 2) {
    Tile tile = Tile::of(base, i, h.queries);
    int x = (tile.first - base) * LINE;
    float out[32] = {};
    Softmax softmax = {{-INFINITY, -INFINITY}, {0, 0}};
    forwardStep<LEFT, LEFT>(softmax, out, h, tile, x, keys, values, scale2, 0);
    forwardStep<RIGHT, SURE - LEFT>(softmax, out, h, tile, x, keys + LEFT * LINE, values + LEFT * LINE, scale2, LEFT);
    if (!tile.idle) softmax.finish(h, out, o, lse, tile.first);
  }
}

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

// N keys at a time. Grid: 128 queries, heads, batch.
template <int N, int TAIL> __device__ inline void forward(
    const Heads& h, double scale, const bf16* q, const bf16* k, const bf16* v, bf16* o, bf16* lse) {
  const int stages = 2 * TILE_BYTES, PAIR = 2 * N * LINE;
  int base = blockIdx.x * 2 * ROWS, first = base + group() * ROWS, x = group() * TILE_BYTES;
  float scale2 = (float)scale * LOG2E;
  Parts<N, TAIL> parts = Parts<N, TAIL>::of(0, h.causal ? min(h.keys, base + 2 * ROWS) : h.keys, !h.causal);
  auto next = [&](int part) {
    int pair = stages + part % STAGES * PAIR;
    if (part < parts.count) {
      fetch<N>(pair, k, h.k, h, parts.from(part), h.keys);
      fetch<N>(pair + N * LINE, v, h.v, h, parts.from(part), h.keys);
    }
    copyCommit();
  };
  fetch<2 * ROWS>(0, q, h.q, h, base, h.queries);
  next(0);
  next(1);
  Tile tile = {first, first + rowOf() / 16 * 16 >= h.queries};
  Softmax softmax = {{-INFINITY, -INFINITY}, {0, 0}};
  float out[32] = {};
  int part = 0;
  if (parts.tail > 0) {
    arrive<1>();
    next(2);
    forwardStep<TAIL, 0>(softmax, out, h, tile, x, stages, stages + N * LINE, scale2, parts.from(0));
    part = 1;
  }
  for (; part < parts.count; part++) {
    arrive<1>();
    next(part + 2);
    int pair = stages + part % STAGES * PAIR;
    forwardStep<N, 0>(softmax, out, h, tile, x, pair, pair + N * LINE, scale2, parts.from(part));
  }
  if (!tile.idle) softmax.finish(h, out, o, lse, tile.first);
}

// A row's lse times log2(e); +∞, under which every probability is 0, for a row that sees nothing or is none.
__device__ inline float bound(const Heads& h, const bf16* lse, int query) {
  float value = query < h.queries ? load(lse + ((i64)blockIdx.z * h.heads + blockIdx.y) * h.queries + query) : -INFINITY;
  return value == -INFINITY ? INFINITY : value * LOG2E;
}

// Adds to gradQ of 64 queries what N keys contribute. `logSum` and `dot` are those of this thread's two rows.
template <int N> __device__ inline void queryStep(float (&out)[32], int q, int g, int k, int v,
    float scale, const float (&logSum)[2], const float (&dot)[2], const Tile& tile, int from, int keys, bool causal) {
  float s[N / 2], ds[N / 2];
  u32 p[N / 16][4];
  dots<N>(s, q, k);
  dots<N>(ds, g, v);
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
  add<N>(out, p, k, 1);
  wgmmaWait<0>();
  wgmmaPin(out);
}

// Adds to gradK and gradV of 64 keys what N queries contribute, whose bounds and dots are `logSum` and `dot`. Rows are keys here.
template <int N> __device__ inline void keyStep(float (&outK)[32], float (&outV)[32], int k, int v, int q,
    int g, float scale, const float* logSum, const float* dot, const Tile& tile, int from, bool causal) {
  u32 p[N / 16][4];
  float s[N / 2];
  dots<N>(s, k, q);
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
  add<N>(outV, p, g, 1);
  dots<N>(s, v, g);
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
  add<N>(outK, p, q, 1);
  wgmmaWait<0>();
  wgmmaPin(outK);
}

// gradOutput is dense.
__device__ inline void denseStrides(const Heads& h, int (&stride)[4]) {
  stride[0] = h.queries * h.heads * h.dim;
  stride[1] = h.heads * h.dim;
  stride[2] = h.dim;
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

// delta = Σ gradOutput·o for each row: eight threads a row, in the order of memory; delta is in the order of lse.
extern "C" __global__ void flashDots_bf16(Heads h, int rows, const bf16* g, const bf16* o, float* delta) {
  int row = (blockIdx.x * blockDim.x + threadIdx.x) / 8, c = threadIdx.x % 8 * 8;
  float sum = 0;
  if (row < rows && c < h.dim) sum = dot8(*(const uint4*)(g + (i64)row * h.dim + c), *(const uint4*)(o + (i64)row * h.dim + c));
  for (int s = 4; s > 0; s >>= 1) sum += __shfl_xor_sync(~0u, sum, s);
  if (row < rows && c == 0) {
    int head = row % h.heads, query = row / h.heads % h.queries, batch = row / h.heads / h.queries;
    delta[((i64)batch * h.heads + head) * h.queries + query] = sum;
  }
}

// All gradients of a head of up to 208 queries and keys, all of which lie in shared memory; products read rows past the end of some
// operand, whose results nobody stores. Grid: 1, heads, batch.
__device__ inline void gradWhole(const Heads& h, double scale, const bf16* g, const bf16* q, const bf16* k, const bf16* v, const bf16* o,
    const bf16* lse, bf16* gradQ, bf16* gradK, bf16* gradV) {
  const int TAIL = 16, MOST = WHOLE - TAIL, BYTES = WHOLE * LINE, PARTS = (WHOLE * LINE / 16 + THREADS - 1) / THREADS;
  const int qs = 0, ks = BYTES, gs = 2 * BYTES, vs = 3 * BYTES;
  float *logSum = (float*)(sharedBytes + 4 * BYTES), *dot = logSum + WHOLE;
  float scale2 = (float)scale * LOG2E;
  int dense[4];
  denseStrides(h, dense);
  fetch<WHOLE>(qs, q, h.q, h, 0, h.queries);
  fetch<WHOLE>(ks, k, h.k, h, 0, h.keys);
  fetch<WHOLE>(gs, g, dense, h, 0, h.queries);
  fetch<WHOLE>(vs, v, h.v, h, 0, h.keys);
  copyCommit();
  uint4 part[PARTS];
#pragma unroll
  for (int i = 0; i < PARTS; i++) {
    int row = (i * THREADS + threadIdx.x) / 8, c = threadIdx.x % 8 * 8;
    part[i] = make_uint4(0, 0, 0, 0);
    if (row < h.queries && c < h.dim) {
      part[i] = *(const uint4*)(o + (((i64)blockIdx.z * h.queries + row) * h.heads + blockIdx.y) * h.dim + c);
    }
  }
  if (threadIdx.x < WHOLE) logSum[threadIdx.x] = bound(h, lse, threadIdx.x);
  copyWait<0>();
  __syncthreads();
#pragma unroll
  for (int i = 0; i < PARTS; i++) {
    int row = (i * THREADS + threadIdx.x) / 8;
    if (row < WHOLE) {
      float sum = dot8(part[i], *(const uint4*)chunkAt<LINE>(sharedBytes + gs, row, threadIdx.x % 8));
      for (int s = 4; s > 0; s >>= 1) sum += __shfl_xor_sync(~0u, sum, s);
      if (threadIdx.x % 8 == 0) dot[row] = sum;
    }
  }
  arrive<0>();
  for (int i = group(); i * ROWS < h.queries; i += 2) {
    Tile tile = Tile::of(0, i, h.queries);
    int row = min(tile.first + rowOf(), WHOLE - 9), x = qs + tile.first * LINE, y = gs + tile.first * LINE;
    float rowSum[2] = {logSum[row], logSum[row + 8]}, rowDot[2] = {dot[row], dot[row + 8]};
    float out[32] = {};
    queryStep<TAIL>(out, x, y, ks + MOST * LINE, vs + MOST * LINE, scale2, rowSum, rowDot, tile, MOST, h.keys, h.causal);
#pragma unroll 1
    for (int from = 0; from < MOST; from += 64) {
      queryStep<64>(out, x, y, ks + from * LINE, vs + from * LINE, scale2, rowSum, rowDot, tile, from, h.keys, h.causal);
    }
    if (!tile.idle) put(h, gradQ, out, (float)scale, (float)scale, tile.first, h.queries);
  }
  for (int i = group(); i * ROWS < h.keys; i += 2) {
    Tile tile = Tile::of(0, i, h.keys);
    int x = ks + tile.first * LINE, y = vs + tile.first * LINE;
    float outK[32] = {}, outV[32] = {};
    keyStep<TAIL>(outK, outV, x, y, qs + MOST * LINE, gs + MOST * LINE, scale2, logSum + MOST, dot + MOST, tile, MOST, h.causal);
#pragma unroll 1
    for (int from = 0; from < MOST; from += 48) {
      keyStep<48>(outK, outV, x, y, qs + from * LINE, gs + from * LINE, scale2, logSum + from, dot + from, tile, from, h.causal);
    }
    if (!tile.idle) {
      put(h, gradK, outK, (float)scale, (float)scale, tile.first, h.keys);
      put(h, gradV, outV, 1, 1, tile.first, h.keys);
    }
  }
}

// Grid: 128 queries, heads, batch.
__device__ inline void gradQuery(const Heads& h, double scale, const bf16* g, const bf16* q, const bf16* k, const bf16* v, const bf16* lse,
    const float* delta, bf16* gradQ) {
  const int N = 64, TAIL = 16, qs = 0, gs = 2 * TILE_BYTES, stages = 4 * TILE_BYTES, PAIR = 2 * N * LINE;
  int base = blockIdx.x * 2 * ROWS, first = base + group() * ROWS, x = qs + group() * TILE_BYTES, y = gs + group() * TILE_BYTES;
  float scale2 = (float)scale * LOG2E;
  Parts<N, TAIL> parts = Parts<N, TAIL>::of(0, h.causal ? min(h.keys, base + 2 * ROWS) : h.keys, true);
  int dense[4];
  denseStrides(h, dense);
  auto next = [&](int part) {
    int pair = stages + part % STAGES * PAIR;
    if (part < parts.count) {
      fetch<N>(pair, k, h.k, h, parts.from(part), h.keys);
      fetch<N>(pair + N * LINE, v, h.v, h, parts.from(part), h.keys);
    }
    copyCommit();
  };
  fetch<2 * ROWS>(qs, q, h.q, h, base, h.queries);
  fetch<2 * ROWS>(gs, g, dense, h, base, h.queries);
  next(0);
  next(1);
  Tile tile = {first, first + rowOf() / 16 * 16 >= h.queries};
  float rowSum[2], rowDot[2], out[32] = {};
#pragma unroll
  for (int half = 0; half < 2; half++) {
    int query = first + rowOf() + half * 8;
    rowSum[half] = bound(h, lse, query);
    rowDot[half] = query < h.queries ? delta[((i64)blockIdx.z * h.heads + blockIdx.y) * h.queries + query] : 0.0f;
  }
  int part = 0;
  if (parts.tail > 0) {
    arrive<1>();
    next(2);
    queryStep<TAIL>(out, x, y, stages, stages + N * LINE, scale2, rowSum, rowDot, tile, parts.from(0), h.keys, h.causal);
    part = 1;
  }
  for (; part < parts.count; part++) {
    arrive<1>();
    next(part + 2);
    int pair = stages + part % STAGES * PAIR;
    queryStep<N>(out, x, y, pair, pair + N * LINE, scale2, rowSum, rowDot, tile, parts.from(part), h.keys, h.causal);
  }
  if (!tile.idle) put(h, gradQ, out, (float)scale, (float)scale, first, h.queries);
}

// Grid: 128 keys, heads, batch.
__device__ inline void gradKeyValue(const Heads& h, double scale, const bf16* g, const bf16* q, const bf16* k, const bf16* v,
    const bf16* lse, const float* delta, bf16* gradK, bf16* gradV) {
  const int N = 48, TAIL = 16, ks = 0, vs = 2 * TILE_BYTES, stages = 4 * TILE_BYTES, PAIR = 2 * N * LINE;
  float* rows = (float*)(sharedBytes + stages + STAGES * PAIR);
  int base = blockIdx.x * 2 * ROWS, first = base + group() * ROWS, x = ks + group() * TILE_BYTES, y = vs + group() * TILE_BYTES;
  float scale2 = (float)scale * LOG2E;
  Parts<N, TAIL> parts = Parts<N, TAIL>::of(h.causal ? base : 0, h.queries, true);
  int dense[4];
  denseStrides(h, dense);
  auto next = [&](int part) {
    int pair = stages + part % STAGES * PAIR;
    if (part < parts.count) {
      fetch<N>(pair, q, h.q, h, parts.from(part), h.queries);
      fetch<N>(pair + N * LINE, g, dense, h, parts.from(part), h.queries);
      if (threadIdx.x < N) {
        int query = parts.from(part) + threadIdx.x;
        float* row = rows + part % STAGES * 2 * N + threadIdx.x;
        row[0] = bound(h, lse, query);
        row[N] = query < h.queries ? delta[((i64)blockIdx.z * h.heads + blockIdx.y) * h.queries + query] : 0.0f;
      }
    }
    copyCommit();
  };
  fetch<2 * ROWS>(ks, k, h.k, h, base, h.keys);
  fetch<2 * ROWS>(vs, v, h.v, h, base, h.keys);
  next(0);
  next(1);
  Tile tile = {first, first + rowOf() / 16 * 16 >= h.keys};
  float outK[32] = {}, outV[32] = {};
  int part = 0;
  if (parts.tail > 0) {
    arrive<1>();
    next(2);
    keyStep<TAIL>(outK, outV, x, y, stages, stages + N * LINE, scale2, rows, rows + N, tile, parts.from(0), h.causal);
    part = 1;
  }
  for (; part < parts.count; part++) {
    arrive<1>();
    next(part + 2);
    int pair = stages + part % STAGES * PAIR;
    const float* row = rows + part % STAGES * 2 * N;
    keyStep<N>(outK, outV, x, y, pair, pair + N * LINE, scale2, row, row + N, tile, parts.from(part), h.causal);
  }
  if (!tile.idle) {
    put(h, gradK, outK, (float)scale, (float)scale, first, h.keys);
    put(h, gradV, outV, 1, 1, first, h.keys);
  }
}

#define ENTRY extern "C" __global__ void __launch_bounds__(THREADS, 2)
ENTRY flashWhole_bf16(Heads h, double scale, const bf16* q, const bf16* k, const bf16* v, bf16* o, bf16* lse) {
  forwardWhole(h, scale, q, k, v, o, lse);
}
ENTRY flash64_bf16(Heads h, double scale, const bf16* q, const bf16* k, const bf16* v, bf16* o, bf16* lse) {
  forward<64, 16>(h, scale, q, k, v, o, lse);
}
ENTRY flash128_bf16(Heads h, double scale, const bf16* q, const bf16* k, const bf16* v, bf16* o, bf16* lse) {
  forward<128, 80>(h, scale, q, k, v, o, lse);
}
ENTRY flashGradWhole_bf16(Heads h, double scale, const bf16* g, const bf16* q, const bf16* k, const bf16* v, const bf16* o,
    const bf16* lse, bf16* gradQ, bf16* gradK, bf16* gradV) {
  gradWhole(h, scale, g, q, k, v, o, lse, gradQ, gradK, gradV);
}
ENTRY flashGradQuery_bf16(Heads h, double scale, const bf16* g, const bf16* q, const bf16* k, const bf16* v, const bf16* lse,
    const float* delta, bf16* gradQ) {
  gradQuery(h, scale, g, q, k, v, lse, delta, gradQ);
}
ENTRY flashGradKeyValue_bf16(Heads h, double scale, const bf16* g, const bf16* q, const bf16* k, const bf16* v, const bf16* lse,
    const float* delta, bf16* gradK, bf16* gradV) {
  gradKeyValue(h, scale, g, q, k, v, lse, delta, gradK, gradV);
}
#endif
