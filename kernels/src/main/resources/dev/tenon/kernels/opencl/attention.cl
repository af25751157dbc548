// Attention in tiles that stay in local memory, forward and backward: no score matrix in memory (but for a bias' gradient).
// A group of 16×16 items works on QUERIES queries and KEYS keys at a time, as many as local memory has room for, an item on EACH_Q of
// the one and EACH_K of the other; it sums in the compute type and in a fixed order. D is the width of a head's tile: 32, 64 or 128.
REDUCTIONS

#define ITEMS 256
#define EACH_Q (QUERIES / 16)
#define EACH_K (KEYS / 16)
#define ROW (D + 1)
#define SCORES (KEYS + 1)
#define GROUP kernel __attribute__((reqd_work_group_size(ITEMS, 1, 1))) void

// Strides in elements: of q, k and v along batch, position, head and channel; of the bias along batch, head, query and key.
typedef struct {
  int queries, keys, heads, dim, causal, biased;
  int q[4], k[4], v[4], bias[4];
} Heads;

// Rows of one head, from position `from` on, as compute type; zeros where there are none.
inline void fetch(local REAL* tile, int rows, global const ELEMENT* x, int batchStride, int rowStride, int headStride, int stride,
    int batch, int head, int from, int positions, int dim) {
  global const ELEMENT* base = x + (long)batch * batchStride + (long)head * headStride;
  for (int i = (int)get_local_id(0); i < rows * D; i += ITEMS) {
    int row = i / D, c = i % D;
    bool inside = from + row < positions && c < dim;
    tile[row * ROW + c] = inside ? LOAD(base + (long)(from + row) * rowStride + (long)c * stride) : (REAL)0;
  }
}
#define FETCH(tile, rows, x, strides, from, positions) \
  fetch(tile, rows, x, strides[0], strides[1], strides[2], strides[3], batch, head, from, positions, h.dim)

// This item's dot products of rows of a and rows of b.
inline void dots(REAL s[EACH_Q][EACH_K], local const REAL* a, local const REAL* b) {
  int tx = (int)get_local_id(0) % 16, ty = (int)get_local_id(0) / 16;
  for (int i = 0; i < EACH_Q; i++) {
    for (int j = 0; j < EACH_K; j++) {
      s[i][j] = 0;
    }
  }
#pragma unroll 8
  for (int c = 0; c < D; c++) {
    REAL y[EACH_K];
#pragma unroll
    for (int j = 0; j < EACH_K; j++) {
      y[j] = b[(tx + 16 * j) * ROW + c];
    }
#pragma unroll
    for (int i = 0; i < EACH_Q; i++) {
      REAL x = a[(ty * EACH_Q + i) * ROW + c];
#pragma unroll
      for (int j = 0; j < EACH_K; j++) {
        s[i][j] += x * y[j];
      }
    }
  }
}

// The score of a query and a key from their dot product; −∞ where the query does not see the key.
inline REAL score(const Heads* h, REAL dot_, REAL scale, global const ELEMENT* bias, int batch, int head, int query, int key) {
  if (key >= h->keys || query >= h->queries || (h->causal && key > query)) {
    return -INFINITY;
  }
  REAL s = dot_ * scale;
  return h->biased ? s + LOAD(bias + (long)batch * h->bias[0] + (long)head * h->bias[1] + (long)query * h->bias[2]
      + (long)key * h->bias[3]) : s;
}

// Grid: query tiles, heads, batch.
GROUP attention(Heads h, number scale, POINTER(const ELEMENT, q), POINTER(const ELEMENT, k), POINTER(const ELEMENT, v),
    POINTER(const ELEMENT, bias), POINTER(ELEMENT, o), POINTER(ELEMENT, lse)) {
  local REAL sq[QUERIES * ROW], sk[KEYS * ROW], sv[KEYS * ROW], sp[QUERIES * SCORES], sm[QUERIES], ss[QUERIES], sr[QUERIES];
  SHIFT(q);
  SHIFT(k);
  SHIFT(v);
  SHIFT(bias);
  SHIFT(o);
  SHIFT(lse);
  int item = (int)get_local_id(0);
  int tx = item % 16, ty = item / 16;
  int head = (int)get_group_id(1), batch = (int)get_group_id(2), first = (int)get_group_id(0) * QUERIES;
  REAL out[EACH_Q][D / 16];
  for (int i = 0; i < EACH_Q; i++) {
    for (int j = 0; j < D / 16; j++) {
      out[i][j] = 0;
    }
  }
  if (item < QUERIES) {
    sm[item] = -INFINITY;
    ss[item] = 0;
  }
  FETCH(sq, QUERIES, q, h.q, first, h.queries);
  int end = h.causal ? min(h.keys, first + QUERIES) : h.keys;
  for (int from = 0; from < end; from += KEYS) {
    barrier(CLK_LOCAL_MEM_FENCE);
    FETCH(sk, KEYS, k, h.k, from, h.keys);
    FETCH(sv, KEYS, v, h.v, from, h.keys);
    barrier(CLK_LOCAL_MEM_FENCE);
    REAL s[EACH_Q][EACH_K];
    dots(s, sq, sk);
    for (int i = 0; i < EACH_Q; i++) {
      for (int j = 0; j < EACH_K; j++) {
        sp[(ty * EACH_Q + i) * SCORES + tx + 16 * j] =
            score(&h, s[i][j], (REAL)scale, bias, batch, head, first + ty * EACH_Q + i, from + tx + 16 * j);
      }
    }
    barrier(CLK_LOCAL_MEM_FENCE);
    // An item a query: the running largest score and sum, and by how much earlier parts shrink.
    if (item < QUERIES) {
      local REAL* row = sp + item * SCORES;
      REAL largest = sm[item];
      for (int key = 0; key < KEYS; key++) {
        largest = bothLarger(largest, row[key]);
      }
      REAL sum = 0;
      for (int key = 0; key < KEYS; key++) {
        row[key] = largest == -INFINITY ? (REAL)0 : exp(row[key] - largest);
        sum += row[key];
      }
      sr[item] = largest == -INFINITY ? (REAL)1 : exp(sm[item] - largest);
      ss[item] = ss[item] * sr[item] + sum;
      sm[item] = largest;
    }
    barrier(CLK_LOCAL_MEM_FENCE);
    for (int i = 0; i < EACH_Q; i++) {
      REAL shrink = sr[ty * EACH_Q + i];
      for (int j = 0; j < D / 16; j++) {
        out[i][j] *= shrink;
      }
    }
    for (int key = 0; key < KEYS; key++) {
      REAL y[D / 16];
#pragma unroll
      for (int j = 0; j < D / 16; j++) {
        y[j] = sv[key * ROW + tx + 16 * j];
      }
#pragma unroll
      for (int i = 0; i < EACH_Q; i++) {
        REAL p = sp[(ty * EACH_Q + i) * SCORES + key];
#pragma unroll
        for (int j = 0; j < D / 16; j++) {
          out[i][j] += p * y[j];
        }
      }
    }
  }
  barrier(CLK_LOCAL_MEM_FENCE);
  for (int i = 0; i < EACH_Q; i++) {
    int query = first + ty * EACH_Q + i;
    REAL sum = ss[ty * EACH_Q + i];
    if (query < h.queries) {
      if (tx == 0) {
        STORE(lse + ((long)batch * h.heads + head) * h.queries + query, sm[ty * EACH_Q + i] + log(sum));
      }
      for (int j = 0; j < D / 16; j++) {
        int c = tx + 16 * j;
        if (c < h.dim) {
          STORE(o + (((long)batch * h.queries + query) * h.heads + head) * h.dim + c, sum == 0 ? (REAL)0 : out[i][j] / sum);
        }
      }
    }
  }
}

// delta = Σ gradOutput·o for each row; an item a row, rows in the order of lse.
kernel void rowDots(Heads h, int rows, POINTER(const ELEMENT, g), POINTER(const ELEMENT, o), POINTER(REAL, delta)) {
  SHIFT(g);
  SHIFT(o);
  SHIFT(delta);
  FOR_EACH(row, rows) {
    int query = row % h.queries, head = row / h.queries % h.heads, batch = row / h.queries / h.heads;
    long at = (((long)batch * h.queries + query) * h.heads + head) * h.dim;
    REAL sum = 0;
    for (int c = 0; c < h.dim; c++) {
      sum += LOAD(g + at + c) * LOAD(o + at + c);
    }
    delta[row] = sum;
  }
}

// Probabilities and gradients of the scores of a tile, this item's part of them.
inline void gradScores(const Heads* h, REAL scale, local const REAL* sq, local const REAL* sg, local const REAL* sk,
    local const REAL* sv, global const ELEMENT* bias, global const ELEMENT* lse, global const REAL* delta, int batch, int head,
    int first, int from, REAL p[EACH_Q][EACH_K], REAL ds[EACH_Q][EACH_K]) {
  int tx = (int)get_local_id(0) % 16, ty = (int)get_local_id(0) / 16;
  dots(p, sq, sk);
  dots(ds, sg, sv);
  for (int i = 0; i < EACH_Q; i++) {
    int query = first + ty * EACH_Q + i;
    long row = ((long)batch * h->heads + head) * h->queries + min(query, h->queries - 1);
    REAL logSum = LOAD(lse + row);
    for (int j = 0; j < EACH_K; j++) {
      REAL s = score(h, p[i][j], scale, bias, batch, head, query, from + tx + 16 * j);
      p[i][j] = logSum == -INFINITY ? (REAL)0 : exp(s - logSum);
      ds[i][j] = p[i][j] * (ds[i][j] - delta[row]);
    }
  }
}

// Grid: query tiles, heads, batch. `scores` takes the gradient of every score, where a bias wants it.
GROUP gradQuery(Heads h, number scale, POINTER(const ELEMENT, g), POINTER(const ELEMENT, q), POINTER(const ELEMENT, k),
    POINTER(const ELEMENT, v), POINTER(const ELEMENT, bias), POINTER(const ELEMENT, lse), POINTER(const REAL, delta),
    POINTER(ELEMENT, gradQ), POINTER(REAL, scores)) {
  local REAL sq[QUERIES * ROW], sg[QUERIES * ROW], sk[KEYS * ROW], sv[KEYS * ROW], sd[QUERIES * SCORES];
  SHIFT(g);
  SHIFT(q);
  SHIFT(k);
  SHIFT(v);
  SHIFT(bias);
  SHIFT(lse);
  SHIFT(delta);
  SHIFT(gradQ);
  SHIFT(scores);
  int tx = (int)get_local_id(0) % 16, ty = (int)get_local_id(0) / 16;
  int head = (int)get_group_id(1), batch = (int)get_group_id(2), first = (int)get_group_id(0) * QUERIES;
  int dense[4] = {h.queries * h.heads * h.dim, h.heads * h.dim, h.dim, 1};
  REAL out[EACH_Q][D / 16];
  for (int i = 0; i < EACH_Q; i++) {
    for (int j = 0; j < D / 16; j++) {
      out[i][j] = 0;
    }
  }
  FETCH(sq, QUERIES, q, h.q, first, h.queries);
  FETCH(sg, QUERIES, g, dense, first, h.queries);
  int end = h.causal && !scores ? min(h.keys, first + QUERIES) : h.keys;
  for (int from = 0; from < end; from += KEYS) {
    barrier(CLK_LOCAL_MEM_FENCE);
    FETCH(sk, KEYS, k, h.k, from, h.keys);
    FETCH(sv, KEYS, v, h.v, from, h.keys);
    barrier(CLK_LOCAL_MEM_FENCE);
    REAL p[EACH_Q][EACH_K], ds[EACH_Q][EACH_K];
    gradScores(&h, (REAL)scale, sq, sg, sk, sv, bias, lse, delta, batch, head, first, from, p, ds);
    for (int i = 0; i < EACH_Q; i++) {
      int query = first + ty * EACH_Q + i;
      for (int j = 0; j < EACH_K; j++) {
        int key = from + tx + 16 * j;
        sd[(ty * EACH_Q + i) * SCORES + tx + 16 * j] = ds[i][j];
        if (scores && query < h.queries && key < h.keys) {
          scores[(((long)batch * h.heads + head) * h.queries + query) * h.keys + key] = ds[i][j];
        }
      }
    }
    barrier(CLK_LOCAL_MEM_FENCE);
    for (int key = 0; key < KEYS; key++) {
#pragma unroll
      for (int i = 0; i < EACH_Q; i++) {
        REAL d = sd[(ty * EACH_Q + i) * SCORES + key];
#pragma unroll
        for (int j = 0; j < D / 16; j++) {
          out[i][j] += d * sk[key * ROW + tx + 16 * j];
        }
      }
    }
  }
  for (int i = 0; i < EACH_Q; i++) {
    int query = first + ty * EACH_Q + i;
    for (int j = 0; j < D / 16; j++) {
      int c = tx + 16 * j;
      if (query < h.queries && c < h.dim) {
        STORE(gradQ + (((long)batch * h.queries + query) * h.heads + head) * h.dim + c, (REAL)scale * out[i][j]);
      }
    }
  }
}

// Grid: key tiles, heads, batch.
GROUP gradKeyValue(Heads h, number scale, POINTER(const ELEMENT, g), POINTER(const ELEMENT, q), POINTER(const ELEMENT, k),
    POINTER(const ELEMENT, v), POINTER(const ELEMENT, bias), POINTER(const ELEMENT, lse), POINTER(const REAL, delta),
    POINTER(ELEMENT, gradK), POINTER(ELEMENT, gradV)) {
  local REAL sq[QUERIES * ROW], sg[QUERIES * ROW], sk[KEYS * ROW], sv[KEYS * ROW], sd[QUERIES * SCORES], sp[QUERIES * SCORES];
  SHIFT(g);
  SHIFT(q);
  SHIFT(k);
  SHIFT(v);
  SHIFT(bias);
  SHIFT(lse);
  SHIFT(delta);
  SHIFT(gradK);
  SHIFT(gradV);
  int tx = (int)get_local_id(0) % 16, ty = (int)get_local_id(0) / 16;
  int head = (int)get_group_id(1), batch = (int)get_group_id(2), from = (int)get_group_id(0) * KEYS;
  int dense[4] = {h.queries * h.heads * h.dim, h.heads * h.dim, h.dim, 1};
  REAL outK[EACH_K][D / 16], outV[EACH_K][D / 16];
  for (int i = 0; i < EACH_K; i++) {
    for (int j = 0; j < D / 16; j++) {
      outK[i][j] = outV[i][j] = 0;
    }
  }
  FETCH(sk, KEYS, k, h.k, from, h.keys);
  FETCH(sv, KEYS, v, h.v, from, h.keys);
  for (int first = h.causal ? from / QUERIES * QUERIES : 0; first < h.queries; first += QUERIES) {
    barrier(CLK_LOCAL_MEM_FENCE);
    FETCH(sq, QUERIES, q, h.q, first, h.queries);
    FETCH(sg, QUERIES, g, dense, first, h.queries);
    barrier(CLK_LOCAL_MEM_FENCE);
    REAL p[EACH_Q][EACH_K], ds[EACH_Q][EACH_K];
    gradScores(&h, (REAL)scale, sq, sg, sk, sv, bias, lse, delta, batch, head, first, from, p, ds);
    for (int i = 0; i < EACH_Q; i++) {
      for (int j = 0; j < EACH_K; j++) {
        sd[(ty * EACH_Q + i) * SCORES + tx + 16 * j] = ds[i][j];
        sp[(ty * EACH_Q + i) * SCORES + tx + 16 * j] = p[i][j];
      }
    }
    barrier(CLK_LOCAL_MEM_FENCE);
    for (int query = 0; query < QUERIES; query++) {
#pragma unroll
      for (int i = 0; i < EACH_K; i++) {
        REAL d = sd[query * SCORES + ty * EACH_K + i];
        REAL w = sp[query * SCORES + ty * EACH_K + i];
#pragma unroll
        for (int j = 0; j < D / 16; j++) {
          outK[i][j] += d * sq[query * ROW + tx + 16 * j];
          outV[i][j] += w * sg[query * ROW + tx + 16 * j];
        }
      }
    }
  }
  for (int i = 0; i < EACH_K; i++) {
    int key = from + ty * EACH_K + i;
    for (int j = 0; j < D / 16; j++) {
      int c = tx + 16 * j;
      if (key < h.keys && c < h.dim) {
        long at = (((long)batch * h.keys + key) * h.heads + head) * h.dim + c;
        STORE(gradK + at, (REAL)scale * outK[i][j]);
        STORE(gradV + at, outV[i][j]);
      }
    }
  }
}
