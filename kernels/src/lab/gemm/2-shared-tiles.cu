// A block computes 32 × 32 elements and reads its operands, 32 deep at a time, once for all of them: memory is read 32 times less, and
// in whole lines.
#include "lab.cuh"

const char* const NAME = "2 shared tiles";

#define TILE 32

__global__ void __launch_bounds__(TILE * TILE) shared(Problem p) {
  __shared__ float a[TILE][TILE + 1], b[TILE][TILE + 1];
  int x = threadIdx.x, y = threadIdx.y, row = blockIdx.y * TILE + y, column = blockIdx.x * TILE + x;
  int line = blockIdx.x * TILE + y;
  float sum = 0;
  for (int k = 0; k < p.k; k += TILE) {
    bool inside = k + x < p.k;
    a[y][x] = inside && row < p.m ? load(p.a + (i64)row * p.k + k + x) : 0;
    b[y][x] = inside && line < p.n ? load(p.b + (i64)line * p.k + k + x) : 0;
    __syncthreads();
    for (int i = 0; i < TILE; i++) sum += a[y][i] * b[x][i];
    __syncthreads();
  }
  if (row < p.m && column < p.n) store(p.c + (i64)row * p.n + column, sum);
}

void multiply(const Problem& p) { shared<<<dim3(tiles(p.n, TILE), tiles(p.m, TILE)), dim3(TILE, TILE)>>>(p); }
