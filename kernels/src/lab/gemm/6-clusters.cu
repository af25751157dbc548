// The product of compute capability 9.0 that the CUDA backend launches: larger tiles, two blocks that fetch B together, blocks that
// stay and go from tile to tile, and stores by tensor copies while the next tile is multiplied.
#include "lab.cuh"

#include "hopper.cu"

const char* const NAME = "6 clusters";

void multiply(const Problem& p) {
  typedef Shape<bf16, 256> S;
  const int BYTES = S::BARRIERS + 2 * S::STAGES * sizeof(u64);
  int units;
  CHECK(cudaDeviceGetAttribute(&units, cudaDevAttrMultiProcessorCount, 0));
  TensorMap a = mapOf(p.a, p.k, p.m, LINES), b = mapOf(p.b, p.k, p.n, LINES);
  bool boxes = p.n % 8 == 0;
  Maps maps = {a, b, a, b, boxes ? mapOf(p.c, p.n, p.m, LINES) : a};
  Task task = {p.m, p.n, 1, 1, tiles(p.k, S::DEPTH), p.k, 0, 0, 0, boxes, 0};
  CHECK(cudaFuncSetAttribute(hopper256kk_bf16, cudaFuncAttributeMaxDynamicSharedMemorySize, BYTES));
  int pieces = tiles(p.m, CLUSTER * ROWS) * tiles(p.n, 256);
  hopper256kk_bf16<<<CLUSTER * std::min(pieces, units / CLUSTER), 384, BYTES>>>(maps, task, 0, 0, p.c, 0);
}
