// A thread a query, and keys in tiles of 32 that a block shares. One pass: when a larger score comes, the sums so far shrink.
#include "attention.cuh"

const char* const NAME = "2 online";
const bool GOES_BACK = false;

const int TILE = 32;

__global__ void __launch_bounds__(64) online(Problem p) {
  __shared__ float keys[TILE][64], values[TILE][64];
  const Heads& h = p.h;
  int i = blockIdx.x * blockDim.x + threadIdx.x, head = blockIdx.y, b = blockIdx.z, c = threadIdx.x;
  float most = -INFINITY, sum = 0, q[64], out[64] = {};
#pragma unroll
  for (int d = 0; d < 64; d++) q[d] = i < h.queries && d < h.dim ? load(p.q + inQ(h, b, i, head) + d) * (float)p.scale : 0.0f;
  for (int from = 0; from < h.keys; from += TILE) {
    __syncthreads();
    for (int j = 0; j < TILE; j++) {
      bool there = from + j < h.keys && c < h.dim;
      keys[j][c] = there ? load(p.k + inK(h, b, from + j, head) + c) : 0.0f;
      values[j][c] = there ? load(p.v + inV(h, b, from + j, head) + c) : 0.0f;
    }
    __syncthreads();
    for (int j = 0; j < TILE; j++) {
      if (from + j >= h.keys || (h.causal && from + j > i)) break;
      float score = 0;
#pragma unroll
      for (int d = 0; d < 64; d++) score += q[d] * keys[j][d];
      float next = fmaxf(most, score), shrink = __expf(most - next), weight = __expf(score - next);
      most = next;
      sum = sum * shrink + weight;
#pragma unroll
      for (int d = 0; d < 64; d++) out[d] = out[d] * shrink + weight * values[j][d];
    }
  }
  if (i >= h.queries) return;
#pragma unroll
  for (int d = 0; d < 64; d++) {
    if (d < h.dim) store(p.o + dense(h, h.queries, b, i, head) + d, out[d] / sum);
  }
  store(p.lse + ((i64)b * h.heads + head) * h.queries + i, most + logf(sum));
}

void forward(const Problem& p) { online<<<p.grid(p.h.queries, 64), 64>>>(p); }
void backward(const Problem&) {}
