// What every kernel text starts from: storage types, the type each computes in, walks over strided operands.
// A text is compiled once for each type that it is used with; T (or FROM and TO) names it: f32, f64, bf16, … or, where bits are all
// that matters, bits8 to bits64. IS_REAL says that T is a type to compute in.

// In which type the host passes real parameters.
#ifdef cl_khr_fp64
#pragma OPENCL EXTENSION cl_khr_fp64 : enable
typedef double number;
#else
typedef float number;
#endif

#define PASTE_(a, b) a##b
#define PASTE(a, b) PASTE_(a, b)

typedef float type_f32;
typedef ushort type_f16;
typedef ushort type_bf16;
typedef long type_i64;
typedef int type_i32;
typedef uchar type_u8;
typedef uchar type_bool;
typedef uchar type_bits8;
typedef ushort type_bits16;
typedef uint type_bits32;
typedef ulong type_bits64;

// The type a storage type computes in.
typedef float real_f32;
typedef float real_f16;
typedef float real_bf16;

inline float load_f32(global const float* p) { return *p; }
inline float load_bf16(global const ushort* p) { return as_float((uint)*p << 16); }
inline float load_f16(global const ushort* p) { return vload_half(0, (global const half*)p); }
inline long load_i64(global const long* p) { return *p; }
inline int load_i32(global const int* p) { return *p; }
inline float load_u8(global const uchar* p) { return *p; }
inline float load_bool(global const uchar* p) { return *p; }

inline void store_f32(global float* p, float x) { *p = x; }
inline void store_bf16(global ushort* p, float x) {
  uint bits = as_uint(x);
  *p = x != x ? (ushort)0x7fc0 : (ushort)((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
}
inline void store_f16(global ushort* p, float x) { vstore_half_rte(x, 0, (global half*)p); }

// Four neighbours at once, from a multiple of four elements on.
typedef float4 real4_f32;
typedef float4 real4_f16;
typedef float4 real4_bf16;

inline float4 load4_f32(global const float* p) { return *(global const float4*)p; }
inline float4 load4_bf16(global const ushort* p) { return as_float4(convert_uint4(*(global const ushort4*)p) << 16); }
inline float4 load4_f16(global const ushort* p) { return vload_half4(0, (global const half*)p); }

inline void store4_f32(global float* p, float4 x) { *(global float4*)p = x; }
inline void store4_bf16(global ushort* p, float4 x) {
  store_bf16(p, x.s0);
  store_bf16(p + 1, x.s1);
  store_bf16(p + 2, x.s2);
  store_bf16(p + 3, x.s3);
}
inline void store4_f16(global ushort* p, float4 x) { vstore_half4_rte(x, 0, (global half*)p); }

#ifdef cl_khr_fp64
typedef double type_f64;
typedef double real_f64;
inline double load_f64(global const double* p) { return *p; }
inline void store_f64(global double* p, double x) { *p = x; }
typedef double4 real4_f64;
inline double4 load4_f64(global const double* p) { return *(global const double4*)p; }
inline void store4_f64(global double* p, double4 x) { *(global double4*)p = x; }
#endif

#ifdef T
#define ELEMENT PASTE(type_, T)
#define REAL PASTE(real_, T)
#define LOAD(p) PASTE(load_, T)(p)
#define STORE(p, x) PASTE(store_, T)(p, x)
#define REAL4 PASTE(real4_, T)
#define LOAD4(p) PASTE(load4_, T)(p)
#define STORE4(p, x) PASTE(store4_, T)(p, x)
#endif

// A pointer takes two parameters: a buffer, and how many bytes into it the operand starts. SHIFT takes the second step.
#define POINTER(type, name) global type* name, long name##Start
#define SHIFT(name) name = name ? (global void*)((global uchar*)name + name##Start) : name

// How up to four operands of a common shape lie in memory, in elements from each one's first. Neighbouring dimensions that all
// operands step through alike are one; the last dimension is the innermost.
#define MOST_DIMS 6
typedef struct {
  int rank;
  int size;
  int dim[MOST_DIMS];
  int stride[4][MOST_DIMS];
} Walk;

// Where element i of the walk lies in operand n.
inline int locate(const Walk* w, int n, int i) {
  int at = 0;
  for (int d = w->rank - 1; d >= 0; d--) {
    int outer = d == 0 ? 0 : i / w->dim[d];
    at += (i - outer * w->dim[d]) * w->stride[n][d];
    i = outer;
  }
  return at;
}

// Element i of `size`, one a work-item.
#define FOR_EACH(i, size) \
  int i = (int)get_global_id(0); \
  if (i < (size))

// Sums, and largest and smallest elements, start from and combine by these, alone and over the items of a group. A group's size is a
// power of two; every item gets the result, and the order is always the same.
#define REDUCTION(NAME, START, BOTH) \
  inline REAL start##NAME(void) { return START; } \
  inline REAL both##NAME(REAL a, REAL b) { return BOTH; } \
  inline REAL group##NAME(REAL value, local REAL* part) { \
    int item = (int)get_local_id(0); \
    barrier(CLK_LOCAL_MEM_FENCE); \
    part[item] = value; \
    barrier(CLK_LOCAL_MEM_FENCE); \
    for (int half_ = (int)get_local_size(0) / 2; half_ > 0; half_ /= 2) { \
      if (item < half_) { \
        part[item] = both##NAME(part[item], part[item + half_]); \
      } \
      barrier(CLK_LOCAL_MEM_FENCE); \
    } \
    return part[0]; \
  }
#define REDUCTIONS \
  REDUCTION(Add, 0, a + b) \
  REDUCTION(Larger, -INFINITY, a != a ? a : (b > a || b != b ? b : a)) \
  REDUCTION(Smaller, INFINITY, a != a ? a : (b < a || b != b ? b : a))
#define MOST_ITEMS 256

// What an index that is out of range leaves for the host to report: of several bad ones, any.
typedef struct {
  int set;
  int op;
  long index;
  long extent;
} Fault;

inline bool inRange(long index, long extent, int op, global Fault* fault) {
  if (index >= 0 && index < extent) {
    return true;
  }
  if (atomic_cmpxchg((volatile global int*)&fault->set, 0, 1) == 0) {
    fault->op = op;
    fault->index = index;
    fault->extent = extent;
  }
  return false;
}

// GELU and its derivative in single precision, V a float or a vector of them. bell is e^(−a²/2), with what rounding the square loses
// put back; tail is Φ(−a) by the bell, what remains being a minimax polynomial in 1/(1 + 0.3·a). a is |x|, up to where both vanish.
#define GELU(V, SUFFIX) \
  inline V bell##SUFFIX(V a) { return exp(-0.5f * (a * a)) * (1 - 0.5f * fma(a, a, -(a * a))); } \
  inline V tail##SUFFIX(V a, V bell_) { \
    V t = 1 / (1 + 0.3f * a); \
    V p = -0.020619987f * t + 0.11241604f; \
    p = p * t - 0.2281658f; \
    p = p * t + 0.19171818f; \
    p = p * t - 0.07936588f; \
    p = p * t + 0.09612446f; \
    p = p * t + 0.078401394f; \
    p = p * t + 0.11023278f; \
    p = p * t + 0.11957215f; \
    p = p * t + 0.11968667f; \
    return p * t * bell_; \
  } \
  inline V size##SUFFIX(V x) { return fabs(x) > 14.5f ? (V)14.5f : fabs(x); } \
  inline V gelu##SUFFIX(V x) { \
    V a = size##SUFFIX(x); \
    return fmax(x, (V)0) - a * tail##SUFFIX(a, bell##SUFFIX(a)); \
  } \
  inline V geluGrad##SUFFIX(V x) { \
    V a = size##SUFFIX(x), b = bell##SUFFIX(a), low = tail##SUFFIX(a, b); \
    return (x > 0 ? 1 - low : low) + copysign(a, x) * (b * 0.3989423f); \
  }

#ifdef IS_REAL
inline REAL sigmoid(REAL x) { return 1 / (1 + exp(-x)); }
#ifdef IS_DOUBLE
inline REAL gelu(REAL x) { return 0.5 * x * erfc(-x * 0.70710678118654752); }
inline REAL geluGrad(REAL x) { return 0.5 * erfc(-x * 0.70710678118654752) + x * exp(-0.5 * x * x) * 0.3989422804014327; }
#else
GELU(REAL, )
#endif
#endif
