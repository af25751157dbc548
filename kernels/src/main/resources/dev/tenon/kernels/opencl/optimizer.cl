// Steps of Adam, AdamW and gradient descent, in place. What differs from step to step is read from memory.
#include "tenon.clh"

kernel void adam(int size, POINTER(ELEMENT, p), POINTER(const ELEMENT, grad), POINTER(const ELEMENT, rates), POINTER(ELEMENT, m),
    POINTER(ELEMENT, v), POINTER(ELEMENT, vMax), int decoupled, number scale, number beta1, number beta2, number eps,
    number weightDecay) {
  SHIFT(p);
  SHIFT(grad);
  SHIFT(rates);
  SHIFT(m);
  SHIFT(v);
  SHIFT(vMax);
  REAL lr = (REAL)scale * LOAD(rates);
  REAL stepSize = (REAL)scale * LOAD(rates + 1);
  REAL correction = LOAD(rates + 2);
  FOR_EACH(i, size) {
    REAL x = LOAD(p + i);
    REAL g = decoupled ? LOAD(grad + i) : LOAD(grad + i) + (REAL)weightDecay * x;
    REAL shrunk = decoupled ? x - lr * (REAL)weightDecay * x : x;
    REAL mean = (REAL)beta1 * LOAD(m + i) + (REAL)(1 - beta1) * g;
    REAL square = (REAL)beta2 * LOAD(v + i) + (REAL)(1 - beta2) * g * g;
    REAL bound = square;
    if (vMax) {
      REAL before = LOAD(vMax + i);
      bound = before != before ? before : (square > before || square != square ? square : before);
      STORE(vMax + i, bound);
    }
    STORE(p + i, shrunk - stepSize * mean / (sqrt(bound) / correction + (REAL)eps));
    STORE(m + i, mean);
    STORE(v + i, square);
  }
}

kernel void sgd(int size, POINTER(ELEMENT, p), POINTER(const ELEMENT, grad), POINTER(const ELEMENT, rates), POINTER(ELEMENT, buffer),
    int nesterov, number scale, number momentum, number weightDecay) {
  SHIFT(p);
  SHIFT(grad);
  SHIFT(rates);
  SHIFT(buffer);
  REAL lr = (REAL)scale * LOAD(rates);
  REAL take = LOAD(rates + 1);
  FOR_EACH(i, size) {
    REAL x = LOAD(p + i);
    REAL g = LOAD(grad + i) + (REAL)weightDecay * x;
    REAL direction = g;
    if (buffer) {
      REAL b = (REAL)momentum * LOAD(buffer + i) + take * g;
      STORE(buffer + i, b);
      direction = nesterov ? g + (REAL)momentum * b : b;
    }
    STORE(p + i, x - lr * direction);
  }
}
