// The texts `flash90.cu` and `flash90grad.cu`: products of warpgroups (wgmma) that read shared memory themselves, tensor copies that
// fill it, and short heads that lie there as a whole.
#include "flash90.cu"
#include "flash90grad.cu"

#include "attention.cuh"

#include <cuda.h>

const char* const NAME = "4 wgmma";
const bool GOES_BACK = true;

// An operand of [batch, positions, heads, dim] for copies of `rows` rows of a head.
static TensorMap mapOf(const Problem& p, const bf16* x, const int* stride, int positions, int rows) {
  typedef CUresult Encode(CUtensorMap*, CUtensorMapDataType, cuuint32_t, void*, const cuuint64_t*, const cuuint64_t*, const cuuint32_t*,
      const cuuint32_t*, CUtensorMapInterleave, CUtensorMapSwizzle, CUtensorMapL2promotion, CUtensorMapFloatOOBfill);
  static Encode* encode = 0;
  cudaDriverEntryPointQueryResult found;
  if (!encode) CHECK(cudaGetDriverEntryPointByVersion("cuTensorMapEncodeTiled", (void**)&encode, 12000, cudaEnableDefault, &found));
  CUtensorMap map;
  cuuint64_t dims[4] = {(cuuint64_t)p.h.dim, (cuuint64_t)positions, (cuuint64_t)p.h.heads, (cuuint64_t)p.batch};
  cuuint64_t strides[3] = {stride[1] * 2ull, stride[2] * 2ull, stride[0] * 2ull};
  cuuint32_t box[4] = {64, (cuuint32_t)rows, 1, 1}, steps[4] = {1, 1, 1, 1};
  if (encode(&map, CU_TENSOR_MAP_DATA_TYPE_BFLOAT16, 4, (void*)x, dims, strides, box, steps, CU_TENSOR_MAP_INTERLEAVE_NONE,
          CU_TENSOR_MAP_SWIZZLE_128B, CU_TENSOR_MAP_L2_PROMOTION_L2_256B, CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE) != CUDA_SUCCESS) {
    fprintf(stderr, "%s: no tensor map of %d positions of %d channels\n", NAME, positions, p.h.dim);
    exit(1);
  }
  return *(TensorMap*)&map;
}

// For copies of so many queries and keys.
static Maps mapsOf(const Problem& p, int queries, int keys) {
  int dense[] = {p.h.queries * p.h.heads * p.h.dim, p.h.heads * p.h.dim, p.h.dim, 1};
  return {mapOf(p, p.q, p.h.q, p.h.queries, queries), mapOf(p, p.k, p.h.k, p.h.keys, keys), mapOf(p, p.v, p.h.v, p.h.keys, keys),
      mapOf(p, p.g, dense, p.h.queries, queries)};
}

static int blocks(int jobs) {
  int device, count;
  CHECK(cudaGetDevice(&device));
  CHECK(cudaDeviceGetAttribute(&count, cudaDevAttrMultiProcessorCount, device));
  return std::min(count, jobs);
}

void forward(const Problem& p) {
  int jobs = p.batch * p.h.heads;
  if (p.h.queries <= WHOLE && p.h.keys > WHOLE - 16 && p.h.keys <= WHOLE) {
    start(flashHeads_bf16, blocks(jobs), HEADS_THREADS, HEADS_BYTES(3), mapsOf(p, WHOLE, WHOLE), p.h, jobs, p.scale, p.o, p.lse);
  } else if (p.h.keys > 64) {
    start(flash128_bf16, p.grid(p.h.queries, 128), THREADS, PARTS_BYTES(2, 128), mapsOf(p, 128, 128), p.h, p.scale, p.o, p.lse);
  } else {
    start(flash64_bf16, p.grid(p.h.queries, 128), THREADS, PARTS_BYTES(2, 64), mapsOf(p, 128, 64), p.h, p.scale, p.o, p.lse);
  }
}

void backward(const Problem& p) {
  int jobs = p.batch * p.h.heads;
  const bf16 *o = p.o, *lse = p.lse;
  if (p.h.keys <= WHOLE && p.h.queries <= WHOLE) {
    start(flashGradHeads_bf16, blocks(jobs), HEADS_THREADS, HEADS_BYTES(4), mapsOf(p, WHOLE, WHOLE), p.h, jobs, p.scale, o, lse,
        p.gradQ, p.gradK, p.gradV);
    return;
  }
  int count = jobs * PADDED(p.h.queries);
  const float* rows = p.rows;
  flashRows_bf16<<<(count * 8 + 255) / 256, 256>>>(p.h, count, p.g, o, lse, p.rows);
  start(flashGradQuery64_bf16, p.grid(p.h.queries, 128), THREADS, PARTS_BYTES(4, KEYS), mapsOf(p, ROWS, KEYS), p.h, p.scale, rows, p.gradQ);
  start(flashGradKeyValue64_bf16, p.grid(p.h.keys, 128), THREADS, GRAD_KEY_BYTES, mapsOf(p, QUERIES, ROWS), p.h, p.scale, rows,
      p.gradK, p.gradV);
}
