// Attention in tiles that stay in local memory: no score matrix in memory.
#include "heads.clh"

REDUCTIONS

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
