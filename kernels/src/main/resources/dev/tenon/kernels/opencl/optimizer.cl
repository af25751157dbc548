// Steps of Adam, AdamW, gradient descent and running averages, in place, over the elements of one parameter. What differs from step to
// step is read from memory.
#include "tenon.clh"

REDUCTIONS

kernel void adam(int size, POINTER(ELEMENT, p), POINTER(const ELEMENT, grad), POINTER(ELEMENT, m), POINTER(ELEMENT, v),
    POINTER(ELEMENT, vMax), POINTER(const ELEMENT, rates), int decoupled, number scale, number beta1, number beta2, number eps,
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
  REAL share = LOAD(rates + 3);
  FOR_EACH(i, size) {
    REAL x = LOAD(p + i);
    REAL taken = share * LOAD(grad + i);
    REAL g = decoupled ? taken : taken + (REAL)weightDecay * x;
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

kernel void sgd(int size, POINTER(ELEMENT, p), POINTER(const ELEMENT, grad), POINTER(ELEMENT, buffer), POINTER(const ELEMENT, rates),
    int nesterov, number scale, number momentum, number weightDecay) {
  SHIFT(p);
  SHIFT(grad);
  SHIFT(rates);
  SHIFT(buffer);
  REAL lr = (REAL)scale * LOAD(rates);
  REAL take = LOAD(rates + 1);
  REAL share = LOAD(rates + 2);
  FOR_EACH(i, size) {
    REAL x = LOAD(p + i);
    REAL g = share * LOAD(grad + i) + (REAL)weightDecay * x;
    REAL direction = g;
    if (buffer) {
      REAL b = (REAL)momentum * LOAD(buffer + i) + take * g;
      STORE(buffer + i, b);
      direction = nesterov ? g + (REAL)momentum * b : b;
    }
    STORE(p + i, x - lr * direction);
  }
}

kernel void average(int size, POINTER(ELEMENT, average), POINTER(const ELEMENT, value), POINTER(const ELEMENT, rates)) {
  SHIFT(average);
  SHIFT(value);
  SHIFT(rates);
  REAL rate = LOAD(rates);
  FOR_EACH(i, size) {
    REAL x = LOAD(average + i);
    STORE(average + i, x - rate * (x - LOAD(value + i)));
  }
}

// A group a chunk of one tensor: the sum of its squares.
#define CHUNK 1024
kernel void squares(int size, POINTER(const ELEMENT, x), POINTER(REAL, parts)) {
  local REAL part[MOST_ITEMS];
  SHIFT(x);
  SHIFT(parts);
  long first = (long)get_group_id(0) * CHUNK;
  long end = min((long)size, first + CHUNK);
  REAL sum = 0;
  for (long i = first + (long)get_local_id(0); i < end; i += (long)get_local_size(0)) {
    REAL value = LOAD(x + i);
    sum = fma(value, value, sum);
  }
  sum = groupAdd(sum, part);
  if (get_local_id(0) == 0) {
    parts[get_group_id(0)] = sum;
  }
}
