// The gradient of attention of F32 in large tiles of private memory: no score matrix in memory, but for a bias' gradient.
#include "tiles.clh"

// delta = Σ gradOutput·o for each row; eight items a row, rows in the order of lse.
kernel __attribute__((reqd_work_group_size(256, 1, 1))) void rowDots(Heads h, int rows, POINTER(const float, g), POINTER(const float, o),
    POINTER(float, delta)) {
  local float part[256];
  SHIFT(g);
  SHIFT(o);
  SHIFT(delta);
  int item = (int)get_local_id(0), row = (int)get_global_id(0) / 8;
  float sum = 0;
  if (row < rows) {
    int query = row % h.queries, head = row / h.queries % h.heads, batch = row / h.queries / h.heads;
    long at = (((long)batch * h.queries + query) * h.heads + head) * h.dim;
    for (int c = item % 8 * 4; c < h.dim; c += 32) {
      sum += dot(LOAD4(g + at + c), LOAD4(o + at + c));
    }
  }
  part[item] = sum;
  barrier(CLK_LOCAL_MEM_FENCE);
  if (row < rows && item % 8 == 0) {
    for (int i = 1; i < 8; i++) {
      sum += part[item + i];
    }
    delta[row] = sum;
  }
}

// out += this item's columns of w, transposed, times the tile x, which has QUERIES rows. Four neighbouring columns, from 4·ty on, then
// those 32 further on, and so on; what remains of EACH_K, one by one.
inline void addTransposed(float4 out[EACH_K][MORE], local const float* w, local const float4* x, int tx, int ty) {
#pragma unroll 4
  for (int row = 0; row < QUERIES; row++) {
    float4 y[MORE];
    loadRow(y, x, row, tx);
#pragma unroll
    for (int j = 0; j < EACH_K / 4; j++) {
      float4 a = *(local const float4*)(w + row * LINE + 4 * ty + 32 * j);
#pragma unroll
      for (int n = 0; n < MORE; n++) {
        out[4 * j][n] += a.s0 * y[n];
        out[4 * j + 1][n] += a.s1 * y[n];
        out[4 * j + 2][n] += a.s2 * y[n];
        out[4 * j + 3][n] += a.s3 * y[n];
      }
    }
#pragma unroll
    for (int j = EACH_K / 4 * 4; j < EACH_K; j++) {
      float a = w[row * LINE + ty + 8 * j];
#pragma unroll
      for (int n = 0; n < MORE; n++) {
        out[j][n] += a * y[n];
      }
    }
  }
}

// Grid: parts of the keys, heads, batch. Group x takes tiles x, x + parts, … of the keys, and writes the x-th gradient of q.
GROUP tiledAttentionGrad(Heads h, number scale, POINTER(const float, g), POINTER(const float, q), POINTER(const float, k),
    POINTER(const float, v), POINTER(const float, bias), POINTER(const float, lse), POINTER(const float, delta),
    POINTER(float, gradQ), POINTER(float, gradK), POINTER(float, gradV), POINTER(float, scores)) {
  local float4 sq[QUERIES * CHUNKS], sg[QUERIES * CHUNKS], sk[KEYS * CHUNKS], sv[KEYS * CHUNKS], lines[QUERIES * LINE / 4];
  local float slse[QUERIES], sdelta[QUERIES];
  local float* sp = (local float*)lines;
  SHIFT(g);
  SHIFT(q);
  SHIFT(k);
  SHIFT(v);
  SHIFT(bias);
  SHIFT(lse);
  SHIFT(delta);
  SHIFT(gradQ);
  SHIFT(gradK);
  SHIFT(gradV);
  SHIFT(scores);
  int item = (int)get_local_id(0), tx = item % 8, ty = item / 8, row = ty / 4 * 4 * EACH_Q + ty % 4;
  int head = (int)get_group_id(1), batch = (int)get_group_id(2), step = h.heads * h.dim;
  q += (long)batch * h.q[0] + (long)head * h.q[2];
  k += (long)batch * h.k[0] + (long)head * h.k[2];
  v += (long)batch * h.v[0] + (long)head * h.v[2];
  if (h.biased) {
    bias += (long)(batch % h.biased) * h.bias[0] + (long)head * h.bias[1];
  }
  g += ((long)batch * h.queries * h.heads + head) * h.dim;
  gradQ += (((long)get_group_id(0) * get_num_groups(2) + batch) * h.queries * h.heads + head) * h.dim;
  gradK += ((long)batch * h.keys * h.heads + head) * h.dim;
  gradV += ((long)batch * h.keys * h.heads + head) * h.dim;
  long rows = ((long)batch * h.heads + head) * h.queries;
  int begin = (int)get_group_id(0) * KEYS;
  for (int from = begin; from < h.keys; from += (int)get_num_groups(0) * KEYS) {
    float4 outK[EACH_K][MORE], outV[EACH_K][MORE];
#pragma unroll
    for (int j = 0; j < EACH_K; j++) {
#pragma unroll
      for (int n = 0; n < MORE; n++) {
        outK[j][n] = outV[j][n] = 0;
      }
    }
    barrier(CLK_LOCAL_MEM_FENCE);
    fetch(sk, KEYS, k, h.k[1], from, h.keys, h.dim);
    fetch(sv, KEYS, v, h.v[1], from, h.keys, h.dim);
    // All queries where their gradients have to be begun.
    bool all = from == begin || !h.causal || scores;
    for (int first = all ? 0 : min(from, h.queries - 1) / QUERIES * QUERIES; first < h.queries; first += QUERIES) {
      float p[EACH_Q][EACH_K], ds[EACH_Q][EACH_K];
      barrier(CLK_LOCAL_MEM_FENCE);
      fetch(sq, QUERIES, q, h.q[1], first, h.queries, h.dim);
      fetch(sg, QUERIES, g, step, first, h.queries, h.dim);
      if (item < QUERIES) {
        float sum = lse[rows + min(first + item, h.queries - 1)];
        slse[item] = sum == -INFINITY || first + item >= h.queries ? INFINITY : sum * LOG2E;
        sdelta[item] = delta[rows + min(first + item, h.queries - 1)];
      }
      barrier(CLK_LOCAL_MEM_FENCE);
      dots(p, sq, row, sk, tx);
      finishScores(p, &h, (float)scale * LOG2E, bias, first + row, from + tx);
#pragma unroll
      for (int i = 0; i < EACH_Q; i++) {
        float sum = slse[row + 4 * i];
#pragma unroll
        for (int j = 0; j < EACH_K; j++) {
          p[i][j] = exp2(p[i][j] - sum);
          sp[(row + 4 * i) * LINE + tx + 8 * j] = p[i][j];
        }
      }
      dots(ds, sg, row, sv, tx);
#pragma unroll
      for (int i = 0; i < EACH_Q; i++) {
        float sum = sdelta[row + 4 * i];
#pragma unroll
        for (int j = 0; j < EACH_K; j++) {
          ds[i][j] = p[i][j] * (ds[i][j] - sum);
        }
      }
      barrier(CLK_LOCAL_MEM_FENCE);
      addTransposed(outV, sp, sg, tx, ty);
      barrier(CLK_LOCAL_MEM_FENCE);
#pragma unroll
      for (int i = 0; i < EACH_Q; i++) {
#pragma unroll
        for (int j = 0; j < EACH_K; j++) {
          sp[(row + 4 * i) * LINE + tx + 8 * j] = ds[i][j] * (float)scale;
        }
      }
      if (scores) {
#pragma unroll
        for (int i = 0; i < EACH_Q; i++) {
#pragma unroll
          for (int j = 0; j < EACH_K; j++) {
            if (first + row + 4 * i < h.queries && from + tx + 8 * j < h.keys) {
              scores[(rows + first + row + 4 * i) * h.keys + from + tx + 8 * j] = ds[i][j];
            }
          }
        }
      }
      barrier(CLK_LOCAL_MEM_FENCE);
      addTransposed(outK, sp, sq, tx, ty);
      float4 out[EACH_Q][MORE];
      global float* to = gradQ + (long)(first + row) * step + 4 * tx;
#pragma unroll
      for (int i = 0; i < EACH_Q; i++) {
#pragma unroll
        for (int n = 0; n < MORE; n++) {
          bool there = from != begin && first + row + 4 * i < h.queries && 4 * tx + 32 * n < h.dim;
          out[i][n] = there ? LOAD4(to + 4 * i * step + 32 * n) : (float4)(0);
        }
      }
      addProducts(out, sp, row, sk, tx);
#pragma unroll
      for (int i = 0; i < EACH_Q; i++) {
#pragma unroll
        for (int n = 0; n < MORE; n++) {
          if (first + row + 4 * i < h.queries && 4 * tx + 32 * n < h.dim) {
            STORE4(to + 4 * i * step + 32 * n, out[i][n]);
          }
        }
      }
    }
#pragma unroll
    for (int j = 0; j < EACH_K; j++) {
      int key = from + (j < EACH_K / 4 * 4 ? 4 * ty + 32 * (j / 4) + j % 4 : ty + 8 * j);
#pragma unroll
      for (int n = 0; n < MORE; n++) {
        if (key < h.keys && 4 * tx + 32 * n < h.dim) {
          STORE4(gradK + (long)key * step + 4 * tx + 32 * n, outK[j][n]);
          STORE4(gradV + (long)key * step + 4 * tx + 32 * n, outV[j][n]);
        }
      }
    }
  }
}
