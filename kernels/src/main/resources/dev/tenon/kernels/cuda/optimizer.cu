// Steps of Adam, AdamW and gradient descent, in place.
#include "tenon.cuh"

struct Adam {
  double lr, beta1, beta2, eps, weightDecay, stepSize, correction;
};

template <class T> __device__ inline void adam(
    int size, T* p, const T* grad, T* m, T* v, T* vMax, int decoupled, const Adam& o) {
  typedef COMPUTE(T) C;
  FOR_EACH(i, size) {
    C x = load(p + i);
    C g = decoupled ? load(grad + i) : load(grad + i) + C(o.weightDecay) * x;
    C shrunk = decoupled ? x * C(1 - o.lr * o.weightDecay) : x;
    C mean = C(o.beta1) * load(m + i) + C(1 - o.beta1) * g;
    C square = C(o.beta2) * load(v + i) + C(1 - o.beta2) * g * g;
    C bound = vMax ? Larger::both(load(vMax + i), square) : square;
    store(p + i, shrunk - C(o.stepSize) * mean / (sqrt(bound) / C(o.correction) + C(o.eps)));
    store(m + i, mean);
    store(v + i, square);
    if (vMax) store(vMax + i, bound);
  }
}

struct Descent {
  double lr, momentum, dampening, weightDecay;
};

template <class T> __device__ inline void sgd(
    int size, T* p, const T* grad, T* buffer, int nesterov, int first, const Descent& o) {
  typedef COMPUTE(T) C;
  FOR_EACH(i, size) {
    C x = load(p + i);
    C g = load(grad + i) + C(o.weightDecay) * x;
    C direction = g;
    if (buffer) {
      C b = first ? g : C(o.momentum) * load(buffer + i) + C(1 - o.dampening) * g;
      store(buffer + i, b);
      direction = nesterov ? g + C(o.momentum) * b : b;
    }
    store(p + i, x - C(o.lr) * direction);
  }
}

#define OPTIMIZERS(NAME, T, SUFFIX) \
  extern "C" __global__ void adam_##SUFFIX( \
      int size, T* p, const T* grad, T* m, T* v, T* vMax, int decoupled, double lr, double beta1, double beta2, double eps, \
      double weightDecay, double stepSize, double correction) { \
    adam(size, p, grad, m, v, vMax, decoupled, Adam{lr, beta1, beta2, eps, weightDecay, stepSize, correction}); \
  } \
  extern "C" __global__ void sgd_##SUFFIX( \
      int size, T* p, const T* grad, T* buffer, int nesterov, int first, double lr, double momentum, double dampening, \
      double weightDecay) { \
    sgd(size, p, grad, buffer, nesterov, first, Descent{lr, momentum, dampening, weightDecay}); \
  }
FOR_TYPE(OPTIMIZERS, _)
