// The product of every GPU from compute capability 8.0 on: fragments in registers are multiplied by tensor cores (mma.sync) while the
// next three slices arrive (cp.async). A warp's 64 × 64 elements need 4 KiB of shared memory a step, which is what bounds it.
#include "lab.cuh"

#include "tensor.cu"

const char* const NAME = "4 tensor cores";

void multiply(const Problem& p) {
  const int BYTES = STAGES * SLICE * 2 * 128;
  Walk single = {0, 1};
  Result result = {p.m, p.n, 1};
  Product first = {p.k, p.k, p.k}, none = {};
  CHECK(cudaFuncSetAttribute(tensor128kk_bf16, cudaFuncAttributeMaxDynamicSharedMemorySize, BYTES));
  tensor128kk_bf16<<<tiles(p.m, 128) * tiles(p.n, 128), 128, BYTES>>>(single, result, first, p.a, p.b, none, 0, 0, 0, p.c, 0);
}
