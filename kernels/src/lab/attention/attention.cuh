// The lab of attention: each version is a program of its own that says what it is, attends and, where it can, goes back; this header
// holds it to sums in f64, then times it. q, k and v are parts of one packed projection [batch, positions, 3, heads, dim], in bf16.
#pragma once
#include "heads.cuh"
#include "tenon.cuh"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cuda_runtime.h>
#include <vector>

struct Problem {
  int batch;
  Heads h;
  double scale;
  const bf16 *q, *k, *v, *g;
  bf16 *o, *lse, *gradQ, *gradK, *gradV;
  float* rows; // room for two numbers of each query, and then some

  dim3 grid(int positions, int each) const { return dim3((positions + each - 1) / each, h.heads, batch); }
};

// What a version provides.
extern const char* const NAME;
extern const bool GOES_BACK;
void forward(const Problem& p);
void backward(const Problem& p);

#define CHECK(call) \
  do { \
    cudaError_t status = (call); \
    if (status != cudaSuccess) { \
      fprintf(stderr, "%s: line %d: %s\n", NAME, __LINE__, cudaGetErrorString(status)); \
      exit(1); \
    } \
  } while (0)

// Starts a kernel with more shared memory than it has unasked.
template <class... P, class... A> void start(void (*kernel)(P...), dim3 grid, int threads, int sharedBytes, A... arguments) {
  CHECK(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, sharedBytes));
  kernel<<<grid, threads, sharedBytes>>>(arguments...);
}

// Random numbers around 0, of a few sizes.
__global__ void fill(bf16* x, i64 size, u32 seed) {
  FOR_EACH(i, size) {
    u32 n = ((u32)i * 2654435761u) ^ seed;
    n = (n ^ n >> 15) * 2246822519u;
    n = (n ^ n >> 13) * 3266489917u;
    n ^= n >> 16;
    store(x + i, 2 * ((int)(n & 0xffff) - 0x8000) / 32768.0f);
  }
}

__device__ inline i64 inQ(const Heads& h, int b, int i, int head) { return (i64)b * h.q[0] + (i64)i * h.q[1] + head * h.q[2]; }
__device__ inline i64 inK(const Heads& h, int b, int j, int head) { return (i64)b * h.k[0] + (i64)j * h.k[1] + head * h.k[2]; }
__device__ inline i64 inV(const Heads& h, int b, int j, int head) { return (i64)b * h.v[0] + (i64)j * h.v[1] + head * h.v[2]; }
__device__ inline i64 dense(const Heads& h, int positions, int b, int i, int head) {
  return (((i64)b * positions + i) * h.heads + head) * h.dim;
}

// Adds the squares of what is expected and of what is off to the first two of `sums`; no number is off by infinity.
__device__ inline void judge(double expected, float found, double* sums) {
  double off = found - expected;
  atomicAdd(sums, expected * expected);
  atomicAdd(sums + 1, off == off ? off * off : INFINITY);
}

__device__ inline double blockSum(double x) { return blockReduce<Add>(x); }

// A block of 128 threads a query: its scores in f64, its o, lse and gradQ. Sums: of o, lse, gradQ.
__global__ void judgeQueries(Problem p, bool back, double* sums) {
  extern __shared__ double score[];
  const Heads& h = p.h;
  int i = blockIdx.x, head = blockIdx.y, b = blockIdx.z;
  i64 row = ((i64)b * h.heads + head) * h.queries + i, at = dense(h, h.queries, b, i, head);
  double most = -INFINITY, sum = 0, delta = 0;
  for (int j = threadIdx.x; j < h.keys; j += blockDim.x) {
    double s = 0;
    for (int c = 0; c < h.dim; c++) s += (double)load(p.q + inQ(h, b, i, head) + c) * load(p.k + inK(h, b, j, head) + c);
    score[j] = h.causal && j > i ? -INFINITY : s * p.scale;
    most = fmax(most, score[j]);
  }
  most = blockReduce<Larger>(most);
  for (int j = threadIdx.x; j < h.keys; j += blockDim.x) sum += exp(score[j] - most);
  double lse = most + log(blockSum(sum));
  if (threadIdx.x == 0) judge(lse, load(p.lse + row), sums + 2);
  for (int c = threadIdx.x; c < h.dim; c += blockDim.x) {
    double o = 0;
    for (int j = 0; j < h.keys; j++) o += exp(score[j] - lse) * load(p.v + inV(h, b, j, head) + c);
    judge(o, load(p.o + at + c), sums);
  }
  if (!back) return;
  for (int c = 0; c < h.dim; c++) delta += (double)load(p.g + at + c) * load(p.o + at + c);
  __syncthreads();
  for (int j = threadIdx.x; j < h.keys; j += blockDim.x) {
    double dp = 0;
    for (int c = 0; c < h.dim; c++) dp += (double)load(p.g + at + c) * load(p.v + inV(h, b, j, head) + c);
    score[j] = exp(score[j] - load(p.lse + row)) * (dp - delta);
  }
  __syncthreads();
  for (int c = threadIdx.x; c < h.dim; c += blockDim.x) {
    double grad = 0;
    for (int j = 0; j < h.keys; j++) grad += score[j] * load(p.k + inK(h, b, j, head) + c);
    judge(grad * p.scale, load(p.gradQ + at + c), sums + 4);
  }
}

// A block of 128 threads a key: its gradK and gradV.
__global__ void judgeKeys(Problem p, double* sums) {
  extern __shared__ double score[];
  const Heads& h = p.h;
  double* grad = score + h.queries;
  int j = blockIdx.x, head = blockIdx.y, b = blockIdx.z;
  i64 at = dense(h, h.keys, b, j, head);
  for (int i = threadIdx.x; i < h.queries; i += blockDim.x) {
    i64 query = dense(h, h.queries, b, i, head);
    double s = 0, dp = 0, delta = 0;
    for (int c = 0; c < h.dim; c++) {
      double g = load(p.g + query + c);
      s += (double)load(p.q + inQ(h, b, i, head) + c) * load(p.k + inK(h, b, j, head) + c);
      dp += g * load(p.v + inV(h, b, j, head) + c);
      delta += g * load(p.o + query + c);
    }
    score[i] = h.causal && j > i ? 0 : exp(s * p.scale - load(p.lse + ((i64)b * h.heads + head) * h.queries + i));
    grad[i] = score[i] * (dp - delta);
  }
  __syncthreads();
  for (int c = threadIdx.x; c < h.dim; c += blockDim.x) {
    double k = 0, v = 0;
    for (int i = 0; i < h.queries; i++) {
      k += grad[i] * load(p.q + inQ(h, b, i, head) + c);
      v += score[i] * load(p.g + dense(h, h.queries, b, i, head) + c);
    }
    judge(k * p.scale, load(p.gradK + at + c), sums);
    judge(v, load(p.gradV + at + c), sums + 2);
  }
}

inline bf16* take(i64 elements) {
  bf16* x;
  CHECK(cudaMalloc(&x, elements * sizeof(bf16)));
  CHECK(cudaMemset(x, 0xff, elements * sizeof(bf16)));
  return x;
}

inline Problem problemOf(int batch, int heads, int queries, int keys, int dim, bool causal) {
  int positions = std::max(queries, keys), row = 3 * heads * dim;
  i64 ofQueries = (i64)batch * queries * heads * dim, ofKeys = (i64)batch * keys * heads * dim;
  Problem p = {batch, {queries, keys, heads, dim, causal, 0}, 1 / sqrt((double)dim)};
  for (int* stride : {p.h.q, p.h.k, p.h.v}) {
    stride[0] = positions * row;
    stride[1] = row;
    stride[2] = dim;
    stride[3] = 1;
  }
  bf16 *packed = take((i64)batch * positions * row), *g = take(ofQueries);
  fill<<<1024, 256>>>(packed, (i64)batch * positions * row, 1);
  fill<<<1024, 256>>>(g, ofQueries, 2);
  p.q = packed;
  p.k = packed + heads * dim;
  p.v = packed + 2 * heads * dim;
  p.g = g;
  p.o = take(ofQueries);
  p.lse = take((i64)batch * heads * queries);
  p.gradQ = take(ofQueries);
  p.gradK = take(ofKeys);
  p.gradV = take(ofKeys);
  p.rows = (float*)take((i64)batch * heads * (queries + 256) * 4);
  return p;
}

inline void release(const Problem& p) {
  for (const void* x : {(const void*)p.q, (const void*)p.g, (const void*)p.o, (const void*)p.lse, (const void*)p.gradQ,
           (const void*)p.gradK, (const void*)p.gradV, (const void*)p.rows}) {
    CHECK(cudaFree((void*)x));
  }
}

inline void describe(const Problem& p) {
  printf("%-14s %3d x %2d x %3d x %3d x %2d %s", NAME,
      p.batch, p.h.heads, p.h.queries, p.h.keys, p.h.dim, p.h.causal ? "causal" : "      ");
}

// Ends the program where a result is off by more than roundings to bf16 explain. `samples`: so many of the batch are looked at.
inline void check(const Problem& p, int samples, bool told) {
  double *sums, results[10];
  CHECK(cudaMalloc(&sums, sizeof(results)));
  CHECK(cudaMemset(sums, 0, sizeof(results)));
  forward(p);
  CHECK(cudaGetLastError());
  if (GOES_BACK) backward(p);
  CHECK(cudaGetLastError());
  judgeQueries<<<dim3(p.h.queries, p.h.heads, samples), 128, p.h.keys * sizeof(double)>>>(p, GOES_BACK, sums);
  if (GOES_BACK) judgeKeys<<<dim3(p.h.keys, p.h.heads, samples), 128, 2 * p.h.queries * sizeof(double)>>>(p, sums + 6);
  CHECK(cudaGetLastError());
  CHECK(cudaMemcpy(results, sums, sizeof(results), cudaMemcpyDeviceToHost));
  CHECK(cudaFree(sums));
  const char* const names[] = {"o", "lse", "gradQ", "gradK", "gradV"};
  bool wrong = false;
  for (int i = 0; i < (GOES_BACK ? 5 : 2); i++) wrong |= !(sqrt(results[2 * i + 1] / results[2 * i]) < 5e-3);
  if (wrong || told) {
    describe(p);
    for (int i = 0; i < (GOES_BACK ? 5 : 2); i++) printf("  %s off by %.1e", names[i], sqrt(results[2 * i + 1] / results[2 * i]));
    printf("%s\n", wrong ? "  WRONG" : "");
  }
  if (wrong) exit(1);
}

// The median of 60 times of five runs.
inline double median(const Problem& p, void (*run)(const Problem&)) {
  cudaEvent_t start, end;
  CHECK(cudaEventCreate(&start));
  CHECK(cudaEventCreate(&end));
  std::vector<float> times;
  for (float spent = 0; times.size() < 7 || (spent < 400 && times.size() < 60); spent += times.back()) {
    float ms;
    CHECK(cudaEventRecord(start));
    for (int i = 0; i < 5; i++) run(p);
    CHECK(cudaEventRecord(end));
    CHECK(cudaEventSynchronize(end));
    CHECK(cudaEventElapsedTime(&ms, start, end));
    times.push_back(ms);
  }
  std::sort(times.begin(), times.end());
  return times[times.size() / 2] * 1e3 / 5;
}

inline void timeIt(const Problem& p) {
  double flops = 4e-6 * p.batch * p.h.heads * p.h.dim * p.h.queries * p.h.keys;
  double us = median(p, forward);
  describe(p);
  printf("  forward %7.1f us %6.1f TFLOP/s", us, flops / us);
  if (GOES_BACK) {
    us = median(p, backward);
    printf("  backward %7.1f us %6.1f TFLOP/s", us, 2.5 * flops / us);
  }
  printf("\n");
}

int main() {
  const int edges[][6] = {{2, 5, 197, 197, 64, 0}, {1, 2, 577, 577, 64, 0}, {2, 2, 49, 49, 64, 0}, {2, 2, 50, 50, 40, 0},
      {1, 2, 130, 7, 64, 0}, {1, 2, 5, 130, 64, 0}, {1, 2, 300, 150, 64, 0}, {1, 4, 300, 200, 64, 0}, {1, 5, 208, 208, 48, 0},
      {1, 2, 209, 209, 64, 0}, {1, 1, 2, 3, 64, 0}, {1, 2, 197, 197, 64, 1}, {1, 2, 577, 577, 64, 1}, {2, 2, 50, 50, 64, 1},
      {1, 2, 197, 208, 64, 1}, {1, 2, 5, 130, 64, 1}, {1, 2, 130, 7, 64, 1}, {1, 2, 150, 300, 64, 1}};
  for (auto& e : edges) {
    Problem p = problemOf(e[0], e[1], e[2], e[3], e[4], e[5]);
    check(p, e[0], false);
    release(p);
  }
  const int timed[][5] = {{128, 12, 197, 197, 64}, {64, 12, 577, 577, 64}};
  for (auto& t : timed) {
    Problem p = problemOf(t[0], t[1], t[2], t[3], t[4], 0);
    check(p, 3, true);
    timeIt(p);
    release(p);
  }
}
