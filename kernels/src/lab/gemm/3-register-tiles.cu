// A thread computes 8 × 8 elements in registers: of shared memory it reads 16 numbers for 64 multiplications, no longer 2 for each.
#include "lab.cuh"

const char* const NAME = "3 register tiles";

#define TILE 128
#define DEPTH 16
#define OWN 8
#define STEP 16

__global__ void __launch_bounds__(256) registers(Problem p) {
  __shared__ float a[DEPTH][TILE + 4], b[DEPTH][TILE + 4];
  int row = blockIdx.y * TILE, column = blockIdx.x * TILE, x = threadIdx.x % STEP, y = threadIdx.x / STEP;
  float sum[OWN][OWN] = {};
  for (int k = 0; k < p.k; k += DEPTH) {
    for (int i = 0; i < TILE; i += STEP) {
      bool inside = k + x < p.k;
      a[x][y + i] = inside && row + y + i < p.m ? load(p.a + (i64)(row + y + i) * p.k + k + x) : 0;
      b[x][y + i] = inside && column + y + i < p.n ? load(p.b + (i64)(column + y + i) * p.k + k + x) : 0;
    }
    __syncthreads();
#pragma unroll
    for (int d = 0; d < DEPTH; d++) {
      float u[OWN], v[OWN];
#pragma unroll
      for (int i = 0; i < OWN; i++) {
        u[i] = a[d][y + i * STEP];
        v[i] = b[d][x + i * STEP];
      }
#pragma unroll
      for (int i = 0; i < OWN; i++) {
#pragma unroll
        for (int j = 0; j < OWN; j++) sum[i][j] += u[i] * v[j];
      }
    }
    __syncthreads();
  }
#pragma unroll
  for (int i = 0; i < OWN; i++) {
#pragma unroll
    for (int j = 0; j < OWN; j++) {
      int r = row + y + i * STEP, c = column + x + j * STEP;
      if (r < p.m && c < p.n) store(p.c + (i64)r * p.n + c, sum[i][j]);
    }
  }
}

void multiply(const Problem& p) { registers<<<dim3(tiles(p.n, TILE), tiles(p.m, TILE)), 256>>>(p); }
