// Element-wise functions, their gradients, and pairs: one kernel an entry of the table below and a type.
#include "tenon.cuh"

// name, value, derivative; X is the element, a and b are the parameters, all of type C.
#define UNARY_TABLE(ENTRY) \
  ENTRY(AFFINE, a * x + b, a) \
  ENTRY(EXP, exp(x), exp(x)) \
  ENTRY(LOG, log(x), 1 / x) \
  ENTRY(SQRT, sqrt(x), C(0.5) / sqrt(x)) \
  ENTRY(RSQRT, 1 / sqrt(x), C(-0.5) / (x * sqrt(x))) \
  ENTRY(SQUARE, x * x, 2 * x) \
  ENTRY(RECIPROCAL, 1 / x, -1 / (x * x)) \
  ENTRY(POW, pow(x, a), a == 0 ? C(0) : a * pow(x, a - 1)) \
  ENTRY(ABS, fabs(x), x > 0 ? C(1) : x < 0 ? C(-1) : x) \
  ENTRY(CLAMP, x != x ? x : min(max(x, a), b), x >= a && x <= b ? C(1) : C(0)) \
  ENTRY(SIN, sin(x), cos(x)) \
  ENTRY(COS, cos(x), -sin(x)) \
  ENTRY(ACOS, acos(x), -1 / sqrt((1 - x) * (1 + x))) \
  ENTRY(ERF, erf(x), C(1.1283791670955126) * exp(-x * x)) \
  ENTRY(TANH, tanh(x), (1 - tanh(x)) * (1 + tanh(x))) \
  ENTRY(SIGMOID, sigmoid(x), sigmoid(x) * sigmoid(-x)) \
  ENTRY(SOFTPLUS, max(x, C(0)) + log1p(exp(-fabs(x))), sigmoid(x)) \
  ENTRY(RELU, x != x ? x : max(x, C(0)), x > 0 ? C(1) : C(0)) \
  ENTRY(RELU6, x != x ? x : min(max(x, C(0)), C(6)), x > 0 && x < 6 ? C(1) : C(0)) \
  ENTRY(LEAKY_RELU, x > 0 ? x : a * x, x > 0 ? C(1) : a) \
  ENTRY(ELU, x > 0 ? x : a * expm1(x), x > 0 ? C(1) : a * exp(x)) \
  ENTRY(SILU, x * sigmoid(x), sigmoid(x) * (1 + x * sigmoid(-x))) \
  ENTRY(HARD_SIGMOID, hardSigmoid(x), x > -3 && x < 3 ? C(1) / 6 : C(0)) \
  ENTRY(HARD_SWISH, x * hardSigmoid(x), x < -3 ? C(0) : x <= 3 ? x / 3 + C(0.5) : C(1)) \
  ENTRY(GELU, gelu<T>(x), geluGrad<T>(x)) \
  ENTRY(GELU_TANH, x * sigmoid(2 * tanhArgument(x)), geluTanhGrad(x)) \
  ENTRY(QUICK_GELU, x * sigmoid(C(1.702) * x), \
      sigmoid(C(1.702) * x) * (1 + C(1.702) * x * sigmoid(C(-1.702) * x)))

#define BINARY_TABLE(ENTRY) \
  ENTRY(ADD, x + y) \
  ENTRY(SUB, x - y) \
  ENTRY(MUL, x * y) \
  ENTRY(DIV, x / y) \
  ENTRY(MAX, Larger::both(x, y)) \
  ENTRY(MIN, Smaller::both(x, y)) \
  ENTRY(POW, pow(x, y))

#define COMPARE_TABLE(ENTRY) \
  ENTRY(EQ, x == y) \
  ENTRY(NE, x != y) \
  ENTRY(LT, x < y) \
  ENTRY(LE, x <= y) \
  ENTRY(GT, x > y) \
  ENTRY(GE, x >= y)

template <class C> __device__ inline C hardSigmoid(C x) {
  return x != x ? x : min(max(x / 6 + C(0.5), C(0)), C(1));
}

template <class C> __device__ inline C tanhArgument(C x) {
  return C(0.79788456080286536) * (x + C(0.044715) * x * x * x);
}

template <class C> __device__ inline C geluTanhGrad(C x) {
  C s = sigmoid(2 * tanhArgument(x));
  C t = sigmoid(-2 * tanhArgument(x));
  return s * (1 + 2 * x * t * C(0.79788456080286536) * (1 + C(3 * 0.044715) * x * x));
}

// Whether the last of N > 1 operands has one element for all of the innermost dimension, as those that are broadcast to channels.
template <int N> __device__ inline bool repeats(const Walk& w) {
  bool one = false;
#pragma unroll
  for (int d = 0; d < MOST_DIMS; d++) {
    if (N > 1 && d == w.rank - 1) one = w.stride[N - 1][d] == 0;
  }
  return one;
}

// Calls work(places, result) for each element of a walk over operands of type T that begin at x, in packs where it can.
template <class T, int N, class Work> __device__ inline void map(const Walk& w, const T* const (&x)[N], T* y, Work work) {
  int at[N];
  const T* const first[] = {x[0]};
  bool one = repeats<N>(w);
  if (one ? inPacks(w, first, y) : inPacks(w, x, y)) {
    const int SIZE = Pack<T>::SIZE;
    FOR_EACH(i, w.size / SIZE) {
      locate<N>(w, (int)i * SIZE, at);
      Pack<T> in[N], out;
#pragma unroll
      for (int n = 0; n < N; n++) {
        if (n == 0 || !one) in[n] = *(const Pack<T>*)(x[n] + at[n]);
      }
      if (one) {
#pragma unroll
        for (int j = 0; j < SIZE; j++) in[N - 1].at[j] = x[N - 1][at[N - 1]];
      }
#pragma unroll
      for (int j = 0; j < SIZE; j++) work(in[0].at + j, in[N - 1].at + j, out.at + j);
      ((Pack<T>*)y)[i] = out;
    }
    return;
  }
  FOR_EACH(i, w.size) {
    locate<N>(w, (int)i, at);
    work(x[0] + at[0], x[N - 1] + at[N - 1], y + i);
  }
}

template <class F, class T> __device__ inline void unary(const Walk& w, const T* x, T* y, double a, double b) {
  typedef COMPUTE(T) C;
  const T* const operands[] = {x};
  C first = C(a), second = C(b);
  map(w, operands, y, [=](const T* x, const T*, T* y) { store(y, F::template value<T>(load(x), first, second)); });
}

template <class F, class T> __device__ inline void unaryGrad(
    const Walk& w, const T* x, const T* g, T* y, double a, double b) {
  typedef COMPUTE(T) C;
  const T* const operands[] = {x, g};
  C first = C(a), second = C(b);
  map(w, operands, y, [=](const T* x, const T* g, T* y) {
    store(y, load(g) * F::template derivative<T>(load(x), first, second));
  });
}

template <class F, class T> __device__ inline void binary(const Walk& w, const T* x, const T* y, T* z) {
  const T* const operands[] = {x, y};
  map(w, operands, z, [](const T* x, const T* y, T* z) { F::apply(load(x), load(y), z); });
}

// Whole numbers are compared and chosen, too.
#define FOR_WHOLE(MACRO, NAME) \
  MACRO(NAME, i64, i64) MACRO(NAME, int, i32) MACRO(NAME, unsigned char, u8) MACRO(NAME, unsigned char, bool)
__device__ inline i64 load(const i64* p) { return *p; }
__device__ inline int load(const int* p) { return *p; }
__device__ inline int load(const unsigned char* p) { return *p; }

template <class F, class T> __device__ inline void relation(const Walk& w, const T* x, const T* y, unsigned char* z) {
  FOR_EACH(i, w.size) {
    int at[2];
    locate<2>(w, (int)i, at);
    F::apply(load(x + at[0]), load(y + at[1]), z + i);
  }
}

#define UNARY_KERNELS(NAME, T, SUFFIX) \
  extern "C" __global__ void unary_##NAME##_##SUFFIX(const __grid_constant__ Walk w, const T* x, T* y, double a, double b) { \
    unary<NAME##Function>(w, x, y, a, b); \
  } \
  extern "C" __global__ void unaryGrad_##NAME##_##SUFFIX( \
      const __grid_constant__ Walk w, const T* x, const T* g, T* y, double a, double b) { \
    unaryGrad<NAME##Function>(w, x, g, y, a, b); \
  }
#define UNARY(NAME, VALUE, DERIVATIVE) \
  struct NAME##Function { \
    template <class T, class C> __device__ static C value(C x, C a, C b) { return VALUE; } \
    template <class T, class C> __device__ static C derivative(C x, C a, C b) { return DERIVATIVE; } \
  }; \
  FOR_TYPE(UNARY_KERNELS, NAME)
UNARY_TABLE(UNARY)

#define BINARY_KERNELS(NAME, T, SUFFIX) \
  extern "C" __global__ void binary_##NAME##_##SUFFIX(const __grid_constant__ Walk w, const T* x, const T* y, T* z) { \
    binary<NAME##Pair>(w, x, y, z); \
  }
#define BINARY(NAME, VALUE) \
  struct NAME##Pair { \
    template <class C, class R> __device__ static void apply(C x, C y, R* z) { store(z, C(VALUE)); } \
  }; \
  FOR_TYPE(BINARY_KERNELS, NAME)
BINARY_TABLE(BINARY)

#define COMPARE_KERNELS(NAME, T, SUFFIX) \
  extern "C" __global__ void compare_##NAME##_##SUFFIX(const __grid_constant__ Walk w, const T* x, const T* y, unsigned char* z) { \
    relation<NAME##Relation>(w, x, y, z); \
  }
#define COMPARE(NAME, VALUE) \
  struct NAME##Relation { \
    template <class C> __device__ static void apply(C x, C y, unsigned char* z) { *z = VALUE; } \
  }; \
  FOR_TYPE(COMPARE_KERNELS, NAME) \
  FOR_WHOLE(COMPARE_KERNELS, NAME)
COMPARE_TABLE(COMPARE)

template <class T> __device__ inline void where(
    const Walk& w, const unsigned char* condition, const T* x, const T* y, T* z) {
  FOR_EACH(i, w.size) {
    int at[3];
    locate<3>(w, (int)i, at);
    z[i] = condition[at[0]] ? x[at[1]] : y[at[2]];
  }
}
#define WHERE(NAME, T, SUFFIX) \
  extern "C" __global__ void where_##SUFFIX(const __grid_constant__ Walk w, const unsigned char* condition, const T* x, const T* y, T* z) { \
    where(w, condition, x, y, z); \
  }
FOR_TYPE(WHERE, _)
FOR_WHOLE(WHERE, _)

// GELU of a hidden layer gated by expert; the gate is repeated over the expert's width.
template <class T> __device__ inline void gatedGelu(int size, int width, const T* z, const T* gate, T* y) {
  const int SIZE = Pack<T>::SIZE;
  if (width % SIZE == 0 && isAligned(z) && isAligned(y)) {
    FOR_EACH(i, size / SIZE) {
      Pack<T> in = ((const Pack<T>*)z)[i], out;
      COMPUTE(T) weight = load(gate + (int)i * SIZE / width);
#pragma unroll
      for (int j = 0; j < SIZE; j++) store(out.at + j, gelu<T>(load(in.at + j) * weight));
      ((Pack<T>*)y)[i] = out;
    }
    return;
  }
  FOR_EACH(i, size) {
    store(y + i, gelu<T>(load(z + i) * load(gate + i / width)));
  }
}

// A team of lanes a gate: its gradient is a sum over the expert's width. Teams are of 2ⁿ lanes: as many as leave none idle, more where
// those would take over four rounds.
template <class T> __device__ inline void gatedGeluGrad(
    int gates, int width, const T* z, const T* gate, const T* g, T* gradZ, T* gradGate) {
  typedef COMPUTE(T) C;
  const int SIZE = Pack<T>::SIZE;
  bool packed = width % SIZE == 0 && isAligned(z) && isAligned(g) && isAligned(gradZ);
  int each = packed ? SIZE : 1, bits = 0;
  while (bits < 5 && (width / each % (2 << bits) == 0 || each << bits + 2 < width)) bits++;
  int lane = threadIdx.x % (1 << bits);
  // Lanes of a warp go round together, for they add up together.
  u32 warp = (blockIdx.x * blockDim.x + threadIdx.x) / 32;
  for (i64 first = warp << 5 - bits; first < gates; first += gridDim.x * blockDim.x >> bits) {
    int index = (int)first + (threadIdx.x % 32 >> bits);
    bool inside = index < gates;
    C weight = inside ? load(gate + index) : C(0), sum = 0;
    auto one = [&](const T* z, const T* g, T* out) {
      C value = load(z);
      C gated = load(g) * geluGrad<T>(value * weight);
      store(out, gated * weight);
      sum += gated * value;
    };
    i64 line = index * (i64)width;
    for (int c = inside ? lane * each : width; c < width; c += each << bits) {
      if (packed) {
        Pack<T> a = *(const Pack<T>*)(z + line + c), b = *(const Pack<T>*)(g + line + c);
#pragma unroll
        for (int j = 0; j < SIZE; j++) one(a.at + j, b.at + j, a.at + j);
        *(Pack<T>*)(gradZ + line + c) = a;
      } else {
        one(z + line + c, g + line + c, gradZ + line + c);
      }
    }
    for (int s = 1 << bits >> 1; s > 0; s >>= 1) sum += __shfl_xor_sync(0xffffffffu, sum, s);
    if (inside && lane == 0) store(gradGate + index, sum);
  }
}
#define GATED_GELU(NAME, T, SUFFIX) \
  extern "C" __global__ void gatedGelu_##SUFFIX(int size, int width, const T* z, const T* gate, T* y) { \
    gatedGelu(size, width, z, gate, y); \
  } \
  extern "C" __global__ void gatedGeluGrad_##SUFFIX( \
      int gates, int width, const T* z, const T* gate, const T* g, T* gradZ, T* gradGate) { \
    gatedGeluGrad(gates, width, z, gate, g, gradZ, gradGate); \
  }
FOR_TYPE(GATED_GELU, _)
