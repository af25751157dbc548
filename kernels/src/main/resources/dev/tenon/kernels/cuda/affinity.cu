// What surrounds the matrix products of cross-task affinity and its gradient. The definition, where r counts tasks t, elements k of a
// 3×3 kernel and channels c, in this order,
//
//   y(d, q) = Σ_p M(q, p)·v(d, p),   M(q, p) = bias(q) + Σ_r weight(q, t, k)·f(t, c, q)·f(t, c, p + k),
//
// is linear in v, so that the sum over p can be taken first, and no map of all pairs of pixels exists anywhere:
//
//   y(d, q) = Σ_r X(r, q)·G(r, d),   G(r, d) = Σ_p S(r, p)·v(d, p),   X(r, q) = weight(q, t, k)·f(t, c, q),   S(r, p) = f(t, c, p + k).
//
// One more r stands for the bias: there X is bias(q) and S is 1. Kernels here write S and X of some images, for products to read, and
// read what products make of the gradients: with gy that of y and H(r, d) = Σ_q X(r, q)·gy(d, q), the gradient of v is Σ_r S·H, that of
// X is U(r, q) = Σ_d G(r, d)·gy(d, q), and that of S is V(r, p) = Σ_d H(r, d)·v(d, p).
#include "tenon.cuh"

#define THREADS 256
// How `gradFeatures` shares out its threads.
#define PIXELS 32
#define TEAMS 4

struct Sizes {
  int tasks, channels, height, width;

  __device__ int pixels() const { return height * width; }
  // The r of the bias, and what precedes it.
  __device__ int last() const { return 9 * tasks * channels; }
  __device__ i64 line(int image, int r) const { return ((i64)image * (last() + 1) + r) * pixels(); }
  __device__ i64 plane(int image, int t, int c) const { return (((i64)image * tasks + t) * channels + c) * pixels(); }
};

// Neighbours that are read and written at once.
template <class T, int N> struct __align__(N * sizeof(T)) Neighbors {
  T at[N];
};

template <class T, int N> __device__ inline Neighbors<T, N> neighborsAt(const T* p) { return *(const Neighbors<T, N>*)p; }

// Values of the pixels that lie `dx` further than N pixels of a line from x on; zeros outside of the line. N divides the width.
template <int N, class T> __device__ inline Neighbors<T, N> beside(const T* line, int x, int width, int dx) {
  Neighbors<T, N> there = neighborsAt<T, N>(line + x), all = there;
  if (dx != 0) {
#pragma unroll
    for (int i = 0; i < N; i++) all.at[i] = there.at[dx < 0 ? (i + N - 1) % N : (i + 1) % N];
    int edge = dx < 0 ? 0 : N - 1, from = x + edge + dx;
    bool inside = from >= 0 && from < width;
#pragma unroll
    for (int i = 0; i < N; i++) {
      if (i == edge) store(all.at + i, inside ? load(line + from) : COMPUTE(T)(0));
    }
  }
  return all;
}

// S; N divides the width. Grid: N pixels a thread, r, images.
template <int N, class T> __device__ inline void shifted(const Sizes& s, const T* f, T* lines) {
  int p = (blockIdx.x * THREADS + threadIdx.x) * N, r = blockIdx.y, image = blockIdx.z;
  if (p >= s.pixels()) return;
  Neighbors<T, N> all;
  int tk = r / s.channels, y = p / s.width + tk % 9 / 3 - 1;
  if (r < s.last() && y >= 0 && y < s.height) {
    all = beside<N>(f + s.plane(image, tk / 9, r % s.channels) + y * s.width, p % s.width, s.width, tk % 3 - 1);
  } else {
#pragma unroll
    for (int i = 0; i < N; i++) store(all.at + i, COMPUTE(T)(r == s.last()));
  }
  *(Neighbors<T, N>*)(lines + s.line(image, r) + p) = all;
}

// X. `weight` is [9·tasks + 1, pixels], the bias its last line. Grid: N pixels a thread, r, images.
template <int N, class T> __device__ inline void weighted(const Sizes& s, const T* f, const T* weight, T* lines) {
  int q = (blockIdx.x * THREADS + threadIdx.x) * N, r = blockIdx.y, image = blockIdx.z;
  if (q >= s.pixels()) return;
  Neighbors<T, N> all;
  if (r == s.last()) {
    all = neighborsAt<T, N>(weight + (i64)9 * s.tasks * s.pixels() + q);
  } else {
    int tk = r / s.channels;
    Neighbors<T, N> w = neighborsAt<T, N>(weight + (i64)tk * s.pixels() + q);
    all = neighborsAt<T, N>(f + s.plane(image, tk / 9, r % s.channels) + q);
#pragma unroll
    for (int i = 0; i < N; i++) store(all.at + i, load(w.at + i) * load(all.at + i));
  }
  *(Neighbors<T, N>*)(lines + s.line(image, r) + q) = all;
}

// The gradient of a task's features from those of X and S, and an image's share of those of its kernels and of the bias, [9·tasks + 1,
// pixels]. Teams of threads take channels in turn; N divides the width. Grid: PIXELS·N pixels, tasks, images.
template <int N, class C, class T> __device__ inline void gradFeatures(
    const Sizes& s, const T* f, const T* weight, const T* gradX, const T* gradS, T* gradF, C* shares) {
  __shared__ C part[TEAMS][9][PIXELS * N];
  int lane = threadIdx.x % PIXELS, team = threadIdx.x / PIXELS, t = blockIdx.y, image = blockIdx.z;
  int q = (blockIdx.x * PIXELS + lane) * N, y = q / s.width, x = q % s.width;
  C* share = shares + (i64)image * (9 * s.tasks + 1) * s.pixels();
  C sum[9][N] = {};
  if (q < s.pixels()) {
    C w[9][N];
#pragma unroll
    for (int k = 0; k < 9; k++) {
      Neighbors<T, N> line = neighborsAt<T, N>(weight + (i64)(9 * t + k) * s.pixels() + q);
#pragma unroll
      for (int i = 0; i < N; i++) w[k][i] = load(line.at + i);
    }
    for (int c = team; c < s.channels; c += TEAMS) {
      Neighbors<T, N> features = neighborsAt<T, N>(f + s.plane(image, t, c) + q);
      C grad[N] = {};
#pragma unroll
      for (int k = 0; k < 9; k++) {
        int dy = k / 3 - 1, dx = k % 3 - 1;
        i64 line = s.line(image, (9 * t + k) * s.channels + c) + q;
        Neighbors<T, N> u = neighborsAt<T, N>(gradX + line);
#pragma unroll
        for (int i = 0; i < N; i++) {
          grad[i] += w[k][i] * load(u.at + i);
          sum[k][i] += load(features.at + i) * load(u.at + i);
        }
        // Some line is read in any case, so that no branch keeps loads apart.
        bool inside = y - dy >= 0 && y - dy < s.height;
        Neighbors<T, N> v = beside<N>(gradS + line - x - (inside ? dy : 0) * s.width, x, s.width, -dx);
#pragma unroll
        for (int i = 0; i < N; i++) grad[i] += inside ? load(v.at + i) : C(0);
      }
#pragma unroll
      for (int i = 0; i < N; i++) store(features.at + i, grad[i]);
      *(Neighbors<T, N>*)(gradF + s.plane(image, t, c) + q) = features;
    }
    if (t == 0 && team == 0) {
#pragma unroll
      for (int i = 0; i < N; i++) share[(i64)9 * s.tasks * s.pixels() + q + i] = load(gradX + s.line(image, s.last()) + q + i);
    }
  }
#pragma unroll
  for (int k = 0; k < 9; k++) {
#pragma unroll
    for (int i = 0; i < N; i++) part[team][k][lane * N + i] = sum[k][i];
  }
  __syncthreads();
  for (int e = threadIdx.x; e < 9 * PIXELS * N; e += TEAMS * PIXELS) {
    int k = e / (PIXELS * N), column = e % (PIXELS * N), pixel = blockIdx.x * PIXELS * N + column;
    if (pixel >= s.pixels()) continue;
    C all = 0;
    for (int i = 0; i < TEAMS; i++) all += part[i][k][column];
    share[(i64)(9 * t + k) * s.pixels() + pixel] = all;
  }
}

// The gradients of kernels and bias: the sums of all images' shares. Grid: a pixel a thread, 9·tasks + 1.
template <class C, class T> __device__ inline void gradWeights(const Sizes& s, int images, const C* shares, T* gradWeight, T* gradBias) {
  int q = blockIdx.x * THREADS + threadIdx.x, tk = blockIdx.y;
  if (q >= s.pixels()) return;
  C sum = 0;
  for (int image = 0; image < images; image++) sum += shares[((i64)image * (9 * s.tasks + 1) + tk) * s.pixels() + q];
  store(tk == 9 * s.tasks ? gradBias + q : gradWeight + (i64)q * 9 * s.tasks + tk, sum);
}

#define LINES(N, T, SUFFIX) \
  extern "C" __global__ void __launch_bounds__(THREADS) shifted##N##_##SUFFIX(Sizes s, const T* f, T* lines) { shifted<N>(s, f, lines); } \
  extern "C" __global__ void __launch_bounds__(THREADS) weighted##N##_##SUFFIX(Sizes s, const T* f, const T* weight, T* lines) { \
    weighted<N>(s, f, weight, lines); \
  }
#define GRAD_FEATURES(N, T, SUFFIX) \
  extern "C" __global__ void __launch_bounds__(TEAMS * PIXELS) gradFeatures##N##_##SUFFIX( \
      Sizes s, const T* f, const T* weight, const T* gradX, const T* gradS, T* gradF, Compute<T>::type* shares) { \
    gradFeatures<N>(s, f, weight, gradX, gradS, gradF, shares); \
  }
#define GRAD_WEIGHTS(NAME, T, SUFFIX) \
  extern "C" __global__ void __launch_bounds__(THREADS) NAME##_##SUFFIX( \
      Sizes s, int images, const Compute<T>::type* shares, T* gradWeight, T* gradBias) { \
    gradWeights(s, images, shares, gradWeight, gradBias); \
  }
LINES(1, float, f32)
LINES(1, double, f64)
LINES(1, bf16, bf16)
LINES(4, float, f32)
LINES(8, bf16, bf16)
GRAD_FEATURES(1, float, f32)
GRAD_FEATURES(1, double, f64)
GRAD_FEATURES(1, bf16, bf16)
GRAD_FEATURES(2, float, f32)
GRAD_FEATURES(2, bf16, bf16)
FOR_TYPE(GRAD_WEIGHTS, gradWeights)
