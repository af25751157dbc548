// Attention of F32 in large tiles of private memory: no score matrix in memory.
#include "tiles.clh"

inline float larger8(local const float* part) {
  float4 a = *(local const float4*)part, b = *(local const float4*)(part + 4);
  float4 c = fmax(a, b);
  return fmax(fmax(c.s0, c.s1), fmax(c.s2, c.s3));
}

// Grid: query tiles, heads, batch.
GROUP tiledAttention(Heads h, number scale, POINTER(const float, q), POINTER(const float, k), POINTER(const float, v),
    POINTER(const float, bias), POINTER(float, o), POINTER(float, lse)) {
  // Probabilities take the place of keys.
  local float4 sq[QUERIES * CHUNKS], sv[KEYS * CHUNKS];
  local float4 sk[KEYS * CHUNKS > QUERIES * LINE / 4 ? KEYS * CHUNKS : QUERIES * LINE / 4], parts[QUERIES * 2];
  local float* sp = (local float*)sk;
  local float* part = (local float*)parts;
  SHIFT(q);
  SHIFT(k);
  SHIFT(v);
  SHIFT(bias);
  SHIFT(o);
  SHIFT(lse);
  int tx = (int)get_local_id(0) % 8, ty = (int)get_local_id(0) / 8;
  int head = (int)get_group_id(1), batch = (int)get_group_id(2), first = (int)get_group_id(0) * QUERIES;
  int row = ty / 4 * 4 * EACH_Q + ty % 4, query = first + row;
  bool active = query - ty % 4 < h.queries;
  q += (long)batch * h.q[0] + (long)head * h.q[2];
  k += (long)batch * h.k[0] + (long)head * h.k[2];
  v += (long)batch * h.v[0] + (long)head * h.v[2];
  if (h.biased) {
    bias += (long)(batch % h.biased) * h.bias[0] + (long)head * h.bias[1];
  }
  float largest[EACH_Q], sum[EACH_Q];
  float4 out[EACH_Q][MORE];
#pragma unroll
  for (int i = 0; i < EACH_Q; i++) {
    largest[i] = -INFINITY;
    sum[i] = 0;
#pragma unroll
    for (int n = 0; n < MORE; n++) {
      out[i][n] = 0;
    }
  }
  fetch(sq, QUERIES, q, h.q[1], first, h.queries, h.dim);
  int end = h.causal ? min(h.keys, first + QUERIES) : h.keys;
  for (int from = 0; from < end; from += KEYS) {
    float s[EACH_Q][EACH_K];
    barrier(CLK_LOCAL_MEM_FENCE);
    fetch(sk, KEYS, k, h.k[1], from, h.keys, h.dim);
    fetch(sv, KEYS, v, h.v[1], from, h.keys, h.dim);
    barrier(CLK_LOCAL_MEM_FENCE);
    if (active) {
      dots(s, sq, row, sk, tx);
      finishScores(s, &h, (float)scale * LOG2E, bias, query, from + tx);
#pragma unroll
      for (int i = 0; i < EACH_Q; i++) {
        float own = s[i][0];
#pragma unroll
        for (int j = 1; j < EACH_K; j++) {
          own = fmax(own, s[i][j]);
        }
        part[(row + 4 * i) * 8 + tx] = own;
      }
    }
    barrier(CLK_LOCAL_MEM_FENCE);
    if (active) {
#pragma unroll
      for (int i = 0; i < EACH_Q; i++) {
        float next = fmax(largest[i], larger8(part + (row + 4 * i) * 8));
        float base = next == -INFINITY ? 0 : next, shrink = exp2(largest[i] - base);
        largest[i] = next;
        sum[i] *= shrink;
#pragma unroll
        for (int j = 0; j < EACH_K; j++) {
          float p = exp2(s[i][j] - base);
          sum[i] += p;
          sp[(row + 4 * i) * LINE + tx + 8 * j] = p;
        }
#pragma unroll
        for (int n = 0; n < MORE; n++) {
          out[i][n] *= shrink;
        }
      }
    }
    barrier(CLK_LOCAL_MEM_FENCE);
    if (active) {
      addProducts(out, sp, row, sv, tx);
    }
  }
  barrier(CLK_LOCAL_MEM_FENCE);
#pragma unroll
  for (int i = 0; i < EACH_Q; i++) {
    part[(row + 4 * i) * 8 + tx] = sum[i];
  }
  barrier(CLK_LOCAL_MEM_FENCE);
#pragma unroll
  for (int i = 0; i < EACH_Q; i++) {
    float4 four = parts[(row + 4 * i) * 2] + parts[(row + 4 * i) * 2 + 1];
    float total = four.s0 + four.s1 + four.s2 + four.s3, share = total == 0 ? 0 : 1 / total;
    if (query + 4 * i < h.queries) {
      if (tx == 0) {
        lse[((long)batch * h.heads + head) * h.queries + query + 4 * i] = largest[i] * LN2 + log(total);
      }
#pragma unroll
      for (int n = 0; n < MORE; n++) {
        int c = 4 * tx + 32 * n;
        if (c < h.dim) {
          STORE4(o + (((long)batch * h.queries + query + 4 * i) * h.heads + head) * h.dim + c, out[i][n] * share);
        }
      }
    }
  }
}
