// The lab of kernels: each version of a kernel is a program of its own that says what it is and multiplies; this header holds it to sums
// in f64, then times it. C[m, n] = A[m, k]·B[n, k]ᵀ, in bf16.
#pragma once
#include "hopper.cuh"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cuda.h>
#include <cuda_runtime.h>
#include <vector>

struct Problem {
  int m, n, k;
  const bf16 *a, *b;
  bf16* c;
};

// What a version provides.
extern const char* const NAME;
void multiply(const Problem& p);

#define CHECK(call) \
  do { \
    cudaError_t status = (call); \
    if (status != cudaSuccess) { \
      fprintf(stderr, "%s: line %d: %s\n", NAME, __LINE__, cudaGetErrorString(status)); \
      exit(1); \
    } \
  } while (0)

inline int tiles(int extent, int tile) { return (extent + tile - 1) / tile; }

// A matrix of `lines` lines for tensor copies in boxes of `height` lines of 128 bytes.
inline TensorMap mapOf(const bf16* matrix, int line, int lines, int height) {
  typedef CUresult Encode(CUtensorMap*, CUtensorMapDataType, cuuint32_t, void*, const cuuint64_t*, const cuuint64_t*, const cuuint32_t*,
      const cuuint32_t*, CUtensorMapInterleave, CUtensorMapSwizzle, CUtensorMapL2promotion, CUtensorMapFloatOOBfill);
  static Encode* encode = 0;
  cudaDriverEntryPointQueryResult found;
  if (!encode) CHECK(cudaGetDriverEntryPointByVersion("cuTensorMapEncodeTiled", (void**)&encode, 12000, cudaEnableDefault, &found));
  CUtensorMap map;
  cuuint64_t dims[3] = {(cuuint64_t)line, (cuuint64_t)lines, 1}, strides[2] = {(cuuint64_t)line * 2, (cuuint64_t)line * lines * 2};
  cuuint32_t box[3] = {64, (cuuint32_t)height, 1}, steps[3] = {1, 1, 1};
  if (encode(&map, CU_TENSOR_MAP_DATA_TYPE_BFLOAT16, 3, (void*)matrix, dims, strides, box, steps, CU_TENSOR_MAP_INTERLEAVE_NONE,
          CU_TENSOR_MAP_SWIZZLE_128B, CU_TENSOR_MAP_L2_PROMOTION_L2_256B, CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE) != CUDA_SUCCESS) {
    fprintf(stderr, "%s: no tensor map of %d lines of %d elements\n", NAME, lines, line);
    exit(1);
  }
  return *(TensorMap*)&map;
}

// Random numbers around 0, of a few sizes.
__global__ void fill(bf16* x, i64 size, u32 seed) {
  FOR_EACH(i, size) {
    u32 h = ((u32)i * 2654435761u) ^ seed;
    h = (h ^ h >> 15) * 2246822519u;
    h = (h ^ h >> 13) * 3266489917u;
    h ^= h >> 16;
    store(x + i, ((int)(h & 0xffff) - 0x8000) / 32768.0f);
  }
}

// Counts, of every `step`th row, elements off by more than the rounding of the result and of k sums in f32.
__global__ void judge(Problem p, int step, int* wrong) {
  FOR_EACH(i, (i64)(p.m / step + (p.m % step > 0)) * p.n) {
    i64 row = i / p.n * step, column = i % p.n;
    double sum = 0, size = 0;
    for (int k = 0; k < p.k; k++) {
      double term = (double)load(p.a + row * p.k + k) * load(p.b + column * p.k + k);
      sum += term;
      size += fabs(term);
    }
    double off = fabs(load(p.c + row * p.n + column) - sum);
    if (!(off <= fabs(sum) / 256 + size * p.k * 0x1p-24)) atomicAdd(wrong, 1);
  }
}

inline Problem problemOf(int m, int n, int k) {
  bf16 *a, *b, *c;
  CHECK(cudaMalloc(&a, 2ll * m * k));
  CHECK(cudaMalloc(&b, 2ll * n * k));
  CHECK(cudaMalloc(&c, 2ll * m * n));
  fill<<<1024, 256>>>(a, (i64)m * k, 1);
  fill<<<1024, 256>>>(b, (i64)n * k, 2);
  CHECK(cudaMemset(c, 0xff, 2ll * m * n));
  return {m, n, k, a, b, c};
}

inline void release(const Problem& p) {
  CHECK(cudaFree((void*)p.a));
  CHECK(cudaFree((void*)p.b));
  CHECK(cudaFree(p.c));
}

// Ends the program where a result is wrong.
inline void check(const Problem& p) {
  int *wrong, count;
  CHECK(cudaMalloc(&wrong, sizeof(int)));
  CHECK(cudaMemset(wrong, 0, sizeof(int)));
  multiply(p);
  CHECK(cudaGetLastError());
  judge<<<4096, 256>>>(p, p.m > 2048 ? 61 : 1, wrong);
  CHECK(cudaMemcpy(&count, wrong, sizeof(int), cudaMemcpyDeviceToHost));
  CHECK(cudaFree(wrong));
  if (count > 0) {
    printf("%s: %d elements of %d x %d x %d are wrong\n", NAME, count, p.m, p.n, p.k);
    exit(1);
  }
}

// The median of runs that together take about half a second.
inline void timeIt(const Problem& p) {
  cudaEvent_t start, end;
  CHECK(cudaEventCreate(&start));
  CHECK(cudaEventCreate(&end));
  std::vector<float> times;
  for (float spent = 0; times.size() < 7 || (spent < 500 && times.size() < 100); spent += times.back()) {
    float ms;
    CHECK(cudaEventRecord(start));
    multiply(p);
    CHECK(cudaEventRecord(end));
    CHECK(cudaEventSynchronize(end));
    CHECK(cudaEventElapsedTime(&ms, start, end));
    times.push_back(ms);
  }
  std::sort(times.begin(), times.end());
  double us = times[times.size() / 2] * 1e3;
  printf("%-16s %5d x %4d x %4d %10.1f us %8.1f TFLOP/s\n", NAME, p.m, p.n, p.k, us, 2e-6 * p.m * p.n * p.k / us);
}

int main() {
  const int edges[][3] = {{127, 131, 72}, {1000, 264, 200}, {385, 520, 1032}};
  for (auto& e : edges) {
    Problem p = problemOf(e[0], e[1], e[2]);
    check(p);
    release(p);
  }
  const int timed[][3] = {{25216, 2304, 768}, {25216, 3072, 768}, {25216, 768, 3072}, {8192, 8192, 8192}};
  for (auto& t : timed) {
    Problem p = problemOf(t[0], t[1], t[2]);
    check(p);
    timeIt(p);
    release(p);
  }
}
