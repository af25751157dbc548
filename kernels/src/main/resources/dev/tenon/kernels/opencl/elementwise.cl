// Element-wise functions, their gradients, and pairs: one kernel an entry of the tables.
#include "tenon.clh"

#ifdef IS_REAL

REDUCTIONS

inline REAL hardSigmoid(REAL x) { return x != x ? x : min(max(x / 6 + (REAL)0.5, (REAL)0), (REAL)1); }
inline REAL tanhArgument(REAL x) { return (REAL)0.79788456080286536 * (x + (REAL)0.044715 * x * x * x); }
inline REAL geluTanhGrad(REAL x) {
  REAL s = sigmoid(2 * tanhArgument(x));
  REAL t = sigmoid(-2 * tanhArgument(x));
  return s * (1 + 2 * x * t * (REAL)0.79788456080286536 * (1 + (REAL)(3 * 0.044715) * x * x));
}

// Stores VALUE of x and y, elements of the operands, for all of a walk: an item an element or, where it walks by FOURS of them, four.
#ifdef FOURS
#define PART(VALUE, part) \
  { \
    REAL x = xs.part, y = ys.part; \
    zs.part = VALUE; \
  }
#define LOCATE(n) (w.rank == 1 ? i : locate(&w, n, i))
#define MAP(VALUE, left, right, second) \
  FOR_EACH(i, w.size) { \
    REAL4 xs = LOAD4(left + 4 * LOCATE(0)), ys = LOAD4(right + 4 * LOCATE(second)), zs; \
    PART(VALUE, s0) \
    PART(VALUE, s1) \
    PART(VALUE, s2) \
    PART(VALUE, s3) \
    STORE4(to + 4 * i, zs); \
  }
#else
#define MAP(VALUE, left, right, second) \
  FOR_EACH(i, w.size) { \
    REAL x = LOAD(left + locate(&w, 0, i)), y = LOAD(right + locate(&w, second, i)); \
    STORE(to + i, VALUE); \
  }
#endif

// Value and derivative in x; a and b are the function's parameters.
#define UNARY(NAME, VALUE, DERIVATIVE) \
  kernel void unary_##NAME(Walk w, POINTER(const ELEMENT, from), POINTER(ELEMENT, to), number a_, number b_) { \
    SHIFT(from); \
    SHIFT(to); \
    REAL a = (REAL)a_, b = (REAL)b_; \
    MAP(VALUE, from, from, 0) \
  } \
  kernel void unaryGrad_##NAME( \
      Walk w, POINTER(const ELEMENT, from), POINTER(const ELEMENT, grad), POINTER(ELEMENT, to), number a_, number b_) { \
    SHIFT(from); \
    SHIFT(grad); \
    SHIFT(to); \
    REAL a = (REAL)a_, b = (REAL)b_; \
    MAP(y * (DERIVATIVE), from, grad, 1) \
  }
UNARY(AFFINE, a * x + b, a)
UNARY(EXP, exp(x), exp(x))
UNARY(LOG, log(x), 1 / x)
UNARY(SQRT, sqrt(x), (REAL)0.5 / sqrt(x))
UNARY(RSQRT, 1 / sqrt(x), (REAL)-0.5 / (x * sqrt(x)))
UNARY(SQUARE, x * x, 2 * x)
UNARY(RECIPROCAL, 1 / x, -1 / (x * x))
UNARY(POW, pow(x, a), a == 0 ? (REAL)0 : a * pow(x, a - 1))
UNARY(ABS, fabs(x), x > 0 ? (REAL)1 : x < 0 ? (REAL)-1 : x)
UNARY(CLAMP, x != x ? x : min(max(x, a), b), x >= a && x <= b ? (REAL)1 : (REAL)0)
UNARY(SIN, sin(x), cos(x))
UNARY(COS, cos(x), -sin(x))
UNARY(ACOS, acos(x), -1 / sqrt((1 - x) * (1 + x)))
UNARY(ERF, erf(x), (REAL)1.1283791670955126 * exp(-x * x))
UNARY(TANH, tanh(x), (1 - tanh(x)) * (1 + tanh(x)))
UNARY(SIGMOID, sigmoid(x), sigmoid(x) * sigmoid(-x))
UNARY(SOFTPLUS, max(x, (REAL)0) + log1p(exp(-fabs(x))), sigmoid(x))
UNARY(RELU, x != x ? x : max(x, (REAL)0), x > 0 ? (REAL)1 : (REAL)0)
UNARY(RELU6, x != x ? x : min(max(x, (REAL)0), (REAL)6), x > 0 && x < 6 ? (REAL)1 : (REAL)0)
UNARY(LEAKY_RELU, x > 0 ? x : a * x, x > 0 ? (REAL)1 : a)
UNARY(ELU, x > 0 ? x : a * expm1(x), x > 0 ? (REAL)1 : a * exp(x))
UNARY(SILU, x * sigmoid(x), sigmoid(x) * (1 + x * sigmoid(-x)))
UNARY(HARD_SIGMOID, hardSigmoid(x), x > -3 && x < 3 ? (REAL)1 / 6 : (REAL)0)
UNARY(HARD_SWISH, x * hardSigmoid(x), x < -3 ? (REAL)0 : x <= 3 ? x / 3 + (REAL)0.5 : (REAL)1)
UNARY(GELU, gelu(x), geluGrad(x))
UNARY(GELU_TANH, x * sigmoid(2 * tanhArgument(x)), geluTanhGrad(x))
UNARY(QUICK_GELU, x * sigmoid((REAL)1.702 * x), sigmoid((REAL)1.702 * x) * (1 + (REAL)1.702 * x * sigmoid((REAL)-1.702 * x)))

#define BINARY(NAME, VALUE) \
  kernel void binary_##NAME(Walk w, POINTER(const ELEMENT, left), POINTER(const ELEMENT, right), POINTER(ELEMENT, to)) { \
    SHIFT(left); \
    SHIFT(right); \
    SHIFT(to); \
    MAP(VALUE, left, right, 1) \
  }
BINARY(ADD, x + y)
BINARY(SUB, x - y)
BINARY(MUL, x * y)
BINARY(DIV, x / y)
BINARY(MAX, bothLarger(x, y))
BINARY(MIN, bothSmaller(x, y))
BINARY(POW, pow(x, y))

// GELU of a hidden layer gated by expert: one item an element; the gate is repeated over the expert's width.
kernel void gatedGelu(int size, int width, POINTER(const ELEMENT, z), POINTER(const ELEMENT, gate), POINTER(ELEMENT, y)) {
  SHIFT(z);
  SHIFT(gate);
  SHIFT(y);
  FOR_EACH(i, size) {
    STORE(y + i, gelu(LOAD(z + i) * LOAD(gate + i / width)));
  }
}

// A group a gate: its gradient is a sum over the expert's width.
kernel void gatedGeluGrad(int gates, int width, POINTER(const ELEMENT, z), POINTER(const ELEMENT, gate), POINTER(const ELEMENT, g),
    POINTER(ELEMENT, gradZ), POINTER(ELEMENT, gradGate)) {
  local REAL part[MOST_ITEMS];
  SHIFT(z);
  SHIFT(gate);
  SHIFT(g);
  SHIFT(gradZ);
  SHIFT(gradGate);
  int group = (int)get_group_id(0);
  if (group >= gates) return;
  REAL weight = LOAD(gate + group);
  REAL sum = 0;
  long first = (long)group * width;
  for (int c = (int)get_local_id(0); c < width; c += (int)get_local_size(0)) {
    REAL value = LOAD(z + first + c);
    REAL gated = LOAD(g + first + c) * geluGrad(value * weight);
    STORE(gradZ + first + c, gated * weight);
    sum += gated * value;
  }
  sum = groupAdd(sum, part);
  if (get_local_id(0) == 0) {
    STORE(gradGate + group, sum);
  }
}

#endif

// In any type, whole numbers included.
#define COMPARE(NAME, RELATION) \
  kernel void compare_##NAME(Walk w, POINTER(const ELEMENT, left), POINTER(const ELEMENT, right), POINTER(uchar, to)) { \
    SHIFT(left); \
    SHIFT(right); \
    SHIFT(to); \
    FOR_EACH(i, w.size) { \
      to[i] = LOAD(left + locate(&w, 0, i)) RELATION LOAD(right + locate(&w, 1, i)); \
    } \
  }
COMPARE(EQ, ==)
COMPARE(NE, !=)
COMPARE(LT, <)
COMPARE(LE, <=)
COMPARE(GT, >)
COMPARE(GE, >=)

kernel void where(
    Walk w, POINTER(const uchar, condition), POINTER(const ELEMENT, x), POINTER(const ELEMENT, y), POINTER(ELEMENT, z)) {
  SHIFT(condition);
  SHIFT(x);
  SHIFT(y);
  SHIFT(z);
  FOR_EACH(i, w.size) {
    z[i] = condition[locate(&w, 0, i)] ? x[locate(&w, 1, i)] : y[locate(&w, 2, i)];
  }
}
