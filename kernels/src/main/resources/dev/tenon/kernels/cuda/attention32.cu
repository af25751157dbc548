// Attention of F32 in F32 with up to 64 channels a head, forward and backward: large tiles in registers, read out of shared memory
// four elements at a time. A warp's lanes are 4 rows of 8: a thread has every fourth row and every eighth line or some columns of what
// its warp computes. Sums are in a fixed order.
#include "heads.cuh"
#include "ptx.cuh"

#define THREADS 128
#define WARPS (THREADS / 32)
// Keys that are taken at once; a remainder of up to 8 joins the last of them.
#define KEYS 64
#define MORE_KEYS 72
// Probabilities of a row lie this far from those of the next: lanes that write them, 4 rows of 8, meet different banks.
#define LINE 72
#define LOG2E 1.4426950408889634
#define LN2 0.6931471805599453f

extern __shared__ float4 sharedLines[];

// Where a lane is in its row of 8, and which of the 4 rows that is. Lanes 2n and 2n + 1 are in the same row, and lanes n and n + 2, of
// every four, at the same place: reads of 16 bytes by pairs that share an address take half as long as others.
__device__ inline int place() { return threadIdx.x >> 1 & 6 | threadIdx.x & 1; }
__device__ inline int rowOfLanes() { return threadIdx.x >> 3 & 2 | threadIdx.x >> 1 & 1; }

// How rows of D channels lie in shared memory, in elements: eight neighbouring rows' chunks of one number lie in different banks.
template <int D> struct Row { static const int STRIDE = D + 4; };

// Starts copying `lines` rows of one head from position `from` on; zeros where there are none.
template <int D> __device__ inline void fetch(
    float* tile, int lines, const float* x, i64 step, int from, int positions, int dim) {
  for (int i = threadIdx.x; i < lines * (D / 4); i += THREADS) {
    int line = i / (D / 4), c = i % (D / 4) * 4;
    bool inside = from + line < positions && c < dim;
    copyAsync(tile + line * Row<D>::STRIDE + c, inside ? x + (from + line) * step + c : x, inside ? 16 : 0);
  }
}

// Until all copies have arrived that this thread started.
__device__ inline void awaitCopies() {
  copyCommit();
  copyWait<0>();
}

__device__ inline float4 four(const float* p) { return *(const float4*)p; }

// s[i][j] = row 4i of a times row 8j of b.
template <int D, int R, int J> __device__ inline void dots(float (&s)[R][J], const float* a, const float* b) {
#pragma unroll
  for (int i = 0; i < R; i++) {
#pragma unroll
    for (int j = 0; j < J; j++) s[i][j] = 0;
  }
#pragma unroll 1
  for (int c = 0; c < D; c += 4) {
    float4 x[R];
#pragma unroll
    for (int i = 0; i < R; i++) x[i] = four(a + 4 * i * Row<D>::STRIDE + c);
#pragma unroll
    for (int j = 0; j < J; j++) {
      float4 y = four(b + 8 * j * Row<D>::STRIDE + c);
#pragma unroll
      for (int i = 0; i < R; i++) s[i][j] += x[i].x * y.x;
#pragma unroll
      for (int i = 0; i < R; i++) s[i][j] += x[i].y * y.y;
#pragma unroll
      for (int i = 0; i < R; i++) s[i][j] += x[i].z * y.z;
#pragma unroll
      for (int i = 0; i < R; i++) s[i][j] += x[i].w * y.w;
    }
  }
}

// out[c] += w · the columns c that a thread has of a row.
template <int D> __device__ inline void addRow(float (&out)[D / 8], float w, const float4 (&x)[D / 32]) {
#pragma unroll
  for (int n = 0; n < D / 32; n++) {
    out[4 * n] += w * x[n].x;
    out[4 * n + 1] += w * x[n].y;
    out[4 * n + 2] += w * x[n].z;
    out[4 * n + 3] += w * x[n].w;
  }
}

template <int D> __device__ inline void loadRow(float4 (&x)[D / 32], const float* from) {
#pragma unroll
  for (int n = 0; n < D / 32; n++) x[n] = four(from + 32 * n);
}

// out[i] += row 4i of w, as many elements as x has lines, times x.
template <int D, int R> __device__ inline void addProducts(float (&out)[R][D / 8], const float* w, const float* x, int lines) {
#pragma unroll 1
  for (int line = 0; line < lines; line += 4) {
    float4 a[R];
#pragma unroll
    for (int i = 0; i < R; i++) a[i] = four(w + 4 * i * LINE + line);
#pragma unroll
    for (int n = 0; n < 4; n++) {
      float4 y[D / 32];
      loadRow<D>(y, x + (line + n) * Row<D>::STRIDE);
#pragma unroll
      for (int i = 0; i < R; i++) addRow<D>(out[i], n == 0 ? a[i].x : n == 1 ? a[i].y : n == 2 ? a[i].z : a[i].w, y);
    }
  }
}

// out += the columns w … w + 3 and w + 16 … w + 19, and a ninth, `ninth` elements after w, times x, whose lines are a multiple of four.
template <int D, int N> __device__ inline void addTransposed(
    float (&out)[N][D / 8], const float* w, int ninth, const float* x, int lines) {
#pragma unroll 1
  for (int line = 0; line < lines; line += 4) {
#pragma unroll
    for (int n = 0; n < 4; n++) {
      float4 y[D / 32];
      loadRow<D>(y, x + (line + n) * Row<D>::STRIDE);
#pragma unroll
      for (int i = 0; i < 8; i += 4) {
        float4 a = four(w + (line + n) * LINE + 4 * i);
        addRow<D>(out[i], a.x, y);
        addRow<D>(out[i + 1], a.y, y);
        addRow<D>(out[i + 2], a.z, y);
        addRow<D>(out[i + 3], a.w, y);
      }
      if (N > 8) addRow<D>(out[N - 1], w[(line + n) * LINE + ninth], y);
    }
  }
}

// Adds the bias to scores, which are in units of log 2, and makes those −∞ that a query does not see.
template <int R, int J> __device__ inline void finishScores(
    float (&s)[R][J], const Heads& h, float scale, const float* bias, float* sp, int query, int key, int end) {
#pragma unroll
  for (int i = 0; i < R; i++) {
#pragma unroll
    for (int j = 0; j < J; j++) s[i][j] *= scale;
  }
  if (h.biased) {
    // By way of shared memory, in a loop: unrolled, it would take registers from all other steps.
#pragma unroll
    for (int i = 0; i < R; i++) {
#pragma unroll
      for (int j = 0; j < J; j++) sp[4 * i * LINE + 8 * j] = s[i][j];
    }
#pragma unroll 1
    for (int i = 0; i < R; i++) {
      const float* from = bias + (i64)min(query + 4 * i, h.queries - 1) * h.bias[2];
#pragma unroll
      for (int j = 0; j < J; j++) sp[4 * i * LINE + 8 * j] += from[(i64)min(key + 8 * j, h.keys - 1) * h.bias[3]] * float(LOG2E);
    }
#pragma unroll
    for (int i = 0; i < R; i++) {
#pragma unroll
      for (int j = 0; j < J; j++) s[i][j] = sp[4 * i * LINE + 8 * j];
    }
  }
  if (end - key <= 8 * (J - 1) || h.causal) {
#pragma unroll
    for (int i = 0; i < R; i++) {
#pragma unroll
      for (int j = 0; j < J; j++) {
        if (key + 8 * j >= end || (h.causal && key + 8 * j > query + 4 * i)) s[i][j] = -INFINITY;
      }
    }
  }
}

// Joins the values of a row of lanes.
template <class Op> __device__ inline float alongRow(float value) {
  value = Op::both(value, __shfl_xor_sync(0xffffffffu, value, 8));
  value = Op::both(value, __shfl_xor_sync(0xffffffffu, value, 4));
  return Op::both(value, __shfl_xor_sync(0xffffffffu, value, 1));
}

// The first of two halves of a step of the forward pass: probabilities of this warp's rows to `sp`, and the running sums.
template <int D, int R, int J> __device__ inline void probabilities(
    const Heads& h, float scale, const float* bias, const float* sq, const float* sk, float* sp, int query, int key,
    float (&max)[R], float (&sum)[R], float (&out)[R][D / 8]) {
  float s[R][J];
  dots<D, R, J>(s, sq, sk);
  finishScores<R, J>(s, h, scale, bias, sp, query, key, h.keys);
#pragma unroll
  for (int i = 0; i < R; i++) {
    float next = max[i];
#pragma unroll
    for (int j = 0; j < J; j++) next = fmaxf(next, s[i][j]);
    next = alongRow<Larger>(next);
    float base = next == -INFINITY ? 0 : next, shrink = exp2Fast(max[i] - base);
    max[i] = next;
    sum[i] *= shrink;
#pragma unroll
    for (int j = 0; j < J; j++) {
      float p = exp2Fast(s[i][j] - base);
      sum[i] += p;
      sp[4 * i * LINE + 8 * j] = p;
    }
#pragma unroll
    for (int c = 0; c < D / 8; c++) out[i][c] *= shrink;
  }
}

// Grid: blocks of queries, heads, batch.
template <int D, int R> __device__ inline void forward(
    const Heads& h, double scale, const float* q, const float* k, const float* v, const float* bias, float* o, float* lse) {
  const int QUERIES = 4 * R * WARPS, STRIDE = Row<D>::STRIDE;
  float* sq = (float*)sharedLines;
  float* sk = sq + QUERIES * STRIDE;
  float* sv = sk + MORE_KEYS * STRIDE;
  float* sp = sv + MORE_KEYS * STRIDE;
  int tx = place(), ty = rowOfLanes();
  int head = blockIdx.y, batch = blockIdx.z, first = blockIdx.x * QUERIES;
  // Warps of the last block that have no queries: not always those of the same scheduler.
  int row = (threadIdx.x / 32 + head) % WARPS * 4 * R + ty, query = first + row;
  bool active = query - ty < h.queries;
  q += (i64)batch * h.q[0] + (i64)head * h.q[2];
  k += (i64)batch * h.k[0] + (i64)head * h.k[2];
  v += (i64)batch * h.v[0] + (i64)head * h.v[2];
  if (h.biased) bias += (i64)(batch % h.biased) * h.bias[0] + (i64)head * h.bias[1];
  float max[R], sum[R], out[R][D / 8];
#pragma unroll
  for (int i = 0; i < R; i++) {
    max[i] = -INFINITY;
    sum[i] = 0;
#pragma unroll
    for (int c = 0; c < D / 8; c++) out[i][c] = 0;
  }
  int end = h.causal ? min(h.keys, first + QUERIES) : h.keys;
  int lines = end <= MORE_KEYS ? end : KEYS;
  fetch<D>(sq, min(QUERIES, h.queries - first), q, h.q[1], first, h.queries, h.dim);
  fetch<D>(sk, lines > KEYS ? MORE_KEYS : KEYS, k, h.k[1], 0, h.keys, h.dim);
  for (int from = 0; from < end;) {
    awaitCopies();
    __syncthreads();
    fetch<D>(sv, lines > KEYS ? MORE_KEYS : KEYS, v, h.v[1], from, h.keys, h.dim);
    if (active && lines > KEYS) {
      probabilities<D, R, 9>(h, float(scale * LOG2E), bias, sq + row * STRIDE, sk + tx * STRIDE, sp + row * LINE + tx, query,
          from + tx, max, sum, out);
    } else if (active) {
      probabilities<D, R, 8>(h, float(scale * LOG2E), bias, sq + row * STRIDE, sk + tx * STRIDE, sp + row * LINE + tx, query,
          from + tx, max, sum, out);
    }
    awaitCopies();
    __syncthreads();
    int now = lines;
    from += lines;
    lines = end - from <= MORE_KEYS ? end - from : KEYS;
    if (from < end) fetch<D>(sk, lines > KEYS ? MORE_KEYS : KEYS, k, h.k[1], from, h.keys, h.dim);
    if (active) addProducts<D, R>(out, sp + row * LINE, sv + tx * 4, now);
  }
#pragma unroll
  for (int i = 0; i < R; i++) {
    float total = alongRow<Add>(sum[i]), share = total == 0 ? 0 : 1 / total;
    if (query + 4 * i >= h.queries) continue;
    if (tx == 0) lse[((i64)batch * h.heads + head) * h.queries + query + 4 * i] = max[i] * LN2 + logf(total);
    float* to = o + (((i64)batch * h.queries + query + 4 * i) * h.heads + head) * h.dim;
#pragma unroll
    for (int n = 0; n < D / 32; n++) {
      float4 x = {out[i][4 * n] * share, out[i][4 * n + 1] * share, out[i][4 * n + 2] * share, out[i][4 * n + 3] * share};
      if (tx * 4 + 32 * n < h.dim) *(float4*)(to + tx * 4 + 32 * n) = x;
    }
  }
}

// delta = Σ gradOutput·o for each row; eight threads a row, rows in the order of lse.
__device__ inline void rowDots(const Heads& h, int rows, const float* g, const float* o, float* delta) {
  int row = (blockIdx.x * blockDim.x + threadIdx.x) / 32 * 4 + rowOfLanes(), tx = place();
  float sum = 0;
  if (row < rows) {
    int query = row % h.queries, head = row / h.queries % h.heads, batch = row / h.queries / h.heads;
    i64 at = (((i64)batch * h.queries + query) * h.heads + head) * h.dim;
    for (int c = tx * 4; c < h.dim; c += 32) {
      float4 x = four(g + at + c), y = four(o + at + c);
      sum += x.x * y.x + x.y * y.y + x.z * y.z + x.w * y.w;
    }
  }
  sum = alongRow<Add>(sum);
  if (row < rows && tx == 0) delta[row] = sum;
}

// The steps of the backward pass for one head: where its operands begin, tiles in shared memory, the places of a thread. Two warps
// compute scores and the gradient of v, and at the same time two others the gradients of scores and that of k: so each has tiles
// of 8×8 elements a thread.
template <int D> struct Grad {
  static const int QUERIES = 64, STRIDE = Row<D>::STRIDE;
  Heads h;
  float scale;
  const float *g, *q, *k, *v, *bias, *lse, *delta;
  float *gradQ, *gradK, *gradV, *scores;
  float *sq, *sg, *sk, *sv, *sp, *sd, *slse, *sdelta;
  int tx, ty, warp, half;

  __device__ void start() {
    sq = (float*)sharedLines;
    sg = sq + QUERIES * STRIDE;
    sk = sg + QUERIES * STRIDE;
    sv = sk + MORE_KEYS * STRIDE;
    sp = sv + MORE_KEYS * STRIDE;
    sd = sp + QUERIES * LINE;
    slse = sd + QUERIES * LINE;
    sdelta = slse + QUERIES;
    tx = place();
    ty = rowOfLanes();
    warp = threadIdx.x / 32;
    half = warp / 2;
  }

  // Where this block's head lies in the batch. Read anew each time: kept, the addresses of all operands would fill registers.
  __device__ static int head() {
    int head;
    asm volatile("mov.u32 %0, %%ctaid.y;" : "=r"(head));
    return head;
  }
  __device__ static int batch() {
    int batch;
    asm volatile("mov.u32 %0, %%ctaid.z;" : "=r"(batch));
    return batch;
  }
  __device__ static const float* strided(const float* x, const int* stride) {
    return x + (i64)batch() * stride[0] + (i64)head() * stride[2];
  }
  template <class P> __device__ P* dense(P* x, int positions) const { return x + ((i64)batch() * positions * h.heads + head()) * h.dim; }
  __device__ i64 rows() const { return ((i64)batch() * h.heads + head()) * h.queries; }

  // How many keys are taken at once from one on.
  __device__ int keysFrom(int from) const { return h.keys - from <= MORE_KEYS ? h.keys - from : KEYS; }

  // The first queries that see keys from one on, of those that are taken at once; all, where their gradients have to be begun.
  __device__ int firstQueries(int from, bool begins) const {
    return h.causal && !begins && !scores ? min(from, h.queries - 1) / QUERIES * QUERIES : 0;
  }

  __device__ void fetchQueries(int from) const {
    int lines = (min(QUERIES, h.queries - from) + 7) / 8 * 8;
    lines = lines <= 8 ? 8 : lines <= 32 ? 32 : 64;
    fetch<D>(sq, lines, strided(q, h.q), h.q[1], from, h.queries, h.dim);
    fetch<D>(sg, lines, dense(g, h.queries), h.heads * h.dim, from, h.queries, h.dim);
    if (threadIdx.x < lines) {
      bool inside = from + threadIdx.x < h.queries;
      int n = inside ? from + threadIdx.x : 0;
      copyWord(slse + threadIdx.x, lse + rows() + n, inside);
      copyWord(sdelta + threadIdx.x, delta + rows() + n, inside);
    }
  }
  __device__ void fetchKeys(float* tile, const float* x, const int* stride, int from) const {
    fetch<D>(tile, keysFrom(from) > KEYS ? MORE_KEYS : KEYS, strided(x, stride), stride[1], from, h.keys, h.dim);
  }

  // Copies the gradients of scores of this thread's rows to memory, and scales them.
  template <int R> __device__ void storeScores(int row, int first, int from, int end) const {
#pragma unroll 1
    for (int i = 0; i < R; i++) {
      float* own = sd + (row + 4 * i) * LINE + tx;
      float* to = scores + (rows() + first + row + 4 * i) * h.keys + from + tx;
      bool inside = first + row + 4 * i < h.queries;
#pragma unroll 4
      for (int j = 0; j < end - from - tx; j += 8) {
        float d = own[j];
        if (inside) to[j] = d;
        own[j] = d * scale;
      }
    }
  }

  // One tile of up to 8R queries and 8J keys: the gradients of these queries get their share of these keys, and those of these keys
  // and values that of these queries. The copies of the next step, which takes keys from `nextKeys` on, if any, start as soon as
  // their room is free.
  template <int R, int J> __device__ void tile(
      int first, int from, int end, bool begins, int nextQueries, int nextKeys, float (&acc)[J][D / 8]) {
    int row = 4 * R * (warp % 2) + ty, lines = min(8 * R, (h.queries - first + 3) / 4 * 4);
    {
      float s[R][J];
      dots<D, R, J>(s, (half ? sg : sq) + row * STRIDE, (half ? sv : sk) + tx * STRIDE);
      if (half == 0) {
        const float* ours = h.biased ? bias + (i64)(batch() % h.biased) * h.bias[0] + (i64)head() * h.bias[1] : bias;
        finishScores<R, J>(s, h, scale * float(LOG2E), ours, sp + row * LINE + tx, first + row, from + tx, end);
#pragma unroll
        for (int i = 0; i < R; i++) {
          float sum = slse[row + 4 * i];
          sum = sum == -INFINITY ? INFINITY : sum * float(LOG2E);
#pragma unroll
          for (int j = 0; j < J; j++) sp[(row + 4 * i) * LINE + tx + 8 * j] = exp2Fast(s[i][j] - sum);
        }
      }
      __syncthreads();
      if (half == 1) {
        float factor = scores ? 1 : scale;
#pragma unroll
        for (int i = 0; i < R; i++) {
          float delta = sdelta[row + 4 * i];
#pragma unroll
          for (int j = 0; j < J; j++) {
            s[i][j] = sp[(row + 4 * i) * LINE + tx + 8 * j] * (s[i][j] - delta);
            sd[(row + 4 * i) * LINE + tx + 8 * j] = s[i][j] * factor;
          }
        }
        if (scores) storeScores<R>(row, first, from, end);
      }
      // Only the second half needs it, but one of 64 threads is no faster, and racecheck loses the block's barriers behind it.
      __syncthreads();
    }
    int column = 32 * (warp % 2) + 4 * ty;
    addTransposed<D, J>(acc, (half ? sd : sp) + column, KEYS + 4 * (warp % 2) + ty - column, (half ? sq : sg) + tx * 4, lines);
    const int Q = (R + 1) / 2;
    int own = 4 * Q * warp + ty;
    float out[Q][D / 8];
    i64 step = (i64)h.heads * h.dim;
    float* to = dense(gradQ, h.queries) + (i64)blockIdx.x * gridDim.z * h.queries * step + (first + own) * step + tx * 4;
#pragma unroll
    for (int i = 0; i < Q; i++) {
#pragma unroll
      for (int n = 0; n < D / 32; n++) {
        bool there = !begins && first + own + 4 * i < h.queries && tx * 4 + 32 * n < h.dim;
        float4 x = there ? four(to + 4 * i * step + 32 * n) : float4{0, 0, 0, 0};
        out[i][4 * n] = x.x;
        out[i][4 * n + 1] = x.y;
        out[i][4 * n + 2] = x.z;
        out[i][4 * n + 3] = x.w;
      }
    }
    __syncthreads();
    if (nextQueries >= 0) fetchQueries(nextQueries);
    if (nextKeys >= 0) fetchKeys(sv, v, h.v, nextKeys);
    addProducts<D, Q>(out, sd + own * LINE, sk + tx * 4, 8 * J);
#pragma unroll
    for (int i = 0; i < Q; i++) {
      if (first + own + 4 * i < h.queries) storeRow(to + 4 * i * step, out[i]);
    }
  }

  // A thread's columns of a row.
  __device__ void storeRow(float* to, const float (&x)[D / 8]) const {
#pragma unroll
    for (int n = 0; n < D / 32; n++) {
      if (tx * 4 + 32 * n < h.dim) *(float4*)(to + 32 * n) = {x[4 * n], x[4 * n + 1], x[4 * n + 2], x[4 * n + 3]};
    }
  }

  // Up to 8J keys from position `from` on with all queries; `begins` where these keys are the first that this block takes.
  template <int J> __device__ void keys(int from, int end, bool begins, int nextKeys) {
    float acc[J][D / 8] = {};
    __syncthreads();
    fetchKeys(sk, k, h.k, from);
    for (int first = firstQueries(from, begins); first < h.queries; first += QUERIES) {
      int count = h.queries - first;
      bool last = count <= QUERIES;
      int nextQueries = !last ? first + QUERIES : nextKeys >= 0 ? firstQueries(nextKeys, false) : -1;
      awaitCopies();
      __syncthreads();
      if (count <= 8) {
        tile<1, J>(first, from, end, begins, nextQueries, last ? nextKeys : -1, acc);
      } else if (count <= 32) {
        tile<4, J>(first, from, end, begins, nextQueries, last ? nextKeys : -1, acc);
      } else {
        tile<8, J>(first, from, end, begins, nextQueries, last ? nextKeys : -1, acc);
      }
    }
    float* to = dense(half ? gradK : gradV, h.keys) + tx * 4;
#pragma unroll
    for (int i = 0; i < J; i++) {
      int key = from + (i < 8 ? 32 * (warp % 2) + 4 * ty + i % 4 + i / 4 * 16 : KEYS + 4 * (warp % 2) + ty);
      if (key < end) storeRow(to + (i64)key * h.heads * h.dim, acc[i]);
    }
  }
};

// Grid: parts of the keys, heads, batch. Block x takes tiles x, x + parts, … of the keys, and writes the x-th gradient of q.
template <int D> __device__ inline void backward(
    const Heads& h, double scale, const float* g, const float* q, const float* k, const float* v, const float* bias,
    const float* lse, const float* delta, float* gradQ, float* gradK, float* gradV, float* scores) {
  Grad<D> t = {h, float(scale), g, q, k, v, bias, lse, delta, gradQ, gradK, gradV, scores};
  t.start();
  int begin = blockIdx.x * KEYS, step = gridDim.x * KEYS, last = h.keys <= MORE_KEYS ? 0 : (h.keys - 9) / KEYS * KEYS;
  if (begin > last) return;
  t.fetchKeys(t.sv, v, h.v, begin);
  t.fetchQueries(0);
  for (int from = begin; from <= last; from += step) {
    int end = from + t.keysFrom(from), next = from + step <= last ? from + step : -1;
    if (end - from > KEYS) {
      t.template keys<9>(from, end, from == begin, next);
    } else {
      t.template keys<8>(from, end, from == begin, next);
    }
  }
}

#ifndef LAB
#define FORWARD(D, R, BLOCKS, QUERIES) \
  extern "C" __global__ void __launch_bounds__(128, BLOCKS) attention##D##by##QUERIES##_f32( \
      Heads h, double scale, const float* q, const float* k, const float* v, const float* bias, float* o, float* lse) { \
    forward<D, R>(h, scale, q, k, v, bias, o, lse); \
  }
#define ATTENTION(D) \
  FORWARD(D, 4, 3, 64) \
  FORWARD(D, 7, 2, 112) \
  FORWARD(D, 8, 2, 128) \
  extern "C" __global__ void __launch_bounds__(128, 2) attentionGrad##D##_f32( \
      Heads h, double scale, const float* g, const float* q, const float* k, const float* v, const float* bias, const float* lse, \
      const float* delta, float* gradQ, float* gradK, float* gradV, float* scores) { \
    backward<D>(h, scale, g, q, k, v, bias, lse, delta, gradQ, gradK, gradV, scores); \
  }
ATTENTION(32)
ATTENTION(64)
extern "C" __global__ void rowDots_f32(Heads h, int rows, const float* g, const float* o, float* delta) {
  rowDots(h, rows, g, o, delta);
}
#endif
