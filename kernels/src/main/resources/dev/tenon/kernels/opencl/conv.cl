// Convolutions as they are defined, one item an element, for any stride, dilation and grouping; NCHW.
#include "conv.clh"

REDUCTIONS

kernel void conv(Conv c, POINTER(const ELEMENT, x), POINTER(const ELEMENT, weight), POINTER(const ELEMENT, bias), POINTER(ELEMENT, y)) {
  SHIFT(x);
  SHIFT(weight);
  SHIFT(bias);
  SHIFT(y);
  FOR_EACH(i, c.batch * c.filters * c.rows * c.columns) {
    int depth = c.channels / c.groups;
    int column = i % c.columns, row = i / c.columns % c.rows;
    int plane = i / c.columns / c.rows;
    int filter = plane % c.filters;
    int group = filter / (c.filters / c.groups);
    global const ELEMENT* from = x + ((long)(plane / c.filters) * c.channels + group * depth) * c.height * c.width;
    global const ELEMENT* w = weight + (long)filter * depth * c.kernelH * c.kernelW;
    REAL sum = bias ? LOAD(bias + filter) : (REAL)0;
    for (int d = 0; d < depth; d++) {
      for (int ky = 0; ky < c.kernelH; ky++) {
        int iy = row * c.strideH - c.padH + ky * c.dilationH;
        for (int kx = 0; kx < c.kernelW; kx++, w++) {
          int ix = column * c.strideW - c.padW + kx * c.dilationW;
          if (iy >= 0 && iy < c.height && ix >= 0 && ix < c.width) {
            sum += LOAD(from + ((long)d * c.height + iy) * c.width + ix) * LOAD(w);
          }
        }
      }
    }
    STORE(y + i, sum);
  }
}

// The position of the window whose tap falls on `at`, or -1.
inline int position(int at, int pad, int tap, int stride, int positions) {
  int start = at + pad - tap;
  return start >= 0 && start % stride == 0 && start / stride < positions ? start / stride : -1;
}

kernel void convGradInput(Conv c, POINTER(const ELEMENT, g), POINTER(const ELEMENT, weight), POINTER(ELEMENT, gradX)) {
  SHIFT(g);
  SHIFT(weight);
  SHIFT(gradX);
  FOR_EACH(i, c.batch * c.channels * c.height * c.width) {
    int depth = c.channels / c.groups;
    int perGroup = c.filters / c.groups;
    int ix = i % c.width, iy = i / c.width % c.height;
    int plane = i / c.width / c.height;
    int channel = plane % c.channels, batch = plane / c.channels;
    int group = channel / depth;
    REAL sum = 0;
    for (int f = group * perGroup; f < (group + 1) * perGroup; f++) {
      global const ELEMENT* from = g + ((long)batch * c.filters + f) * c.rows * c.columns;
      global const ELEMENT* w = weight + ((long)f * depth + channel % depth) * c.kernelH * c.kernelW;
      for (int ky = 0; ky < c.kernelH; ky++) {
        int row = position(iy, c.padH, ky * c.dilationH, c.strideH, c.rows);
        for (int kx = 0; kx < c.kernelW && row >= 0; kx++) {
          int column = position(ix, c.padW, kx * c.dilationW, c.strideW, c.columns);
          if (column >= 0) {
            sum += LOAD(from + (long)row * c.columns + column) * LOAD(w + ky * c.kernelW + kx);
          }
        }
      }
    }
    STORE(gradX + i, sum);
  }
}

// A group a weight: it sums over all images and positions, in a fixed order.
kernel void convGradWeight(Conv c, POINTER(const ELEMENT, g), POINTER(const ELEMENT, x), POINTER(ELEMENT, gradW)) {
  local REAL part[MOST_ITEMS];
  SHIFT(g);
  SHIFT(x);
  SHIFT(gradW);
  int weight = (int)get_group_id(0);
  int depth = c.channels / c.groups;
  int kx = weight % c.kernelW, ky = weight / c.kernelW % c.kernelH;
  int d = weight / c.kernelW / c.kernelH % depth, filter = weight / c.kernelW / c.kernelH / depth;
  int channel = filter / (c.filters / c.groups) * depth + d;
  long positions = (long)c.batch * c.rows * c.columns;
  REAL sum = 0;
  for (long i = (long)get_local_id(0); i < positions; i += (long)get_local_size(0)) {
    int column = (int)(i % c.columns), row = (int)(i / c.columns % c.rows), batch = (int)(i / c.columns / c.rows);
    int iy = row * c.strideH - c.padH + ky * c.dilationH;
    int ix = column * c.strideW - c.padW + kx * c.dilationW;
    if (iy >= 0 && iy < c.height && ix >= 0 && ix < c.width) {
      sum += LOAD(g + (((long)batch * c.filters + filter) * c.rows + row) * c.columns + column)
          * LOAD(x + (((long)batch * c.channels + channel) * c.height + iy) * c.width + ix);
    }
  }
  sum = groupAdd(sum, part);
  if (get_local_id(0) == 0) {
    STORE(gradW + weight, sum);
  }
}
