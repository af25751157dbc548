// Steps of Adam, AdamW and gradient descent, in place.
#include "tenon.clh"

kernel void adam(int size, POINTER(ELEMENT, p), POINTER(const ELEMENT, grad), POINTER(ELEMENT, m), POINTER(ELEMENT, v),
    POINTER(ELEMENT, vMax), int decoupled, number lr, number beta1, number beta2, number eps, number weightDecay, number stepSize,
    number correction) {
  SHIFT(p);
  SHIFT(grad);
  SHIFT(m);
  SHIFT(v);
  SHIFT(vMax);
  FOR_EACH(i, size) {
    REAL x = LOAD(p + i);
    REAL g = decoupled ? LOAD(grad + i) : LOAD(grad + i) + (REAL)weightDecay * x;
    REAL shrunk = decoupled ? x * (REAL)(1 - lr * weightDecay) : x;
    REAL mean = (REAL)beta1 * LOAD(m + i) + (REAL)(1 - beta1) * g;
    REAL square = (REAL)beta2 * LOAD(v + i) + (REAL)(1 - beta2) * g * g;
    REAL bound = square;
    if (vMax) {
      REAL before = LOAD(vMax + i);
      bound = before != before ? before : (square > before || square != square ? square : before);
      STORE(vMax + i, bound);
    }
    STORE(p + i, shrunk - (REAL)stepSize * mean / (sqrt(bound) / (REAL)correction + (REAL)eps));
    STORE(m + i, mean);
    STORE(v + i, square);
  }
}

kernel void sgd(int size, POINTER(ELEMENT, p), POINTER(const ELEMENT, grad), POINTER(ELEMENT, buffer), int nesterov, int first,
    number lr, number momentum, number dampening, number weightDecay) {
  SHIFT(p);
  SHIFT(grad);
  SHIFT(buffer);
  FOR_EACH(i, size) {
    REAL x = LOAD(p + i);
    REAL g = LOAD(grad + i) + (REAL)weightDecay * x;
    REAL direction = g;
    if (buffer) {
      REAL b = first ? g : (REAL)momentum * LOAD(buffer + i) + (REAL)(1 - dampening) * g;
      STORE(buffer + i, b);
      direction = nesterov ? g + (REAL)momentum * b : b;
    }
    STORE(p + i, x - (REAL)lr * direction);
  }
}
