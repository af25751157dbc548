// Works on lines of a row-major tensor along one dimension, each by itself: softmax and its kin, cross-entropy, layer
// normalisation, running sums and positions. A line belongs to a block or, if it is short, to a warp where its elements are
// neighbours, else to a thread. Short rows that a warp can keep in registers have held.cu, but for cross-entropy.
#include "tenon.cuh"

// The lines: how long, how far apart neighbours are, how many.
struct Lines {
  int length;
  int inner;
  int count;
};

// Who works on a line, and where its elements are.
enum Kind { THREAD, WARP, BLOCK };
template <Kind KIND> struct Team {
  int line, first, step;
  i64 base;
  int inner;
  __device__ Team(const Lines& lines) {
    int thread = blockIdx.x * blockDim.x + threadIdx.x;
    line = KIND == BLOCK ? blockIdx.x : KIND == WARP ? thread / 32 : thread;
    first = KIND == BLOCK ? threadIdx.x : KIND == WARP ? threadIdx.x % 32 : 0;
    step = KIND == BLOCK ? blockDim.x : KIND == WARP ? 32 : 1;
    inner = lines.inner;
    base = (i64)(line / inner) * lines.length * inner + line % inner;
  }
  __device__ i64 at(int i) const { return base + (i64)i * inner; }
  template <class Op, class T> __device__ T all(T value) const {
    return KIND == BLOCK ? blockReduce<Op>(value) : KIND == WARP ? warpReduce<Op>(value) : value;
  }
  __device__ bool leads() const { return first == 0; }
};

template <class T, class C> struct Exponentials {
  C max, sum;
  template <Kind KIND> __device__ Exponentials(const Team<KIND>& team, int length, const T* x) {
    C m = -INFINITY;
    for (int i = team.first; i < length; i += team.step) {
      m = Larger::both(m, load(x + team.at(i)));
    }
    max = team.template all<Larger>(m);
    C s = 0;
    for (int i = team.first; i < length; i += team.step) {
      s += exp(load(x + team.at(i)) - max);
    }
    sum = team.template all<Add>(s);
  }
};

template <Kind KIND, class T> __device__ inline void softmax(const Lines& lines, const T* x, T* y) {
  typedef COMPUTE(T) C;
  Team<KIND> team(lines);
  if (team.line >= lines.count) return;
  Exponentials<T, C> e(team, lines.length, x);
  for (int i = team.first; i < lines.length; i += team.step) {
    store(y + team.at(i), exp(load(x + team.at(i)) - e.max) / e.sum);
  }
}

template <Kind KIND, class T> __device__ inline void softmaxGrad(const Lines& lines, const T* y, const T* g, T* gradX) {
  typedef COMPUTE(T) C;
  Team<KIND> team(lines);
  if (team.line >= lines.count) return;
  C dot = 0;
  for (int i = team.first; i < lines.length; i += team.step) {
    dot += load(y + team.at(i)) * load(g + team.at(i));
  }
  dot = team.template all<Add>(dot);
  for (int i = team.first; i < lines.length; i += team.step) {
    store(gradX + team.at(i), load(y + team.at(i)) * (load(g + team.at(i)) - dot));
  }
}

template <Kind KIND, class T> __device__ inline void logSoftmax(const Lines& lines, const T* x, T* y) {
  typedef COMPUTE(T) C;
  Team<KIND> team(lines);
  if (team.line >= lines.count) return;
  Exponentials<T, C> e(team, lines.length, x);
  C logSum = log(e.sum);
  for (int i = team.first; i < lines.length; i += team.step) {
    store(y + team.at(i), load(x + team.at(i)) - e.max - logSum);
  }
}

template <Kind KIND, class T> __device__ inline void logSoftmaxGrad(const Lines& lines, const T* y, const T* g, T* gradX) {
  typedef COMPUTE(T) C;
  Team<KIND> team(lines);
  if (team.line >= lines.count) return;
  C sum = 0;
  for (int i = team.first; i < lines.length; i += team.step) {
    sum += load(g + team.at(i));
  }
  sum = team.template all<Add>(sum);
  for (int i = team.first; i < lines.length; i += team.step) {
    store(gradX + team.at(i), load(g + team.at(i)) - exp(load(y + team.at(i))) * sum);
  }
}

// The share of class c in a sample's loss.
template <class T, class C> __device__ inline C share(int c, i64 label, int classes, double smoothing, const T* weight) {
  C q = C(smoothing / classes) + (c == label ? C(1 - smoothing) : C(0));
  return weight ? q * load(weight + c) : q;
}

template <Kind KIND, class T> __device__ inline void crossEntropy(
    const Lines& lines, const T* x, const i64* target, const T* weight, T* loss, double smoothing, i64 ignored, int op,
    Fault* fault) {
  typedef COMPUTE(T) C;
  Team<KIND> team(lines);
  if (team.line >= lines.count) return;
  i64 label = target[team.line];
  if (label == ignored || !inRange(label, lines.length, op, fault)) {
    if (team.leads()) store(loss + team.line, C(0));
    return;
  }
  Exponentials<T, C> e(team, lines.length, x);
  C logSum = log(e.sum);
  C sum = 0;
  for (int i = team.first; i < lines.length; i += team.step) {
    C q = share<T, C>(i, label, lines.length, smoothing, weight);
    sum += q == 0 ? C(0) : q * (e.max - load(x + team.at(i)) + logSum);
  }
  sum = team.template all<Add>(sum);
  if (team.leads()) store(loss + team.line, sum);
}

template <Kind KIND, class T> __device__ inline void crossEntropyGrad(
    const Lines& lines, const T* x, const i64* target, const T* weight, const T* g, T* gradX, double smoothing, i64 ignored,
    int op, Fault* fault) {
  typedef COMPUTE(T) C;
  Team<KIND> team(lines);
  if (team.line >= lines.count) return;
  i64 label = target[team.line];
  if (label == ignored || !inRange(label, lines.length, op, fault)) {
    for (int i = team.first; i < lines.length; i += team.step) store(gradX + team.at(i), C(0));
    return;
  }
  Exponentials<T, C> e(team, lines.length, x);
  C total = 0;
  for (int i = team.first; i < lines.length; i += team.step) {
    total += share<T, C>(i, label, lines.length, smoothing, weight);
  }
  total = team.template all<Add>(total);
  C scale = load(g + team.line);
  for (int i = team.first; i < lines.length; i += team.step) {
    C p = exp(load(x + team.at(i)) - e.max) / e.sum;
    store(gradX + team.at(i), scale * (total * p - share<T, C>(i, label, lines.length, smoothing, weight)));
  }
}

template <class T> __device__ inline void cumSum(const Lines& lines, const T* x, T* y, int reverse) {
  Team<THREAD> team(lines);
  if (team.line >= lines.count) return;
  COMPUTE(T) sum = 0;
  for (int i = 0; i < lines.length; i++) {
    i64 at = team.at(reverse ? lines.length - 1 - i : i);
    sum += load(x + at);
    store(y + at, sum);
  }
}

template <class T> __device__ inline void argMax(const Lines& lines, const T* x, i64* y) {
  Team<THREAD> team(lines);
  if (team.line >= lines.count) return;
  COMPUTE(T) best = load(x + team.at(0));
  int found = 0;
  for (int i = 1; i < lines.length; i++) {
    COMPUTE(T) value = load(x + team.at(i));
    if (value > best || (value != value && best == best)) {
      best = value;
      found = i;
    }
  }
  y[team.line] = found;
}

// A row's elements that a thread of its block has to itself: in packs and in registers if there are few enough.
#define PACKS 2
template <class T> __device__ inline bool rowInPacks(int n, const void* x, const void* y) {
  return n % Pack<T>::SIZE == 0 && n <= PACKS * Pack<T>::SIZE * (int)blockDim.x && isAligned(x) && isAligned(y);
}
// Calls work(column, registers) for each of them; those of a pack are neighbours.
template <class T, class Work> __device__ inline void eachPack(int n, Work work) {
  const int SIZE = Pack<T>::SIZE;
#pragma unroll
  for (int p = 0; p < PACKS; p++) {
    int column = (p * blockDim.x + threadIdx.x) * SIZE;
    if (column < n) work(column, p * SIZE);
  }
}
template <class T> __device__ inline void loadPack(const T* from, COMPUTE(T)* to) {
  Pack<T> pack = *(const Pack<T>*)from;
#pragma unroll
  for (int j = 0; j < Pack<T>::SIZE; j++) to[j] = load(pack.at + j);
}
template <class T> __device__ inline void storePack(const COMPUTE(T)* from, T* to) {
  Pack<T> pack;
#pragma unroll
  for (int j = 0; j < Pack<T>::SIZE; j++) store(pack.at + j, from[j]);
  *(Pack<T>*)to = pack;
}

template <class T> __device__ inline void layerNorm(
    int n, const T* x, const T* weight, const T* bias, T* y, T* mean, T* rstd, double eps) {
  typedef COMPUTE(T) C;
  const int SIZE = Pack<T>::SIZE;
  i64 row = (i64)blockIdx.x * n;
  C own[PACKS * SIZE];
  bool packs = rowInPacks<T>(n, x, y) && isAligned(weight) && isAligned(bias);
  C sum = 0;
  if (packs) {
    eachPack<T>(n, [&](int column, int r) {
      loadPack(x + row + column, own + r);
#pragma unroll
      for (int j = 0; j < SIZE; j++) sum += own[r + j];
    });
  } else {
    for (int i = threadIdx.x; i < n; i += blockDim.x) sum += load(x + row + i);
  }
  int count = max(n, 1);
  C m = blockReduce<Add>(sum) / count;
  sum = 0;
  if (packs) {
    eachPack<T>(n, [&](int, int r) {
#pragma unroll
      for (int j = 0; j < SIZE; j++) sum += (own[r + j] - m) * (own[r + j] - m);
    });
  } else {
    for (int i = threadIdx.x; i < n; i += blockDim.x) {
      C d = load(x + row + i) - m;
      sum += d * d;
    }
  }
  C r = 1 / sqrt(blockReduce<Add>(sum) / count + C(eps));
  if (threadIdx.x == 0) {
    store(mean + blockIdx.x, m);
    store(rstd + blockIdx.x, r);
  }
  if (packs) {
    eachPack<T>(n, [&](int column, int k) {
      C scale[SIZE], shift[SIZE];
      if (weight) {
        loadPack(weight + column, scale);
        loadPack(bias + column, shift);
      }
#pragma unroll
      for (int j = 0; j < SIZE; j++) {
        C z = (own[k + j] - m) * r;
        own[k + j] = weight ? z * scale[j] + shift[j] : z;
      }
      storePack(own + k, y + row + column);
    });
  } else {
    for (int i = threadIdx.x; i < n; i += blockDim.x) {
      C z = (load(x + row + i) - m) * r;
      store(y + row + i, weight ? z * load(weight + i) + load(bias + i) : z);
    }
  }
}

template <class T> __device__ inline void layerNormGrad(
    int n, const T* g, const T* x, const T* mean, const T* rstd, const T* weight, T* gradX) {
  typedef COMPUTE(T) C;
  const int SIZE = Pack<T>::SIZE;
  i64 row = (i64)blockIdx.x * n;
  C m = load(mean + blockIdx.x);
  C r = load(rstd + blockIdx.x);
  C scaled[PACKS * SIZE], normed[PACKS * SIZE];
  bool packs = rowInPacks<T>(n, x, gradX) && isAligned(g) && isAligned(weight);
  C sum = 0, dot = 0;
  if (packs) {
    eachPack<T>(n, [&](int column, int k) {
      C scale[SIZE];
      loadPack(g + row + column, scaled + k);
      loadPack(x + row + column, normed + k);
      if (weight) loadPack(weight + column, scale);
#pragma unroll
      for (int j = 0; j < SIZE; j++) {
        scaled[k + j] = weight ? scaled[k + j] * scale[j] : scaled[k + j];
        normed[k + j] = (normed[k + j] - m) * r;
        sum += scaled[k + j];
        dot += scaled[k + j] * normed[k + j];
      }
    });
  } else {
    for (int i = threadIdx.x; i < n; i += blockDim.x) {
      C value = weight ? load(g + row + i) * load(weight + i) : load(g + row + i);
      sum += value;
      dot += value * (load(x + row + i) - m) * r;
    }
  }
  sum = blockReduce<Add>(sum) / n;
  dot = blockReduce<Add>(dot) / n;
  if (packs) {
    eachPack<T>(n, [&](int column, int k) {
#pragma unroll
      for (int j = 0; j < SIZE; j++) scaled[k + j] = r * (scaled[k + j] - sum - normed[k + j] * dot);
      storePack(scaled + k, gradX + row + column);
    });
  } else {
    for (int i = threadIdx.x; i < n; i += blockDim.x) {
      C value = weight ? load(g + row + i) * load(weight + i) : load(g + row + i);
      store(gradX + row + i, r * (value - sum - (load(x + row + i) - m) * r * dot));
    }
  }
}

// Sums over a chunk of the rows of what weight and bias get; one thread a column, one row of blocks a chunk.
// The parts [chunks, 2, n] are summed by reduce.cu.
template <class T> __device__ inline void layerNormGradParts(
    int rows, int n, int chunk, const T* g, const T* x, const T* mean, const T* rstd, COMPUTE(T)* parts) {
  typedef COMPUTE(T) C;
  int column = blockIdx.x * blockDim.x + threadIdx.x;
  if (column >= n) return;
  C weight = 0, bias = 0;
  int end = min(rows, (int)(blockIdx.y + 1) * chunk);
#pragma unroll 4
  for (int row = blockIdx.y * chunk; row < end; row++) {
    C value = load(g + (i64)row * n + column);
    weight += value * (load(x + (i64)row * n + column) - load(mean + row)) * load(rstd + row);
    bias += value;
  }
  C* part = parts + (i64)blockIdx.y * 2 * n + column;
  part[0] = weight;
  part[n] = bias;
}

#define SOFTMAXES(TEAM, KIND, T, SUFFIX) \
  extern "C" __global__ void softmax_##TEAM##_##SUFFIX(Lines lines, const T* x, T* y) { softmax<KIND>(lines, x, y); } \
  extern "C" __global__ void softmaxGrad_##TEAM##_##SUFFIX(Lines lines, const T* y, const T* g, T* gradX) { \
    softmaxGrad<KIND>(lines, y, g, gradX); \
  } \
  extern "C" __global__ void logSoftmax_##TEAM##_##SUFFIX(Lines lines, const T* x, T* y) { logSoftmax<KIND>(lines, x, y); } \
  extern "C" __global__ void logSoftmaxGrad_##TEAM##_##SUFFIX(Lines lines, const T* y, const T* g, T* gradX) { \
    logSoftmaxGrad<KIND>(lines, y, g, gradX); \
  }
#define CROSS_ENTROPIES(TEAM, KIND, T, SUFFIX) \
  extern "C" __global__ void crossEntropy_##TEAM##_##SUFFIX( \
      Lines lines, const T* x, const i64* target, const T* weight, T* loss, double smoothing, i64 ignored, int op, Fault* fault) { \
    crossEntropy<KIND>(lines, x, target, weight, loss, smoothing, ignored, op, fault); \
  } \
  extern "C" __global__ void crossEntropyGrad_##TEAM##_##SUFFIX( \
      Lines lines, const T* x, const i64* target, const T* weight, const T* g, T* gradX, double smoothing, i64 ignored, int op, \
      Fault* fault) { \
    crossEntropyGrad<KIND>(lines, x, target, weight, g, gradX, smoothing, ignored, op, fault); \
  }
#define ROWS(NAME, T, SUFFIX) \
  SOFTMAXES(block, BLOCK, T, SUFFIX) \
  SOFTMAXES(thread, THREAD, T, SUFFIX) \
  CROSS_ENTROPIES(block, BLOCK, T, SUFFIX) \
  CROSS_ENTROPIES(warp, WARP, T, SUFFIX) \
  CROSS_ENTROPIES(thread, THREAD, T, SUFFIX) \
  extern "C" __global__ void cumSum_thread_##SUFFIX(Lines lines, const T* x, T* y, int reverse) { cumSum(lines, x, y, reverse); } \
  extern "C" __global__ void argMax_thread_##SUFFIX(Lines lines, const T* x, i64* y) { argMax(lines, x, y); } \
  extern "C" __global__ void layerNorm_##SUFFIX( \
      int n, const T* x, const T* weight, const T* bias, T* y, T* mean, T* rstd, double eps) { \
    layerNorm(n, x, weight, bias, y, mean, rstd, eps); \
  } \
  extern "C" __global__ void layerNormGrad_##SUFFIX( \
      int n, const T* g, const T* x, const T* mean, const T* rstd, const T* weight, T* gradX) { \
    layerNormGrad(n, g, x, mean, rstd, weight, gradX); \
  } \
  extern "C" __global__ void layerNormGradParts_##SUFFIX( \
      int rows, int n, int chunk, const T* g, const T* x, const T* mean, const T* rstd, Compute<T>::type* parts) { \
    layerNormGradParts(rows, n, chunk, g, x, mean, rstd, parts); \
  }
FOR_TYPE(ROWS, _)
