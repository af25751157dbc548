// Images [B, C, H, W]: resampling and pooling by tables of taps, patches as columns and back. An item an element of the result, which
// gathers what it is made of in a fixed order.
#include "tenon.clh"

// A table of an axis: of each new element its first old one, then where its weights begin and, one further, end, then all weights.
#define FIRST(table, i) (int)table[i]
#define BEGIN(table, out, i) (int)table[(out) + (i)]
#define WEIGHT(table, out, at) (REAL)table[2 * (out) + 1 + (at)]

// The planes of x and y.
typedef struct {
  int count, height, width, rows, columns;
} Planes;

kernel void resample(
    Planes p, POINTER(const number, tall), POINTER(const number, wide), POINTER(const ELEMENT, x), POINTER(ELEMENT, y)) {
  SHIFT(tall);
  SHIFT(wide);
  SHIFT(x);
  SHIFT(y);
  FOR_EACH(i, p.count * p.rows * p.columns) {
    int column = i % p.columns, row = i / p.columns % p.rows;
    int fromRow = BEGIN(tall, p.rows, row), toRow = BEGIN(tall, p.rows, row + 1);
    int fromColumn = BEGIN(wide, p.columns, column), toColumn = BEGIN(wide, p.columns, column + 1);
    global const ELEMENT* from = x + ((long)(i / p.columns / p.rows) * p.height + FIRST(tall, row)) * p.width + FIRST(wide, column);
    REAL sum = 0;
    for (int r = fromRow; r < toRow; r++, from += p.width) {
      REAL line = 0;
      for (int c = fromColumn; c < toColumn; c++) {
        line += WEIGHT(wide, p.columns, c) * LOAD(from + (c - fromColumn));
      }
      sum += WEIGHT(tall, p.rows, r) * line;
    }
    STORE(y + i, sum);
  }
}

kernel void maxPool(Planes p, POINTER(const number, tall), POINTER(const number, wide), POINTER(const ELEMENT, x), POINTER(ELEMENT, y),
    POINTER(long, found)) {
  SHIFT(tall);
  SHIFT(wide);
  SHIFT(x);
  SHIFT(y);
  SHIFT(found);
  FOR_EACH(i, p.count * p.rows * p.columns) {
    int column = i % p.columns, row = i / p.columns % p.rows;
    int height = BEGIN(tall, p.rows, row + 1) - BEGIN(tall, p.rows, row);
    int width = BEGIN(wide, p.columns, column + 1) - BEGIN(wide, p.columns, column);
    global const ELEMENT* plane = x + (long)(i / p.columns / p.rows) * p.height * p.width;
    int best = FIRST(tall, row) * p.width + FIRST(wide, column);
    REAL bound = LOAD(plane + best);
    for (int r = 0; r < height; r++) {
      for (int c = 0; c < width; c++) {
        int rival = (FIRST(tall, row) + r) * p.width + FIRST(wide, column) + c;
        REAL value = LOAD(plane + rival);
        if (value > bound || (value != value && bound == bound)) {
          best = rival;
          bound = value;
        }
      }
    }
    y[i] = plane[best];
    found[i] = best;
  }
}

typedef struct {
  int kernelH, kernelW, strideH, strideW, padH, padW, dilationH, dilationW;
} Window;

kernel void unfold(Planes p, Window w, POINTER(const ELEMENT, x), POINTER(ELEMENT, y)) {
  SHIFT(x);
  SHIFT(y);
  int taps = w.kernelH * w.kernelW;
  FOR_EACH(i, p.count * taps * p.rows * p.columns) {
    int column = i % p.columns, row = i / p.columns % p.rows;
    int line = i / p.columns / p.rows;
    int tap = line % taps;
    int iy = row * w.strideH - w.padH + tap / w.kernelW * w.dilationH;
    int ix = column * w.strideW - w.padW + tap % w.kernelW * w.dilationW;
    bool inside = iy >= 0 && iy < p.height && ix >= 0 && ix < p.width;
    STORE(y + i, inside ? LOAD(x + ((long)(line / taps) * p.height + iy) * p.width + ix) : (REAL)0);
  }
}

// The position of the window whose tap falls on `at`, or -1.
inline int position(int at, int pad, int tap, int stride, int positions) {
  int start = at + pad - tap;
  return start >= 0 && start % stride == 0 && start / stride < positions ? start / stride : -1;
}

kernel void fold(Planes p, Window w, POINTER(const ELEMENT, x), POINTER(ELEMENT, y)) {
  SHIFT(x);
  SHIFT(y);
  FOR_EACH(i, p.count * p.height * p.width) {
    int ix = i % p.width, iy = i / p.width % p.height;
    long plane = i / p.width / p.height;
    REAL sum = 0;
    for (int ky = 0; ky < w.kernelH; ky++) {
      int row = position(iy, w.padH, ky * w.dilationH, w.strideH, p.rows);
      for (int kx = 0; kx < w.kernelW && row >= 0; kx++) {
        int column = position(ix, w.padW, kx * w.dilationW, w.strideW, p.columns);
        if (column >= 0) {
          sum += LOAD(x + (((plane * w.kernelH + ky) * w.kernelW + kx) * p.rows + row) * p.columns + column);
        }
      }
    }
    STORE(y + i, sum);
  }
}
