// The gradient of attention in tiles that stay in local memory: no score matrix in memory, but for a bias' gradient.
#include "heads.clh"

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
