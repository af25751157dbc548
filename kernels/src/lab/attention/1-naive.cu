// A thread a query. Every key is read for every query, and each score is computed twice: for the largest, and for the sums.
#include "attention.cuh"

const char* const NAME = "1 naive";
const bool GOES_BACK = false;

__device__ float scoreOf(const Problem& p, const bf16* q, int b, int j, int head) {
  const bf16* k = p.k + inK(p.h, b, j, head);
  float sum = 0;
  for (int c = 0; c < p.h.dim; c++) sum += load(q + c) * load(k + c);
  return sum * (float)p.scale;
}

__global__ void naive(Problem p) {
  const Heads& h = p.h;
  int i = blockIdx.x * blockDim.x + threadIdx.x, head = blockIdx.y, b = blockIdx.z;
  if (i >= h.queries) return;
  int end = h.causal ? min(h.keys, i + 1) : h.keys;
  const bf16* q = p.q + inQ(h, b, i, head);
  float most = -INFINITY, sum = 0, out[64] = {};
  for (int j = 0; j < end; j++) most = fmaxf(most, scoreOf(p, q, b, j, head));
  for (int j = 0; j < end; j++) {
    float weight = expf(scoreOf(p, q, b, j, head) - most);
    const bf16* v = p.v + inV(h, b, j, head);
    sum += weight;
#pragma unroll
    for (int c = 0; c < 64; c++) {
      if (c < h.dim) out[c] += weight * load(v + c);
    }
  }
#pragma unroll
  for (int c = 0; c < 64; c++) {
    if (c < h.dim) store(p.o + dense(h, h.queries, b, i, head) + c, out[c] / sum);
  }
  store(p.lse + ((i64)b * h.heads + head) * h.queries + i, most + logf(sum));
}

void forward(const Problem& p) { naive<<<p.grid(p.h.queries, 64), 64>>>(p); }
void backward(const Problem&) {}
