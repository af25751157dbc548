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
  ENTRY(GELU, gelu(x), geluGrad(x)) \
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

template <class F, class T> __device__ inline void unary(const Walk& w, const T* x, T* y, double a, double b) {
  typedef COMPUTE(T) C;
  bool flat = w.rank == 1 && w.stride[0][0] == 1;
  FOR_EACH(i, w.size) {
    int at[1] = {(int)i};
    if (!flat) {
      locate<1>(w, (int)i, at);
    }
    store(y + i, F::value(load(x + at[0]), C(a), C(b)));
  }
}

template <class F, class T> __device__ inline void unaryGrad(
    const Walk& w, const T* x, const T* g, T* y, double a, double b) {
  typedef COMPUTE(T) C;
  bool flat = w.rank == 1 && w.stride[0][0] == 1 && w.stride[1][0] == 1;
  FOR_EACH(i, w.size) {
    int at[2] = {(int)i, (int)i};
    if (!flat) {
      locate<2>(w, (int)i, at);
    }
    store(y + i, load(g + at[1]) * F::derivative(load(x + at[0]), C(a), C(b)));
  }
}

template <class F, class T, class R> __device__ inline void binary(const Walk& w, const T* x, const T* y, R* z) {
  bool flat = w.rank == 1 && w.stride[0][0] == 1 && w.stride[1][0] == 1;
  FOR_EACH(i, w.size) {
    int at[2] = {(int)i, (int)i};
    if (!flat) {
      locate<2>(w, (int)i, at);
    }
    F::apply(load(x + at[0]), load(y + at[1]), z + i);
  }
}

#define UNARY_KERNELS(NAME, T, SUFFIX) \
  extern "C" __global__ void unary_##NAME##_##SUFFIX(Walk w, const T* x, T* y, double a, double b) { \
    unary<NAME##Function>(w, x, y, a, b); \
  } \
  extern "C" __global__ void unaryGrad_##NAME##_##SUFFIX( \
      Walk w, const T* x, const T* g, T* y, double a, double b) { \
    unaryGrad<NAME##Function>(w, x, g, y, a, b); \
  }
#define UNARY(NAME, VALUE, DERIVATIVE) \
  struct NAME##Function { \
    template <class C> __device__ static C value(C x, C a, C b) { return VALUE; } \
    template <class C> __device__ static C derivative(C x, C a, C b) { return DERIVATIVE; } \
  }; \
  FOR_TYPE(UNARY_KERNELS, NAME)
UNARY_TABLE(UNARY)

#define BINARY_KERNELS(NAME, T, SUFFIX) \
  extern "C" __global__ void binary_##NAME##_##SUFFIX(Walk w, const T* x, const T* y, T* z) { \
    binary<NAME##Pair>(w, x, y, z); \
  }
#define BINARY(NAME, VALUE) \
  struct NAME##Pair { \
    template <class C, class R> __device__ static void apply(C x, C y, R* z) { store(z, C(VALUE)); } \
  }; \
  FOR_TYPE(BINARY_KERNELS, NAME)
BINARY_TABLE(BINARY)

#define COMPARE_KERNELS(NAME, T, SUFFIX) \
  extern "C" __global__ void compare_##NAME##_##SUFFIX(Walk w, const T* x, const T* y, unsigned char* z) { \
    binary<NAME##Relation>(w, x, y, z); \
  }
#define COMPARE(NAME, VALUE) \
  struct NAME##Relation { \
    template <class C> __device__ static void apply(C x, C y, unsigned char* z) { *z = VALUE; } \
  }; \
  FOR_TYPE(COMPARE_KERNELS, NAME)
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
  extern "C" __global__ void where_##SUFFIX(Walk w, const unsigned char* condition, const T* x, const T* y, T* z) { \
    where(w, condition, x, y, z); \
  }
FOR_TYPE(WHERE, _)

// GELU of a hidden layer gated by expert: one thread an element; the gate is repeated over the expert's width.
template <class T> __device__ inline void gatedGelu(int size, int width, const T* z, const T* gate, T* y) {
  FOR_EACH(i, size) {
    store(y + i, gelu(load(z + i) * load(gate + i / width)));
  }
}

// One block a gate: its gradient is a sum over the expert's width.
template <class T> __device__ inline void gatedGeluGrad(
    int width, const T* z, const T* gate, const T* g, T* gradZ, T* gradGate) {
  typedef COMPUTE(T) C;
  C weight = load(gate + blockIdx.x);
  C sum = 0;
  i64 first = (i64)blockIdx.x * width;
  for (int c = threadIdx.x; c < width; c += blockDim.x) {
    C value = load(z + first + c);
    C gated = load(g + first + c) * geluGrad(value * weight);
    store(gradZ + first + c, gated * weight);
    sum += gated * value;
  }
  sum = blockReduce<Add>(sum);
  if (threadIdx.x == 0) {
    store(gradGate + blockIdx.x, sum);
  }
}
#define GATED_GELU(NAME, T, SUFFIX) \
  extern "C" __global__ void gatedGelu_##SUFFIX(int size, int width, const T* z, const T* gate, T* y) { \
    gatedGelu(size, width, z, gate, y); \
  } \
  extern "C" __global__ void gatedGeluGrad_##SUFFIX( \
      int width, const T* z, const T* gate, const T* g, T* gradZ, T* gradGate) { \
    gatedGeluGrad(width, z, gate, g, gradZ, gradGate); \
  }
FOR_TYPE(GATED_GELU, _)
