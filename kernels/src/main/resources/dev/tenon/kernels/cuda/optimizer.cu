// Steps of Adam, AdamW, gradient descent and running averages, in place, conversions of what they change and sums of squares, over the
// elements of many parameters in one launch. What differs from step to step is read from memory. What is fused is spelt out: left to the
// compiler, bits would depend on the code around.
#include "tenon.cuh"

// Parameters that a launch steps: how many; then of each its addresses, and its size below the chunks of all up to its end.
#define GROUP_WORDS 480
struct Group {
  u64 count;
  u64 word[GROUP_WORDS - 1];
};

// Elements of a thread; those of a block are a chunk.
#define EACH 4

// What a thread works on: elements first, first + blockDim.x, … of the tensor with these N addresses.
template <int N> struct Part {
  u64 at[N];
  i64 first, size;

  __device__ inline explicit Part(const Group& group) {
    const int WORDS = N + 1;
    int chunk = blockIdx.x;
    int tensor = 0;
    for (int last = (int)group.count - 1; tensor < last;) {
      int middle = (tensor + last) / 2;
      if ((int)(group.word[middle * WORDS + N] >> 32) > chunk) last = middle;
      else tensor = middle + 1;
    }
    if (tensor > 0) chunk -= (int)(group.word[tensor * WORDS - 1] >> 32);
    size = (u32)group.word[tensor * WORDS + N];
    first = (i64)chunk * (EACH * blockDim.x) + threadIdx.x;
#pragma unroll
    for (int n = 0; n < N; n++) at[n] = group.word[tensor * WORDS + n];
  }
};

// step() is given an element of each of N operands and changes all but the second. Addresses that are null are of operands that it has not.
template <class T, int N, class Step> __device__ inline void update(const Group& group, const Step& step) {
  typedef COMPUTE(T) C;
  Part<N> part(group);
  T* at[N];
#pragma unroll
  for (int n = 0; n < N; n++) at[n] = (T*)part.at[n];
  C x[EACH][N];
#pragma unroll
  for (int e = 0; e < EACH; e++) {
    i64 i = part.first + e * blockDim.x;
#pragma unroll
    for (int n = 0; n < N; n++) {
      x[e][n] = i < part.size && at[n] ? load(at[n] + i) : C(0);
    }
  }
#pragma unroll
  for (int e = 0; e < EACH; e++) {
    i64 i = part.first + e * blockDim.x;
    if (i < part.size) {
      step(x[e]);
#pragma unroll
      for (int n = 0; n < N; n++) {
        if (n != 1 && at[n]) store(at[n] + i, x[e][n]);
      }
    }
  }
}

// On p, the gradient, m, v and, for AMSGrad, the largest v so far.
template <class C> struct Adam {
  C lr, stepSize, correction, share, beta1, rest1, beta2, rest2, eps, weightDecay;
  bool decoupled, largest;

  __device__ inline void operator()(C* x) const {
    C taken = share * x[1];
    C g = decoupled ? taken : fma(weightDecay, x[0], taken);
    C shrunk = decoupled ? fma(-lr * weightDecay, x[0], x[0]) : x[0];
    C mean = fma(beta1, x[2], rest1 * g);
    C square = fma(beta2, x[3], rest2 * g * g);
    C bound = largest ? Larger::both(x[4], square) : square;
    x[0] = shrunk - stepSize * mean / (sqrt(bound) / correction + eps);
    x[2] = mean;
    x[3] = square;
    x[4] = bound;
  }
};

// On p, the gradient and, with momentum, the buffer.
template <class C> struct Descent {
  C lr, take, share, momentum, weightDecay;
  bool buffered, nesterov;

  __device__ inline void operator()(C* x) const {
    C g = fma(weightDecay, x[0], share * x[1]);
    C direction = g;
    if (buffered) {
      x[2] = fma(momentum, x[2], take * g);
      direction = nesterov ? fma(momentum, x[2], g) : x[2];
    }
    x[0] = fma(-lr, direction, x[0]);
  }
};

// On the average and the value it moves towards.
template <class C> struct Average {
  C rate;

  __device__ inline void operator()(C* x) const { x[0] = fma(-rate, x[0] - x[1], x[0]); }
};

#define OPTIMIZERS(NAME, T, SUFFIX) \
  extern "C" __global__ void adam_##SUFFIX( \
      const __grid_constant__ Group group, const T* rates, int decoupled, double scale, double beta1, double beta2, double eps, \
      double weightDecay) { \
    typedef Compute<T>::type C; \
    update<T, 5>(group, Adam<C>{C(scale) * load(rates), C(scale) * load(rates + 1), load(rates + 2), load(rates + 3), C(beta1), \
        C(1 - beta1), C(beta2), C(1 - beta2), C(eps), C(weightDecay), decoupled != 0, group.word[4] != 0}); \
  } \
  extern "C" __global__ void sgd_##SUFFIX( \
      const __grid_constant__ Group group, const T* rates, int nesterov, double scale, double momentum, double weightDecay) { \
    typedef Compute<T>::type C; \
    update<T, 3>(group, Descent<C>{C(scale) * load(rates), load(rates + 1), load(rates + 2), C(momentum), C(weightDecay), \
        group.word[2] != 0, nesterov != 0}); \
  } \
  extern "C" __global__ void average_##SUFFIX(const __grid_constant__ Group group, const T* rates) { \
    typedef Compute<T>::type C; \
    update<T, 2>(group, Average<C>{load(rates)}); \
  }
FOR_TYPE(OPTIMIZERS, _)

template <class FROM, class TO> __device__ inline void convert(const Group& group) {
  Part<2> part(group);
  const FROM* __restrict__ from = (const FROM*)part.at[0];
  TO* __restrict__ to = (TO*)part.at[1];
#pragma unroll
  for (int e = 0; e < EACH; e++) {
    i64 i = part.first + e * blockDim.x;
    if (i < part.size) store(to + i, load(from + i));
  }
}

extern "C" __global__ void cast_f32_bf16(const __grid_constant__ Group group) { convert<float, bf16>(group); }
extern "C" __global__ void cast_bf16_f32(const __grid_constant__ Group group) { convert<bf16, float>(group); }

// A block a chunk: the sum of its squares.
template <class T> __device__ inline void squares(const Group& group, COMPUTE(T)* parts) {
  typedef COMPUTE(T) C;
  Part<1> part(group);
  const T* x = (const T*)part.at[0];
  C sum = 0;
#pragma unroll
  for (int e = 0; e < EACH; e++) {
    i64 i = part.first + e * blockDim.x;
    C value = i < part.size ? load(x + i) : C(0);
    sum = fma(value, value, sum);
  }
  sum = blockReduce<Add>(sum);
  if (threadIdx.x == 0) parts[blockIdx.x] = sum;
}
#define SQUARES(NAME, T, SUFFIX) \
  extern "C" __global__ void squares_##SUFFIX(const __grid_constant__ Group group, Compute<T>::type* parts) { squares<T>(group, parts); }
FOR_TYPE(SQUARES, _)
