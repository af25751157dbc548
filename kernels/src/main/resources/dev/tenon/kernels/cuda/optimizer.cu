// Steps of Adam, AdamW and gradient descent, in place. What differs from step to step is read from memory.
#include "tenon.cuh"

struct Adam {
  double scale, beta1, beta2, eps, weightDecay;
};

template <class T> __device__ inline void adam(
    int size, T* p, const T* grad, const T* rates, T* m, T* v, T* vMax, int decoupled, const Adam& o) {
  typedef COMPUTE(T) C;
  C lr = C(o.scale) * load(rates);
  C stepSize = C(o.scale) * load(rates + 1);
  C correction = load(rates + 2);
  FOR_EACH(i, size) {
    C x = load(p + i);
    C g = decoupled ? load(grad + i) : load(grad + i) + C(o.weightDecay) * x;
    C shrunk = decoupled ? x - lr * C(o.weightDecay) * x : x;
    C mean = C(o.beta1) * load(m + i) + C(1 - o.beta1) * g;
    C square = C(o.beta2) * load(v + i) + C(1 - o.beta2) * g * g;
    C bound = vMax ? Larger::both(load(vMax + i), square) : square;
    store(p + i, shrunk - stepSize * mean / (sqrt(bound) / correction + C(o.eps)));
    store(m + i, mean);
    store(v + i, square);
    if (vMax) store(vMax + i, bound);
  }
}

struct Descent {
  double scale, momentum, weightDecay;
};

template <class T> __device__ inline void sgd(
    int size, T* p, const T* grad, const T* rates, T* buffer, int nesterov, const Descent& o) {
  typedef COMPUTE(T) C;
  C lr = C(o.scale) * load(rates);
  C take = load(rates + 1);
  FOR_EACH(i, size) {
    C x = load(p + i);
    C g = load(grad + i) + C(o.weightDecay) * x;
    C direction = g;
    if (buffer) {
      C b = C(o.momentum) * load(buffer + i) + take * g;
      store(buffer + i, b);
      direction = nesterov ? g + C(o.momentum) * b : b;
    }
    store(p + i, x - lr * direction);
  }
}

#define OPTIMIZERS(NAME, T, SUFFIX) \
  extern "C" __global__ void adam_##SUFFIX( \
      int size, T* p, const T* grad, const T* rates, T* m, T* v, T* vMax, int decoupled, double scale, double beta1, double beta2, \
      double eps, double weightDecay) { \
    adam(size, p, grad, rates, m, v, vMax, decoupled, Adam{scale, beta1, beta2, eps, weightDecay}); \
  } \
  extern "C" __global__ void sgd_##SUFFIX( \
      int size, T* p, const T* grad, const T* rates, T* buffer, int nesterov, double scale, double momentum, double weightDecay) { \
    sgd(size, p, grad, rates, buffer, nesterov, Descent{scale, momentum, weightDecay}); \
  }
FOR_TYPE(OPTIMIZERS, _)
