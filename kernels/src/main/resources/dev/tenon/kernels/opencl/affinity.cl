// The maps of all pairs of pixels that an affinity is made of, for `rows` reference pixels from `first` on: scalar products
// [tasks, rows, pixels] from matrix products, and the maps [rows, pixels] that a kernel of each reference pixel's own mixes them to.
#include "tenon.clh"

REDUCTIONS

#define TAPS 9

typedef struct {
  int tasks, height, width, first, rows;
} Maps;

// How far from a pixel the pixel is that tap k of its kernel reads.
inline int rowOf(int k) { return k / 3 - 1; }
inline int columnOf(int k) { return k % 3 - 1; }

inline bool isInside(const Maps* m, int row, int column) { return row >= 0 && row < m->height && column >= 0 && column < m->width; }

kernel void mixMaps(Maps m, POINTER(const ELEMENT, products), POINTER(const ELEMENT, weight), POINTER(const ELEMENT, bias),
    POINTER(ELEMENT, mixed)) {
  SHIFT(products);
  SHIFT(weight);
  SHIFT(bias);
  SHIFT(mixed);
  int pixels = m.height * m.width;
  FOR_EACH(i, m.rows * pixels) {
    int own = i / pixels, row = i % pixels / m.width, column = i % m.width;
    global const ELEMENT* kernels = weight + (long)(m.first + own) * m.tasks * TAPS;
    REAL sum = LOAD(bias + m.first + own);
    for (int t = 0; t < m.tasks; t++) {
      global const ELEMENT* map = products + ((long)t * m.rows + own) * pixels;
      for (int k = 0; k < TAPS; k++) {
        int y = row + rowOf(k), x = column + columnOf(k);
        if (isInside(&m, y, x)) {
          sum += LOAD(kernels + t * TAPS + k) * LOAD(map + y * m.width + x);
        }
      }
    }
    STORE(mixed + i, sum);
  }
}

// A group a kernel element or bias of a reference pixel, which sums over its map.
kernel void gradKernels(Maps m, POINTER(const ELEMENT, products), POINTER(const ELEMENT, gradMixed), POINTER(ELEMENT, gradWeight),
    POINTER(ELEMENT, gradBias)) {
  local REAL part[MOST_ITEMS];
  SHIFT(products);
  SHIFT(gradMixed);
  SHIFT(gradWeight);
  SHIFT(gradBias);
  int each = m.tasks * TAPS + 1, pixels = m.height * m.width;
  int own = (int)get_group_id(0) / each, element = (int)get_group_id(0) % each;
  bool isBias = element == each - 1;
  int k = element % TAPS;
  global const ELEMENT* grad = gradMixed + (long)own * pixels;
  global const ELEMENT* map = products + ((long)(isBias ? 0 : element / TAPS) * m.rows + own) * pixels;
  REAL sum = 0;
  for (int p = (int)get_local_id(0); p < pixels; p += (int)get_local_size(0)) {
    int y = p / m.width + rowOf(k), x = p % m.width + columnOf(k);
    if (isBias) {
      sum += LOAD(grad + p);
    } else if (isInside(&m, y, x)) {
      sum += LOAD(grad + p) * LOAD(map + y * m.width + x);
    }
  }
  sum = groupAdd(sum, part);
  if (get_local_id(0) == 0) {
    global ELEMENT* to = isBias ? gradBias + m.first + own : gradWeight + (long)(m.first + own) * (each - 1) + element;
    STORE(to, LOAD(to) + sum);
  }
}

// What a scalar product gets from all elements of the mixed map that read it.
kernel void gradProducts(Maps m, POINTER(const ELEMENT, gradMixed), POINTER(const ELEMENT, weight), POINTER(ELEMENT, products)) {
  SHIFT(gradMixed);
  SHIFT(weight);
  SHIFT(products);
  int pixels = m.height * m.width;
  FOR_EACH(i, m.tasks * m.rows * pixels) {
    int row = i % pixels / m.width, column = i % pixels % m.width;
    int own = i / pixels % m.rows, task = i / pixels / m.rows;
    global const ELEMENT* taps = weight + ((long)(m.first + own) * m.tasks + task) * TAPS;
    global const ELEMENT* grad = gradMixed + (long)own * pixels;
    REAL sum = 0;
    for (int k = 0; k < TAPS; k++) {
      int y = row - rowOf(k), x = column - columnOf(k);
      if (isInside(&m, y, x)) {
        sum += LOAD(taps + k) * LOAD(grad + y * m.width + x);
      }
    }
    STORE(products + i, sum);
  }
}

// Operands of the walk: x, y.
kernel void copyTo(Walk w, POINTER(const ELEMENT, x), POINTER(ELEMENT, y)) {
  SHIFT(x);
  SHIFT(y);
  FOR_EACH(i, w.size) {
    y[locate(&w, 1, i)] = x[locate(&w, 0, i)];
  }
}

kernel void addTo(Walk w, POINTER(const ELEMENT, x), POINTER(ELEMENT, y)) {
  SHIFT(x);
  SHIFT(y);
  FOR_EACH(i, w.size) {
    global ELEMENT* to = y + locate(&w, 1, i);
    STORE(to, LOAD(to) + LOAD(x + locate(&w, 0, i)));
  }
}
