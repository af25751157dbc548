// Attention in tiles that stay in shared memory, forward and backward: no score matrix in memory (but for a bias' gradient).
// A block of 16×16 threads works on 64 queries and 32 keys at a time; it sums in the compute type and in a fixed order.
#include "heads.cuh"
#include "tenon.cuh"

#define THREADS 256
#define QUERIES 64
#define KEYS 32

extern __shared__ double sharedBytes[];

// Rows of one head, from position `from` on, as compute type; zeros where there are none.
template <class T, class C, int D> __device__ inline void fetch(
    C* tile, int rows, const T* x, const int* stride, int batch, int head, int from, int positions, int dim) {
  const T* base = x + (i64)batch * stride[0] + (i64)head * stride[2];
  for (int i = threadIdx.x; i < rows * D; i += THREADS) {
    int row = i / D, c = i % D;
    bool inside = from + row < positions && c < dim;
    tile[row * (D + 1) + c] = inside ? load(base + (i64)(from + row) * stride[1] + (i64)c * stride[3]) : C(0);
  }
}

// This thread's 4×2 dot products of rows of a and rows of b.
template <class C, int D> __device__ inline void dots(C (&s)[4][2], const C* a, const C* b) {
  int tx = threadIdx.x % 16, ty = threadIdx.x / 16;
  for (int i = 0; i < 4; i++) {
    s[i][0] = s[i][1] = 0;
  }
#pragma unroll 8
  for (int c = 0; c < D; c++) {
    C y0 = b[tx * (D + 1) + c], y1 = b[(tx + 16) * (D + 1) + c];
#pragma unroll
    for (int i = 0; i < 4; i++) {
      C x = a[(ty * 4 + i) * (D + 1) + c];
      s[i][0] += x * y0;
      s[i][1] += x * y1;
    }
  }
}

// The score of a query and a key from their dot product; −∞ where the query does not see the key.
template <class T, class C> __device__ inline C score(
    const Heads& h, C dot, double scale, const T* bias, int batch, int head, int query, int key) {
  if (key >= h.keys || query >= h.queries || (h.causal && key > query)) {
    return -INFINITY;
  }
  C s = dot * C(scale);
  return h.biased ? s + load(bias + (i64)(batch % h.biased) * h.bias[0] + (i64)head * h.bias[1] + (i64)query * h.bias[2]
      + (i64)key * h.bias[3]) : s;
}

template <class C> __device__ inline C probability(C score, C lse) {
  return lse == -INFINITY ? C(0) : exp(score - lse);
}

template <class Op, class C> __device__ inline C alongRow(C value) {
  for (int s = 8; s > 0; s >>= 1) {
    value = Op::both(value, __shfl_xor_sync(0xffffffffu, value, s));
  }
  return value;
}

// Grid: query tiles, heads, batch.
template <class T, int D> __device__ inline void forward(
    const Heads& h, double scale, const T* q, const T* k, const T* v, const T* bias, T* o, T* lse) {
  typedef COMPUTE(T) C;
  C* sq = (C*)sharedBytes;
  C* sk = sq + QUERIES * (D + 1);
  C* sv = sk + KEYS * (D + 1);
  C* sp = sv + KEYS * (D + 1);
  int tx = threadIdx.x % 16, ty = threadIdx.x / 16;
  int head = blockIdx.y, batch = blockIdx.z, first = blockIdx.x * QUERIES;
  C max[4], sum[4], out[4][D / 16];
#pragma unroll
  for (int i = 0; i < 4; i++) {
    max[i] = -INFINITY;
    sum[i] = 0;
#pragma unroll
    for (int j = 0; j < D / 16; j++) {
      out[i][j] = 0;
    }
  }
  fetch<T, C, D>(sq, QUERIES, q, h.q, batch, head, first, h.queries, h.dim);
  int end = h.causal ? min(h.keys, first + QUERIES) : h.keys;
  for (int from = 0; from < end; from += KEYS) {
    __syncthreads();
    fetch<T, C, D>(sk, KEYS, k, h.k, batch, head, from, h.keys, h.dim);
    fetch<T, C, D>(sv, KEYS, v, h.v, batch, head, from, h.keys, h.dim);
    __syncthreads();
    C s[4][2];
    dots<C, D>(s, sq, sk);
#pragma unroll
    for (int i = 0; i < 4; i++) {
      int row = ty * 4 + i;
#pragma unroll
      for (int j = 0; j < 2; j++) {
        s[i][j] = score<T, C>(h, s[i][j], scale, bias, batch, head, first + row, from + tx + 16 * j);
      }
      C next = Larger::both(max[i], alongRow<Larger>(Larger::both(s[i][0], s[i][1])));
      C shrink = next == -INFINITY ? C(1) : exp(max[i] - next);
      C p0 = next == -INFINITY ? C(0) : exp(s[i][0] - next);
      C p1 = next == -INFINITY ? C(0) : exp(s[i][1] - next);
      sum[i] = sum[i] * shrink + alongRow<Add>(p0 + p1);
      max[i] = next;
      sp[row * (KEYS + 1) + tx] = p0;
      sp[row * (KEYS + 1) + tx + 16] = p1;
#pragma unroll
      for (int j = 0; j < D / 16; j++) {
        out[i][j] *= shrink;
      }
    }
    __syncwarp();
#pragma unroll 4
    for (int key = 0; key < KEYS; key++) {
      C y[D / 16];
#pragma unroll
      for (int j = 0; j < D / 16; j++) {
        y[j] = sv[key * (D + 1) + tx + 16 * j];
      }
#pragma unroll
      for (int i = 0; i < 4; i++) {
        C p = sp[(ty * 4 + i) * (KEYS + 1) + key];
#pragma unroll
        for (int j = 0; j < D / 16; j++) {
          out[i][j] += p * y[j];
        }
      }
    }
  }
#pragma unroll
  for (int i = 0; i < 4; i++) {
    int query = first + ty * 4 + i;
    if (query >= h.queries) {
      continue;
    }
    if (tx == 0) {
      store(lse + ((i64)batch * h.heads + head) * h.queries + query, max[i] + log(sum[i]));
    }
#pragma unroll
    for (int j = 0; j < D / 16; j++) {
      int c = tx + 16 * j;
      if (c < h.dim) {
        store(o + (((i64)batch * h.queries + query) * h.heads + head) * h.dim + c, sum[i] == 0 ? C(0) : out[i][j] / sum[i]);
      }
    }
  }
}

// delta = Σ gradOutput·o for each row; a thread a row, rows in the order of lse.
template <class T> __device__ inline void rowDots(const Heads& h, int rows, const T* g, const T* o, COMPUTE(T)* delta) {
  int row = blockIdx.x * blockDim.x + threadIdx.x;
  if (row >= rows) return;
  int query = row % h.queries, head = row / h.queries % h.heads, batch = row / h.queries / h.heads;
  i64 at = (((i64)batch * h.queries + query) * h.heads + head) * h.dim;
  COMPUTE(T) sum = 0;
  for (int c = 0; c < h.dim; c++) {
    sum += load(g + at + c) * load(o + at + c);
  }
  delta[row] = sum;
}

// Probabilities and gradients of the scores of a tile, this thread's 4×2 of them.
template <class T, class C, int D> __device__ inline void gradScores(
    const Heads& h, double scale, const C* sq, const C* sg, const C* sk, const C* sv, const T* bias, const T* lse,
    const C* delta, int batch, int head, int first, int from, C (&p)[4][2], C (&ds)[4][2]) {
  int tx = threadIdx.x % 16, ty = threadIdx.x / 16;
  dots<C, D>(p, sq, sk);
  dots<C, D>(ds, sg, sv);
#pragma unroll
  for (int i = 0; i < 4; i++) {
    int query = first + ty * 4 + i;
    i64 row = ((i64)batch * h.heads + head) * h.queries + min(query, h.queries - 1);
    C logSum = load(lse + row);
#pragma unroll
    for (int j = 0; j < 2; j++) {
      p[i][j] = probability(score<T, C>(h, p[i][j], scale, bias, batch, head, query, from + tx + 16 * j), logSum);
      ds[i][j] = p[i][j] * (ds[i][j] - delta[row]);
    }
  }
}

// Grid: query tiles, heads, batch. `scores` takes the gradient of every score, where a bias wants it.
template <class T, int D> __device__ inline void gradQuery(
    const Heads& h, double scale, const T* g, const T* q, const T* k, const T* v, const T* bias, const T* lse,
    const COMPUTE(T)* delta, T* gradQ, COMPUTE(T)* scores) {
  typedef COMPUTE(T) C;
  C* sq = (C*)sharedBytes;
  C* sg = sq + QUERIES * (D + 1);
  C* sk = sg + QUERIES * (D + 1);
  C* sv = sk + KEYS * (D + 1);
  C* sd = sv + KEYS * (D + 1);
  int tx = threadIdx.x % 16, ty = threadIdx.x / 16;
  int head = blockIdx.y, batch = blockIdx.z, first = blockIdx.x * QUERIES;
  int dense[4] = {h.queries * h.heads * h.dim, h.heads * h.dim, h.dim, 1};
  C out[4][D / 16] = {};
  fetch<T, C, D>(sq, QUERIES, q, h.q, batch, head, first, h.queries, h.dim);
  fetch<T, C, D>(sg, QUERIES, g, dense, batch, head, first, h.queries, h.dim);
  int end = h.causal && !scores ? min(h.keys, first + QUERIES) : h.keys;
  for (int from = 0; from < end; from += KEYS) {
    __syncthreads();
    fetch<T, C, D>(sk, KEYS, k, h.k, batch, head, from, h.keys, h.dim);
    fetch<T, C, D>(sv, KEYS, v, h.v, batch, head, from, h.keys, h.dim);
    __syncthreads();
    C p[4][2], ds[4][2];
    gradScores<T, C, D>(h, scale, sq, sg, sk, sv, bias, lse, delta, batch, head, first, from, p, ds);
#pragma unroll
    for (int i = 0; i < 4; i++) {
      int query = first + ty * 4 + i;
#pragma unroll
      for (int j = 0; j < 2; j++) {
        int key = from + tx + 16 * j;
        sd[(ty * 4 + i) * (KEYS + 1) + tx + 16 * j] = ds[i][j];
        if (scores && query < h.queries && key < h.keys) {
          scores[(((i64)batch * h.heads + head) * h.queries + query) * h.keys + key] = ds[i][j];
        }
      }
    }
    __syncwarp();
#pragma unroll 4
    for (int key = 0; key < KEYS; key++) {
#pragma unroll
      for (int i = 0; i < 4; i++) {
        C d = sd[(ty * 4 + i) * (KEYS + 1) + key];
#pragma unroll
        for (int j = 0; j < D / 16; j++) {
          out[i][j] += d * sk[key * (D + 1) + tx + 16 * j];
        }
      }
    }
  }
#pragma unroll
  for (int i = 0; i < 4; i++) {
    int query = first + ty * 4 + i;
#pragma unroll
    for (int j = 0; j < D / 16; j++) {
      int c = tx + 16 * j;
      if (query < h.queries && c < h.dim) {
        store(gradQ + (((i64)batch * h.queries + query) * h.heads + head) * h.dim + c, C(scale) * out[i][j]);
      }
    }
  }
}

// Grid: key tiles, heads, batch.
template <class T, int D> __device__ inline void gradKeyValue(
    const Heads& h, double scale, const T* g, const T* q, const T* k, const T* v, const T* bias, const T* lse,
    const COMPUTE(T)* delta, T* gradK, T* gradV) {
  typedef COMPUTE(T) C;
  C* sq = (C*)sharedBytes;
  C* sg = sq + QUERIES * (D + 1);
  C* sk = sg + QUERIES * (D + 1);
  C* sv = sk + KEYS * (D + 1);
  C* sd = sv + KEYS * (D + 1);
  C* sp = sd + QUERIES * (KEYS + 1);
  int tx = threadIdx.x % 16, ty = threadIdx.x / 16;
  int head = blockIdx.y, batch = blockIdx.z, from = blockIdx.x * KEYS;
  int dense[4] = {h.queries * h.heads * h.dim, h.heads * h.dim, h.dim, 1};
  C outK[2][D / 16] = {}, outV[2][D / 16] = {};
  fetch<T, C, D>(sk, KEYS, k, h.k, batch, head, from, h.keys, h.dim);
  fetch<T, C, D>(sv, KEYS, v, h.v, batch, head, from, h.keys, h.dim);
  for (int first = h.causal ? from / QUERIES * QUERIES : 0; first < h.queries; first += QUERIES) {
    __syncthreads();
    fetch<T, C, D>(sq, QUERIES, q, h.q, batch, head, first, h.queries, h.dim);
    fetch<T, C, D>(sg, QUERIES, g, dense, batch, head, first, h.queries, h.dim);
    __syncthreads();
    C p[4][2], ds[4][2];
    gradScores<T, C, D>(h, scale, sq, sg, sk, sv, bias, lse, delta, batch, head, first, from, p, ds);
#pragma unroll
    for (int i = 0; i < 4; i++) {
#pragma unroll
      for (int j = 0; j < 2; j++) {
        sd[(ty * 4 + i) * (KEYS + 1) + tx + 16 * j] = ds[i][j];
        sp[(ty * 4 + i) * (KEYS + 1) + tx + 16 * j] = p[i][j];
      }
    }
    __syncthreads();
#pragma unroll 4
    for (int query = 0; query < QUERIES; query++) {
#pragma unroll
      for (int i = 0; i < 2; i++) {
        C d = sd[query * (KEYS + 1) + ty * 2 + i];
        C w = sp[query * (KEYS + 1) + ty * 2 + i];
#pragma unroll
        for (int j = 0; j < D / 16; j++) {
          outK[i][j] += d * sq[query * (D + 1) + tx + 16 * j];
          outV[i][j] += w * sg[query * (D + 1) + tx + 16 * j];
        }
      }
    }
  }
#pragma unroll
  for (int i = 0; i < 2; i++) {
    int key = from + ty * 2 + i;
#pragma unroll
    for (int j = 0; j < D / 16; j++) {
      int c = tx + 16 * j;
      if (key < h.keys && c < h.dim) {
        i64 at = (((i64)batch * h.keys + key) * h.heads + head) * h.dim + c;
        store(gradK + at, C(scale) * outK[i][j]);
        store(gradV + at, outV[i][j]);
      }
    }
  }
}

#define ATTENTION(D, T, SUFFIX) \
  extern "C" __global__ void __launch_bounds__(THREADS, 1) attention##D##_##SUFFIX( \
      Heads h, double scale, const T* q, const T* k, const T* v, const T* bias, T* o, T* lse) { \
    forward<T, D>(h, scale, q, k, v, bias, o, lse); \
  } \
  extern "C" __global__ void __launch_bounds__(THREADS, 1) gradQuery##D##_##SUFFIX( \
      Heads h, double scale, const T* g, const T* q, const T* k, const T* v, const T* bias, const T* lse, \
      const Compute<T>::type* delta, T* gradQ, Compute<T>::type* scores) { \
    gradQuery<T, D>(h, scale, g, q, k, v, bias, lse, delta, gradQ, scores); \
  } \
  extern "C" __global__ void __launch_bounds__(THREADS, 1) gradKeyValue##D##_##SUFFIX( \
      Heads h, double scale, const T* g, const T* q, const T* k, const T* v, const T* bias, const T* lse, \
      const Compute<T>::type* delta, T* gradK, T* gradV) { \
    gradKeyValue<T, D>(h, scale, g, q, k, v, bias, lse, delta, gradK, gradV); \
  }
#define SIZES(NAME, T, SUFFIX) \
  ATTENTION(32, T, SUFFIX) \
  ATTENTION(64, T, SUFFIX) \
  ATTENTION(128, T, SUFFIX) \
  ATTENTION(160, T, SUFFIX) \
  extern "C" __global__ void rowDots_##SUFFIX(Heads h, int rows, const T* g, const T* o, Compute<T>::type* delta) { \
    rowDots(h, rows, g, o, delta); \
  }
FOR_TYPE(SIZES, _)
