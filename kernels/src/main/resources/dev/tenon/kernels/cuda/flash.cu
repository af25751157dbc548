// Attention on tensor cores in bf16, forward and backward, for heads of up to 64 channels: 4 warps work on 64 queries and 64 keys
// at a time, each warp on 16 of the rows of its products. Scores live in registers (but for a bias' gradient); sums are in f32 and
// in a fixed order. Exponentials are powers of two.
#include "heads.cuh"
#include "tile.cuh"

#define THREADS 128
#define TILE 64
#define LOG2E 1.4426950408889634f

extern __shared__ double sharedBytes[];

// A tile of 64 rows of D channels, 16 rows of which are a warp's left operand.
template <int D> struct Rows {
  static const int LINE = D * 2;
  static const int BYTES = TILE * LINE;

  __device__ static void copy(char* tile, const bf16* x, const int* stride, int batch, int head, int from, int positions, int dim) {
    const bf16* base = x + (i64)batch * stride[0] + (i64)head * stride[2] + (i64)from * stride[1];
    copyTile<TILE, LINE, THREADS>(tile, (const char*)base, stride[1] * 2LL, positions - from, dim * 2);
  }

  __device__ static void left(u32 (&x)[D / 16][4], char* tile) {
#pragma unroll
    for (int s = 0; s < D / 16; s++) loadFragment<bf16, LINE, true, false>(x[s], tile, threadIdx.x / 32 * 16, s);
  }

  // s = x·tileᵀ.
  __device__ static void dots(float (&s)[8][4], const u32 (&x)[D / 16][4], char* tile) {
#pragma unroll
    for (int j = 0; j < 4; j++) {
#pragma unroll
      for (int e = 0; e < 4; e++) s[2 * j][e] = s[2 * j + 1][e] = 0;
#pragma unroll
      for (int d = 0; d < D / 16; d++) {
        u32 y[4];
        loadFragment<bf16, LINE, true, true>(y, tile, j * 16, d);
        multiplyBf16(s[2 * j], x[d], y[0], y[1]);
        multiplyBf16(s[2 * j + 1], x[d], y[2], y[3]);
      }
    }
  }

  // sum += p·tile, with p rounded to bf16.
  __device__ static void add(float (&sum)[D / 8][4], const float (&p)[8][4], char* tile) {
#pragma unroll
    for (int s = 0; s < 4; s++) {
      u32 x[4] = {packBf16(p[2 * s][0], p[2 * s][1]), packBf16(p[2 * s][2], p[2 * s][3]), packBf16(p[2 * s + 1][0], p[2 * s + 1][1]),
          packBf16(p[2 * s + 1][2], p[2 * s + 1][3])};
#pragma unroll
      for (int j = 0; j < D / 16; j++) {
        u32 y[4];
        loadFragment<bf16, LINE, false, true>(y, tile, j * 16, s);
        multiplyBf16(sum[2 * j], x, y[0], y[1]);
        multiplyBf16(sum[2 * j + 1], x, y[2], y[3]);
      }
    }
  }

  // Stores this warp's rows, times `scale` by half, of a result [B, positions, H, dim].
  __device__ static void put(const Heads& h, bf16* y, const float (&sum)[D / 8][4], const float (&scale)[2], int batch, int head,
      int from, int positions) {
    int lane = threadIdx.x % 32;
#pragma unroll
    for (int half = 0; half < 2; half++) {
      int position = from + threadIdx.x / 32 * 16 + half * 8 + lane / 4;
      bf16* line = y + (((i64)batch * positions + position) * h.heads + head) * h.dim;
#pragma unroll
      for (int j = 0; j < D / 8; j++) {
        int c = j * 8 + lane % 4 * 2;
        if (position < positions && c < h.dim) {
          *(u32*)(line + c) = packBf16(sum[j][2 * half] * scale[half], sum[j][2 * half + 1] * scale[half]);
        }
      }
    }
  }
};

// Of element e of fragment n of this lane: its row within the warp's tile and its column.
__device__ inline int rowOf(int e) { return threadIdx.x / 32 * 16 + threadIdx.x % 32 / 4 + e / 2 * 8; }
__device__ inline int columnOf(int n, int e) { return n * 8 + threadIdx.x % 4 * 2 + e % 2; }

// Makes dot products the scores of queries from `first` and keys from `from` on, times log2(e); −∞ where the query does not see the
// key. Rows are queries, or keys where `ROWS_ARE_KEYS`.
template <bool ROWS_ARE_KEYS> __device__ inline void score(
    const Heads& h, float (&s)[8][4], float scale, const bf16* bias, int batch, int head, int first, int from) {
#pragma unroll
  for (int n = 0; n < 8; n++) {
#pragma unroll
    for (int e = 0; e < 4; e++) s[n][e] *= scale;
  }
  if (!h.biased && from + TILE <= h.keys && first + TILE <= h.queries && !(h.causal && from + TILE - 1 > first)) return;
  const bf16* line = h.biased ? bias + (i64)(batch % h.biased) * h.bias[0] + (i64)head * h.bias[1] : bias;
#pragma unroll
  for (int n = 0; n < 8; n++) {
#pragma unroll
    for (int e = 0; e < 4; e++) {
      int query = first + (ROWS_ARE_KEYS ? columnOf(n, e) : rowOf(e)), key = from + (ROWS_ARE_KEYS ? rowOf(e) : columnOf(n, e));
      if (key >= h.keys || query >= h.queries || (h.causal && key > query)) {
        s[n][e] = -INFINITY;
      } else if (h.biased) {
        s[n][e] += LOG2E * load(line + (i64)query * h.bias[2] + (i64)key * h.bias[3]);
      }
    }
  }
}

template <class Op> __device__ inline float alongRow(float value) {
  value = Op::both(value, __shfl_xor_sync(0xffffffffu, value, 1));
  return Op::both(value, __shfl_xor_sync(0xffffffffu, value, 2));
}

// Grid: query tiles, heads, batch.
template <int D> __device__ inline void forward(
    const Heads& h, double scale, const bf16* q, const bf16* k, const bf16* v, const bf16* bias, bf16* o, bf16* lse) {
  typedef Rows<D> R;
  char* tiles = (char*)sharedBytes;
  float scale2 = (float)scale * LOG2E;
  int head = blockIdx.y, batch = blockIdx.z, first = blockIdx.x * TILE;
  int end = h.causal ? min(h.keys, first + TILE) : h.keys;
  R::copy(tiles, q, h.q, batch, head, first, h.queries, h.dim);
  auto fetch = [&](int from) {
    char* pair = tiles + (1 + from / TILE % 2 * 2) * R::BYTES;
    R::copy(pair, k, h.k, batch, head, from, h.keys, h.dim);
    R::copy(pair + R::BYTES, v, h.v, batch, head, from, h.keys, h.dim);
  };
  if (end > 0) fetch(0);
  copyCommit();
  float max[2] = {-INFINITY, -INFINITY}, sum[2] = {0, 0};
  float out[D / 8][4] = {};
  u32 x[D / 16][4];
  for (int from = 0; from < end; from += TILE) {
    if (from + TILE < end) fetch(from + TILE);
    copyCommit();
    copyWait<1>();
    __syncthreads();
    if (from == 0) R::left(x, tiles);
    char* keys = tiles + (1 + from / TILE % 2 * 2) * R::BYTES;
    float s[8][4];
    R::dots(s, x, keys);
    score<false>(h, s, scale2, bias, batch, head, first, from);
    float next[2] = {max[0], max[1]};
#pragma unroll
    for (int n = 0; n < 8; n++) {
#pragma unroll
      for (int e = 0; e < 4; e++) next[e / 2] = Larger::both(next[e / 2], s[n][e]);
    }
#pragma unroll
    for (int half = 0; half < 2; half++) {
      next[half] = alongRow<Larger>(next[half]);
      float shrink = next[half] == -INFINITY ? 1.0f : exp2Fast(max[half] - next[half]);
      max[half] = next[half];
      float zero = next[half] == -INFINITY ? 0.0f : next[half];
      float added = 0;
#pragma unroll
      for (int n = 0; n < 8; n++) {
#pragma unroll
        for (int e = 2 * half; e < 2 * half + 2; e++) {
          s[n][e] = exp2Fast(s[n][e] - zero);
          added += s[n][e];
        }
      }
      sum[half] = sum[half] * shrink + added;
#pragma unroll
      for (int j = 0; j < D / 8; j++) {
        out[j][2 * half] *= shrink;
        out[j][2 * half + 1] *= shrink;
      }
    }
    R::add(out, s, keys + R::BYTES);
    __syncthreads();
  }
  float inverse[2];
#pragma unroll
  for (int half = 0; half < 2; half++) {
    sum[half] = alongRow<Add>(sum[half]);
    inverse[half] = sum[half] == 0 ? 0.0f : 1 / sum[half];
    int query = first + rowOf(2 * half);
    if (threadIdx.x % 4 == 0 && query < h.queries) {
      store(lse + ((i64)batch * h.heads + head) * h.queries + query, (max[half] + log2f(sum[half])) / LOG2E);
    }
  }
  R::put(h, o, out, inverse, batch, head, first, h.queries);
}

// delta = Σ gradOutput·o for each row: eight threads a row, in the order of memory; delta is in the order of lse.
__device__ inline void rowDots(const Heads& h, int rows, const bf16* g, const bf16* o, float* delta) {
  int row = (blockIdx.x * blockDim.x + threadIdx.x) / 8, c = threadIdx.x % 8 * 8;
  float sum = 0;
  if (row < rows && c < h.dim) {
    uint4 x = *(const uint4*)(g + (i64)row * h.dim + c), y = *(const uint4*)(o + (i64)row * h.dim + c);
    u32 xs[4] = {x.x, x.y, x.z, x.w}, ys[4] = {y.x, y.y, y.z, y.w};
#pragma unroll
    for (int i = 0; i < 4; i++) {
      sum += __uint_as_float(xs[i] << 16) * __uint_as_float(ys[i] << 16);
      sum += __uint_as_float(xs[i] & 0xffff0000u) * __uint_as_float(ys[i] & 0xffff0000u);
    }
  }
  for (int s = 4; s > 0; s >>= 1) sum += __shfl_xor_sync(0xffffffffu, sum, s);
  if (row < rows && c == 0) {
    int head = row % h.heads, query = row / h.heads % h.queries, batch = row / h.heads / h.queries;
    delta[((i64)batch * h.heads + head) * h.queries + query] = sum;
  }
}

// A row's lse times log2(e); +∞, under which every probability is 0, for a row that sees nothing or is none.
__device__ inline float bound(const Heads& h, const bf16* lse, i64 head, int query) {
  float value = query < h.queries ? load(lse + head * h.queries + query) : -INFINITY;
  return value == -INFINITY ? INFINITY : value * LOG2E;
}

// Grid: query tiles, heads, batch. `scores` takes the gradient of every score, where a bias wants it.
template <int D> __device__ inline void gradQuery(
    const Heads& h, double scale, const bf16* g, const bf16* q, const bf16* k, const bf16* v, const bf16* bias, const bf16* lse,
    const float* delta, bf16* gradQ, float* scores) {
  typedef Rows<D> R;
  char* tiles = (char*)sharedBytes;
  float scale2 = (float)scale * LOG2E;
  int head = blockIdx.y, batch = blockIdx.z, first = blockIdx.x * TILE;
  i64 line = (i64)batch * h.heads + head;
  int dense[4] = {h.queries * h.heads * h.dim, h.heads * h.dim, h.dim, 1};
  int end = h.causal && !scores ? min(h.keys, first + TILE) : h.keys;
  R::copy(tiles, q, h.q, batch, head, first, h.queries, h.dim);
  R::copy(tiles + R::BYTES, g, dense, batch, head, first, h.queries, h.dim);
  auto fetch = [&](int from) {
    char* pair = tiles + (2 + from / TILE % 2 * 2) * R::BYTES;
    R::copy(pair, k, h.k, batch, head, from, h.keys, h.dim);
    R::copy(pair + R::BYTES, v, h.v, batch, head, from, h.keys, h.dim);
  };
  if (end > 0) fetch(0);
  copyCommit();
  float logSum[2], dot[2];
#pragma unroll
  for (int half = 0; half < 2; half++) {
    int query = first + rowOf(2 * half);
    logSum[half] = bound(h, lse, line, query);
    dot[half] = query < h.queries ? delta[line * h.queries + query] : 0.0f;
  }
  float out[D / 8][4] = {};
  for (int from = 0; from < end; from += TILE) {
    if (from + TILE < end) fetch(from + TILE);
    copyCommit();
    copyWait<1>();
    __syncthreads();
    char* keys = tiles + (2 + from / TILE % 2 * 2) * R::BYTES;
    float s[8][4], ds[8][4];
    u32 x[D / 16][4];
    R::left(x, tiles);
    R::dots(s, x, keys);
    score<false>(h, s, scale2, bias, batch, head, first, from);
#pragma unroll
    for (int n = 0; n < 8; n++) {
#pragma unroll
      for (int e = 0; e < 4; e++) s[n][e] = exp2Fast(s[n][e] - logSum[e / 2]);
    }
    R::left(x, tiles + R::BYTES);
    R::dots(ds, x, keys + R::BYTES);
#pragma unroll
    for (int n = 0; n < 8; n++) {
#pragma unroll
      for (int e = 0; e < 4; e++) {
        int query = first + rowOf(e), key = from + columnOf(n, e);
        ds[n][e] = s[n][e] * (ds[n][e] - dot[e / 2]);
        if (scores && query < h.queries && key < h.keys) scores[(line * h.queries + query) * h.keys + key] = ds[n][e];
      }
    }
    R::add(out, ds, keys);
    __syncthreads();
  }
  float factor[2] = {(float)scale, (float)scale};
  R::put(h, gradQ, out, factor, batch, head, first, h.queries);
}

// Grid: key tiles, heads, batch. Rows are keys here, and columns queries.
template <int D> __device__ inline void gradKeyValue(
    const Heads& h, double scale, const bf16* g, const bf16* q, const bf16* k, const bf16* v, const bf16* bias, const bf16* lse,
    const float* delta, bf16* gradK, bf16* gradV) {
  typedef Rows<D> R;
  char* tiles = (char*)sharedBytes;
  float* rows = (float*)(tiles + 6 * R::BYTES);
  float scale2 = (float)scale * LOG2E;
  int head = blockIdx.y, batch = blockIdx.z, from = blockIdx.x * TILE;
  i64 line = (i64)batch * h.heads + head;
  int dense[4] = {h.queries * h.heads * h.dim, h.heads * h.dim, h.dim, 1};
  int start = h.causal ? from : 0;
  R::copy(tiles, k, h.k, batch, head, from, h.keys, h.dim);
  R::copy(tiles + R::BYTES, v, h.v, batch, head, from, h.keys, h.dim);
  auto fetch = [&](int first) {
    int buffer = first / TILE % 2;
    char* pair = tiles + (2 + buffer * 2) * R::BYTES;
    R::copy(pair, q, h.q, batch, head, first, h.queries, h.dim);
    R::copy(pair + R::BYTES, g, dense, batch, head, first, h.queries, h.dim);
    if (threadIdx.x < TILE) {
      int query = first + threadIdx.x;
      rows[buffer * 2 * TILE + threadIdx.x] = bound(h, lse, line, query);
      rows[(buffer * 2 + 1) * TILE + threadIdx.x] = query < h.queries ? delta[line * h.queries + query] : 0.0f;
    }
  };
  if (start < h.queries) fetch(start);
  copyCommit();
  float outK[D / 8][4] = {}, outV[D / 8][4] = {};
  for (int first = start; first < h.queries; first += TILE) {
    if (first + TILE < h.queries) fetch(first + TILE);
    copyCommit();
    copyWait<1>();
    __syncthreads();
    int buffer = first / TILE % 2;
    char* queries = tiles + (2 + buffer * 2) * R::BYTES;
    const float* logSum = rows + buffer * 2 * TILE;
    float p[8][4], ds[8][4];
    u32 x[D / 16][4];
    R::left(x, tiles);
    R::dots(p, x, queries);
    score<true>(h, p, scale2, bias, batch, head, first, from);
#pragma unroll
    for (int n = 0; n < 8; n++) {
#pragma unroll
      for (int e = 0; e < 4; e++) p[n][e] = exp2Fast(p[n][e] - logSum[columnOf(n, e)]);
    }
    R::add(outV, p, queries + R::BYTES);
    R::left(x, tiles + R::BYTES);
    R::dots(ds, x, queries + R::BYTES);
#pragma unroll
    for (int n = 0; n < 8; n++) {
#pragma unroll
      for (int e = 0; e < 4; e++) ds[n][e] = p[n][e] * (ds[n][e] - logSum[TILE + columnOf(n, e)]);
    }
    R::add(outK, ds, queries);
    __syncthreads();
  }
  float factor[2] = {(float)scale, (float)scale}, one[2] = {1, 1};
  R::put(h, gradK, outK, factor, batch, head, from, h.keys);
  R::put(h, gradV, outV, one, batch, head, from, h.keys);
}

extern "C" __global__ void flashDots_bf16(Heads h, int rows, const bf16* g, const bf16* o, float* delta) { rowDots(h, rows, g, o, delta); }
#define FLASH(D) \
  extern "C" __global__ void __launch_bounds__(THREADS) flash##D##_bf16( \
      Heads h, double scale, const bf16* q, const bf16* k, const bf16* v, const bf16* bias, bf16* o, bf16* lse) { \
    forward<D>(h, scale, q, k, v, bias, o, lse); \
  } \
  extern "C" __global__ void __launch_bounds__(THREADS) flashGradQuery##D##_bf16( \
      Heads h, double scale, const bf16* g, const bf16* q, const bf16* k, const bf16* v, const bf16* bias, const bf16* lse, \
      const float* delta, bf16* gradQ, float* scores) { \
    gradQuery<D>(h, scale, g, q, k, v, bias, lse, delta, gradQ, scores); \
  } \
  extern "C" __global__ void __launch_bounds__(THREADS) flashGradKeyValue##D##_bf16( \
      Heads h, double scale, const bf16* g, const bf16* q, const bf16* k, const bf16* v, const bf16* bias, const bf16* lse, \
      const float* delta, bf16* gradK, bf16* gradV) { \
    gradKeyValue<D>(h, scale, g, q, k, v, bias, lse, delta, gradK, gradV); \
  }
FLASH(32)
FLASH(64)
