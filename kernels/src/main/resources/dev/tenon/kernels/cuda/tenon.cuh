// What every kernel text starts from: storage types, the type each computes in, walks over strided operands.
// Needs no header of the toolkit, so that the run-time compiler needs none installed.
#pragma once

#ifndef INFINITY
#define INFINITY __int_as_float(0x7f800000)
#endif

typedef unsigned int u32;
typedef unsigned long long u64;
typedef long long i64;

struct bf16 {
  unsigned short bits;
};

struct f16 {
  unsigned short bits;
};

// The type a storage type computes in.
template <class T> struct Compute { typedef T type; };
template <> struct Compute<bf16> { typedef float type; };
template <> struct Compute<f16> { typedef float type; };
#define COMPUTE(T) typename Compute<T>::type

__device__ inline float load(const float* p) { return *p; }
__device__ inline double load(const double* p) { return *p; }
__device__ inline float load(const bf16* p) { return __uint_as_float((u32)p->bits << 16); }
__device__ inline float load(const f16* p) {
  float x;
  asm("cvt.f32.f16 %0, %1;" : "=f"(x) : "h"(p->bits));
  return x;
}

__device__ inline void store(float* p, double x) { *p = (float)x; }
__device__ inline void store(float* p, float x) { *p = x; }
__device__ inline void store(double* p, double x) { *p = x; }
__device__ inline void store(bf16* p, float x) {
  unsigned short bits;
  asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(bits) : "f"(x));
  p->bits = bits;
}
__device__ inline void store(f16* p, float x) {
  unsigned short bits;
  asm("cvt.rn.f16.f32 %0, %1;" : "=h"(bits) : "f"(x));
  p->bits = bits;
}

// A double as the float that rounds on to half precision as the double itself would: inexact ones get an odd last bit.
__device__ inline float toOdd(double x) {
  float near = __double2float_rz(x);
  bool exact = (double)near == x || x != x || isinf(near);
  return exact ? near : __uint_as_float(__float_as_uint(near) | 1u);
}
__device__ inline void store(bf16* p, double x) { store(p, toOdd(x)); }
__device__ inline void store(f16* p, double x) { store(p, toOdd(x)); }

// How up to four operands of a common shape lie in memory, in elements from each one's first. Neighbouring dimensions that all
// operands step through alike are one; the last dimension is the innermost.
#define MOST_DIMS 6
#define MOST_OPERANDS 4
struct Walk {
  int rank;
  int size;
  int dim[MOST_DIMS];
  int stride[MOST_OPERANDS][MOST_DIMS];
};

// Where element i of the walk lies in each of the first N operands.
template <int N> __device__ inline void locate(const Walk& w, int i, int* at) {
#pragma unroll
  for (int n = 0; n < N; n++) {
    at[n] = 0;
  }
#pragma unroll
  for (int d = MOST_DIMS - 1; d >= 0; d--) {
    if (d < w.rank) {
      int outer = d == 0 ? 0 : i / w.dim[d];
      int index = i - outer * w.dim[d];
#pragma unroll
      for (int n = 0; n < N; n++) {
        at[n] += index * w.stride[n][d];
      }
      i = outer;
    }
  }
}

// As many elements as are read or written at once.
template <class T> struct alignas(16) Pack {
  static const int SIZE = 16 / sizeof(T);
  T at[SIZE];
};

__device__ inline bool isAligned(const void* p) { return (u64)p % 16 == 0; }

// Whether a walk can be taken pack by pack: the first N operands begin at x and have neighbours along the innermost dimension.
template <class T, int N> __device__ inline bool inPacks(const Walk& w, const T* const (&x)[N], const void* y) {
  const int SIZE = Pack<T>::SIZE;
  bool fit = w.rank > 0 && isAligned(y);
#pragma unroll
  for (int n = 0; n < N; n++) {
    fit = fit && isAligned(x[n]);
    // With indices that are known, the walk stays where parameters are.
#pragma unroll
    for (int d = 0; d < MOST_DIMS; d++) {
      if (d < w.rank) fit = fit && (d == w.rank - 1 ? w.stride[n][d] == 1 && w.dim[d] % SIZE == 0 : w.stride[n][d] % SIZE == 0);
    }
  }
  return fit;
}

// Every element of the walk, shared among all threads of the grid.
#define FOR_EACH(i, size) \
  for (i64 i = blockIdx.x * (i64)blockDim.x + threadIdx.x; i < (i64)(size); i += gridDim.x * (i64)blockDim.x)

// Sums, and largest and smallest elements, start from and combine by these.
struct Add {
  template <class T> __device__ static T start() { return 0; }
  template <class T> __device__ static T both(T a, T b) { return a + b; }
};
struct Larger {
  template <class T> __device__ static T start() { return -INFINITY; }
  template <class T> __device__ static T both(T a, T b) { return a != a ? a : (b > a || b != b ? b : a); }
};
struct Smaller {
  template <class T> __device__ static T start() { return INFINITY; }
  template <class T> __device__ static T both(T a, T b) { return a != a ? a : (b < a || b != b ? b : a); }
};

// Combines the values of all threads of a warp, always in the same order; every thread gets the result.
template <class Op, class T> __device__ inline T warpReduce(T value) {
  for (int s = 16; s > 0; s >>= 1) value = Op::both(value, __shfl_xor_sync(0xffffffffu, value, s));
  return value;
}

// The same for a block.
template <class Op, class T> __device__ inline T blockReduce(T value) {
  __shared__ T part[32];
  __syncthreads();
  value = warpReduce<Op>(value);
  if (threadIdx.x % 32 == 0) {
    part[threadIdx.x / 32] = value;
  }
  __syncthreads();
  T all = part[0];
  for (int w = 1; w < (int)(blockDim.x / 32); w++) {
    all = Op::both(all, part[w]);
  }
  return all;
}

template <class C> __device__ inline C sigmoid(C x) {
  return 1 / (1 + exp(-x));
}

template <class T> __device__ inline COMPUTE(T) gelu(COMPUTE(T) x) {
  typedef COMPUTE(T) C;
  return C(0.5) * x * erfc(-x * C(0.70710678118654752));
}

template <class T> __device__ inline COMPUTE(T) geluGrad(COMPUTE(T) x) {
  typedef COMPUTE(T) C;
  return C(0.5) * erfc(-x * C(0.70710678118654752)) + x * exp(C(-0.5) * x * x) * C(0.3989422804014327);
}

// Two functions of a multiprocessor's own unit, to within 2 units of the last place: 2ˣ, 0 where that is below the normal range;
// 1 / x.
__device__ inline float exp2Fast(float x) {
  float y;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
}
__device__ inline float inverseFast(float x) {
  float y;
  asm("rcp.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
}

// exp(−x²/2), and the share of a normal distribution beyond x ≥ 0 within 7e-7 of itself, which is far less than BF16 rounds:
// a polynomial in 1 / (1 + 0.46 x / √2), fitted to exp(x²/2) · erfc(x / √2), with half its coefficients.
__device__ inline float normalTail(float x, float* bell) {
  float t = inverseFast(fmaf(x, 0.325269119f, 1));
  float u = x * 0.84932181f;
  *bell = exp2Fast(-u * u);
  float p = fmaf(t, 0.0338571566f, -0.113314585f);
  p = fmaf(t, p, 0.08459541f);
  p = fmaf(t, p, 0.0263053824f);
  p = fmaf(t, p, 0.093423862f);
  p = fmaf(t, p, 0.11559095f);
  p = fmaf(t, p, 0.129778632f);
  p = fmaf(t, p, 0.12976353f);
  return *bell * p * t;
}
// Beyond 100 it has no tail; what is no number stays so.
template <> __device__ inline float gelu<bf16>(float x) {
  float bell, size = fminf(fabsf(x), 100), above = x < 0 ? 0 : x;
  return fmaf(-size, normalTail(size, &bell), above);
}
template <> __device__ inline float geluGrad<bf16>(float x) {
  float bell, size = fminf(fabsf(x), 100), tail = normalTail(size, &bell);
  return fmaf(x * bell, 0.39894228f, x < 0 ? tail : 1 - tail);
}

template <class T> __device__ inline float rounded(float x) {
  T stored;
  store(&stored, x);
  return load(&stored);
}

// What a plan has done to an element of a product before it is stored: GELU, and a residual that is added. Each step rounds
// what the one before came to, as if that had been stored in between.
template <class T> __device__ inline float finish(float x, bool geluFollows, bool adds, float residual) {
  if (geluFollows) x = gelu<T>(rounded<T>(x));
  return adds ? rounded<T>(x) + residual : x;
}

// Writes one kernel for each type that holds real numbers.
#define FOR_TYPE(MACRO, NAME) MACRO(NAME, float, f32) MACRO(NAME, double, f64) MACRO(NAME, bf16, bf16)

// What an index that is out of range leaves for the host to report. It lies in the host's memory, so no atomics: of several bad
// indices in one launch any may stay, but never one of a later launch.
struct Fault {
  int set;
  int op;
  i64 index;
  i64 extent;
};

__device__ inline bool inRange(i64 index, i64 extent, int op, Fault* fault) {
  if (index >= 0 && index < extent) {
    return true;
  }
  volatile Fault* report = fault;
  if (report->set == 0) {
    report->op = op;
    report->index = index;
    report->extent = extent;
    __threadfence_system();
    report->set = 1;
  }
  return false;
}
