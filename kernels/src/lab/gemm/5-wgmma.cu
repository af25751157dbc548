// The plainest kernel around wgmma, whose operands stay in shared memory: one thread starts tensor copies into a ring of four stages, two
// warpgroups multiply 64 × 128 elements each. Barriers that count bytes tell when a stage is full, others when it may be filled again.
#include "lab.cuh"

const char* const NAME = "5 wgmma";

#define TILE 128
#define DEPTH 64
#define STAGES 4
#define OPERAND (TILE * DEPTH * 2)

__global__ void __launch_bounds__(384) ring(const __grid_constant__ TensorMap a, const __grid_constant__ TensorMap b, Problem p) {
  extern __shared__ __align__(1024) char stages[];
  __shared__ u64 full[STAGES], empty[STAGES];
  int row = blockIdx.y * TILE, column = blockIdx.x * TILE, slices = (p.k + DEPTH - 1) / DEPTH;
  if (threadIdx.x == 0) {
    for (int i = 0; i < STAGES; i++) {
      barrierInit(full + i, 1);
      barrierInit(empty + i, 2);
    }
    barrierPublish();
  }
  __syncthreads();
  if (threadIdx.x < 128) {
    for (int i = 0; threadIdx.x == 0 && i < slices; i++) {
      char* stage = stages + i % STAGES * 2 * OPERAND;
      barrierWait(empty + i % STAGES, i / STAGES % 2 ^ 1);
      barrierExpect(full + i % STAGES, 2 * OPERAND);
      tensorLoad(stage, &a, full + i % STAGES, i * DEPTH, row, 0);
      tensorLoad(stage + OPERAND, &b, full + i % STAGES, i * DEPTH, column, 0);
    }
    return;
  }
  int team = threadIdx.x / 128 - 1, warp = threadIdx.x / 32 % 4, lane = threadIdx.x % 32;
  float sum[64];
  for (int i = 0; i < slices; i++) {
    u32 stage = sharedAddress(stages + i % STAGES * 2 * OPERAND);
    u64 x = operandAlong(stage + team * OPERAND / 2), y = operandAlong(stage + OPERAND);
    barrierWait(full + i % STAGES, i / STAGES % 2);
    wgmmaFence();
#pragma unroll
    for (int step = 0; step < DEPTH / 16; step++) Wgmma<128>::bf16<0, 0>(sum, x + step * 2, y + step * 2, i + step > 0);
    wgmmaCommit();
    wgmmaWait<0>();
    if (threadIdx.x % 128 == 0) barrierArrive(empty + i % STAGES);
  }
  wgmmaPin(sum);
#pragma unroll
  for (int i = 0; i < 64; i++) {
    int r = row + team * 64 + warp * 16 + lane / 4 + i % 4 / 2 * 8, c = column + i / 4 * 8 + lane % 4 * 2 + i % 2;
    if (r < p.m && c < p.n) store(p.c + (i64)r * p.n + c, sum[i]);
  }
}

void multiply(const Problem& p) {
  const int BYTES = STAGES * 2 * OPERAND;
  CHECK(cudaFuncSetAttribute(ring, cudaFuncAttributeMaxDynamicSharedMemorySize, BYTES));
  ring<<<dim3(tiles(p.n, TILE), tiles(p.m, TILE)), 384, BYTES>>>(mapOf(p.a, p.k, p.m, TILE), mapOf(p.b, p.k, p.n, TILE), p);
}
