// Sums and extrema over some dimensions, in a fixed order. Long reductions are cut into chunks, whose results are reduced again.
#include "tenon.cuh"

// A block an output: for reductions over neighbours in memory. Grid: outputs, chunks.
template <class Op, class From, class To> __device__ inline void reduceBlock(
    const Walk& kept, const Walk& reduced, int chunk, const From* x, To* y) {
  typedef COMPUTE(From) C;
  int base[1];
  locate<1>(kept, blockIdx.x, base);
  C value = Op::template start<C>();
  i64 end = min((i64)reduced.size, (i64)(blockIdx.y + 1) * chunk);
  for (i64 i = (i64)blockIdx.y * chunk + threadIdx.x; i < end; i += blockDim.x) {
    int at[1];
    locate<1>(reduced, (int)i, at);
    value = Op::both(value, (C)load(x + base[0] + at[0]));
  }
  value = blockReduce<Op>(value);
  if (threadIdx.x == 0) {
    store(y + (i64)blockIdx.y * kept.size + blockIdx.x, value);
  }
}

// A thread an output: for reductions across, where the outputs are neighbours in memory.
template <class Op, class From, class To> __device__ inline void reduceThread(
    const Walk& kept, const Walk& reduced, int chunk, const From* x, To* y) {
  typedef COMPUTE(From) C;
  i64 output = blockIdx.x * (i64)blockDim.x + threadIdx.x;
  if (output >= kept.size) return;
  int base[1];
  locate<1>(kept, (int)output, base);
  C value = Op::template start<C>();
  i64 end = min((i64)reduced.size, (i64)(blockIdx.y + 1) * chunk);
#pragma unroll 8
  for (i64 i = (i64)blockIdx.y * chunk; i < end; i++) {
    int at[1];
    locate<1>(reduced, (int)i, at);
    value = Op::both(value, (C)load(x + base[0] + at[0]));
  }
  store(y + (i64)blockIdx.y * kept.size + output, value);
}

// Eight warps for 32 outputs, a lane each: as reduceThread, for outputs of many elements.
#define WARPS 8
template <class Op, class From, class To> __device__ inline void reduceColumn(
    const Walk& kept, const Walk& reduced, int chunk, const From* x, To* y) {
  typedef COMPUTE(From) C;
  __shared__ C part[WARPS][32];
  int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  i64 output = blockIdx.x * 32LL + lane;
  int base[1] = {0};
  if (output < kept.size) locate<1>(kept, (int)output, base);
  C value = Op::template start<C>();
  i64 end = output < kept.size ? min((i64)reduced.size, (i64)(blockIdx.y + 1) * chunk) : 0;
#pragma unroll 4
  for (i64 i = (i64)blockIdx.y * chunk + warp; i < end; i += WARPS) {
    int at[1];
    locate<1>(reduced, (int)i, at);
    value = Op::both(value, (C)load(x + base[0] + at[0]));
  }
  part[warp][lane] = value;
  __syncthreads();
  if (warp == 0 && output < kept.size) {
    for (int w = 1; w < WARPS; w++) value = Op::both(value, part[w][lane]);
    store(y + (i64)blockIdx.y * kept.size + output, value);
  }
}

template <class T> __device__ inline Pack<T> read(const T* p, bool aligned) {
  if (aligned) return *(const Pack<T>*)p;
  Pack<T> in;
#pragma unroll
  for (int j = 0; j < Pack<T>::SIZE; j++) in.at[j] = p[j];
  return in;
}

// Eight warps for 32 packs of outputs that are neighbours, a lane each: as reduceColumn, with 16 bytes for each read, several of which
// are under way before the first is used.
#define AHEAD 4
template <class Op, class From, class To> __device__ inline void reducePacks(
    const Walk& kept, const Walk& reduced, int chunk, const From* x, To* y) {
  typedef COMPUTE(From) C;
  const int SIZE = Pack<From>::SIZE, COLUMNS = 32 * SIZE;
  __shared__ C part[WARPS][COLUMNS];
  int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  i64 output = blockIdx.x * (i64)COLUMNS + lane * SIZE;
  int base[1] = {0};
  if (output < kept.size) locate<1>(kept, (int)output, base);
  C value[SIZE];
#pragma unroll
  for (int j = 0; j < SIZE; j++) value[j] = Op::template start<C>();
  // Whether packs begin where such reads can must not change the order of the sum, so that it is asked here.
  bool aligned = isAligned(x);
  i64 end = output < kept.size ? min((i64)reduced.size, (i64)(blockIdx.y + 1) * chunk) : 0;
  for (i64 i = (i64)blockIdx.y * chunk + warp; i < end; i += AHEAD * WARPS) {
    Pack<From> in[AHEAD];
#pragma unroll
    for (int k = 0; k < AHEAD; k++) {
      int at[1];
      if (i + k * WARPS < end) {
        locate<1>(reduced, (int)i + k * WARPS, at);
        in[k] = read(x + base[0] + at[0], aligned);
      }
    }
#pragma unroll
    for (int k = 0; k < AHEAD; k++) {
#pragma unroll
      for (int j = 0; j < SIZE; j++) {
        if (i + k * WARPS < end) value[j] = Op::both(value[j], (C)load(in[k].at + j));
      }
    }
  }
#pragma unroll
  for (int j = 0; j < SIZE; j++) part[warp][lane * SIZE + j] = value[j];
  __syncthreads();
  output = blockIdx.x * (i64)COLUMNS + threadIdx.x;
  if (threadIdx.x < COLUMNS && output < kept.size) {
    C all = part[0][threadIdx.x];
    for (int w = 1; w < WARPS; w++) all = Op::both(all, part[w][threadIdx.x]);
    store(y + (i64)blockIdx.y * kept.size + output, all);
  }
}

// The names say what is read and what is written: parts of half-precision sums are kept in single precision.
#define REDUCE(OP, FROM, TO, SUFFIX) \
  extern "C" __global__ void OP##_block_##SUFFIX(Walk kept, Walk reduced, int chunk, const FROM* x, TO* y) { \
    reduceBlock<OP>(kept, reduced, chunk, x, y); \
  } \
  extern "C" __global__ void OP##_column_##SUFFIX(Walk kept, Walk reduced, int chunk, const FROM* x, TO* y) { \
    reduceColumn<OP>(kept, reduced, chunk, x, y); \
  } \
  extern "C" __global__ void OP##_packs_##SUFFIX(Walk kept, Walk reduced, int chunk, const FROM* x, TO* y) { \
    reducePacks<OP>(kept, reduced, chunk, x, y); \
  } \
  extern "C" __global__ void OP##_thread_##SUFFIX(Walk kept, Walk reduced, int chunk, const FROM* x, TO* y) { \
    reduceThread<OP>(kept, reduced, chunk, x, y); \
  }
#define REDUCTIONS(OP) \
  REDUCE(OP, float, float, f32_f32) \
  REDUCE(OP, double, double, f64_f64) \
  REDUCE(OP, bf16, bf16, bf16_bf16) \
  REDUCE(OP, bf16, float, bf16_f32) \
  REDUCE(OP, float, bf16, f32_bf16)
REDUCTIONS(Add)
REDUCTIONS(Larger)
REDUCTIONS(Smaller)
