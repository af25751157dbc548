// A thread an element. Every operand comes from memory, or from a cache at best, for each multiplication.
#include "lab.cuh"

const char* const NAME = "1 naive";

__global__ void naive(Problem p) {
  int column = blockIdx.x * 32 + threadIdx.x, row = blockIdx.y * 8 + threadIdx.y;
  if (row >= p.m || column >= p.n) return;
  float sum = 0;
  for (int k = 0; k < p.k; k++) sum += load(p.a + (i64)row * p.k + k) * load(p.b + (i64)column * p.k + k);
  store(p.c + (i64)row * p.n + column, sum);
}

void multiply(const Problem& p) { naive<<<dim3(tiles(p.n, 32), tiles(p.m, 8)), dim3(32, 8)>>>(p); }
