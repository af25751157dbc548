// Convolutions as they are defined, one thread an element, for any stride, dilation and grouping; NCHW.
#include "conv.cuh"

template <class T> __device__ inline void forward(const Conv& c, const T* x, const T* weight, const T* bias, T* y) {
  typedef COMPUTE(T) C;
  int depth = c.channels / c.groups;
  i64 size = (i64)c.batch * c.filters * c.rows * c.columns;
  FOR_EACH(i, size) {
    int column = (int)(i % c.columns), row = (int)(i / c.columns % c.rows);
    int plane = (int)(i / c.columns / c.rows);
    int filter = plane % c.filters;
    int group = filter / (c.filters / c.groups);
    const T* from = x + ((i64)(plane / c.filters) * c.channels + group * depth) * c.height * c.width;
    const T* w = weight + (i64)filter * depth * c.kernelH * c.kernelW;
    C sum = bias ? load(bias + filter) : C(0);
    for (int d = 0; d < depth; d++) {
      for (int ky = 0; ky < c.kernelH; ky++) {
        int iy = row * c.strideH - c.padH + ky * c.dilationH;
        for (int kx = 0; kx < c.kernelW; kx++, w++) {
          int ix = column * c.strideW - c.padW + kx * c.dilationW;
          if (iy >= 0 && iy < c.height && ix >= 0 && ix < c.width) {
            sum += load(from + ((i64)d * c.height + iy) * c.width + ix) * load(w);
          }
        }
      }
    }
    store(y + i, sum);
  }
}

// The position of the window whose tap falls on `at`, or -1.
__device__ inline int position(int at, int pad, int tap, int stride, int positions) {
  int start = at + pad - tap;
  return start >= 0 && start % stride == 0 && start / stride < positions ? start / stride : -1;
}

template <class T> __device__ inline void gradInput(const Conv& c, const T* g, const T* weight, T* gradX) {
  typedef COMPUTE(T) C;
  int depth = c.channels / c.groups;
  int perGroup = c.filters / c.groups;
  i64 size = (i64)c.batch * c.channels * c.height * c.width;
  FOR_EACH(i, size) {
    int ix = (int)(i % c.width), iy = (int)(i / c.width % c.height);
    int plane = (int)(i / c.width / c.height);
    int channel = plane % c.channels, batch = plane / c.channels;
    int group = channel / depth;
    C sum = 0;
    for (int f = group * perGroup; f < (group + 1) * perGroup; f++) {
      const T* from = g + ((i64)batch * c.filters + f) * c.rows * c.columns;
      const T* w = weight + ((i64)f * depth + channel % depth) * c.kernelH * c.kernelW;
      for (int ky = 0; ky < c.kernelH; ky++) {
        int row = position(iy, c.padH, ky * c.dilationH, c.strideH, c.rows);
        for (int kx = 0; kx < c.kernelW && row >= 0; kx++) {
          int column = position(ix, c.padW, kx * c.dilationW, c.strideW, c.columns);
          if (column >= 0) {
            sum += load(from + (i64)row * c.columns + column) * load(w + ky * c.kernelW + kx);
          }
        }
      }
    }
    store(gradX + i, sum);
  }
}

// A block a weight: it sums over all images and positions, in a fixed order.
template <class T> __device__ inline void gradWeight(const Conv& c, const T* g, const T* x, T* gradW) {
  typedef COMPUTE(T) C;
  int depth = c.channels / c.groups;
  int kx = blockIdx.x % c.kernelW, ky = blockIdx.x / c.kernelW % c.kernelH;
  int d = blockIdx.x / c.kernelW / c.kernelH % depth, filter = blockIdx.x / c.kernelW / c.kernelH / depth;
  int channel = filter / (c.filters / c.groups) * depth + d;
  i64 positions = (i64)c.batch * c.rows * c.columns;
  C sum = 0;
  for (i64 i = threadIdx.x; i < positions; i += blockDim.x) {
    int column = (int)(i % c.columns), row = (int)(i / c.columns % c.rows), batch = (int)(i / c.columns / c.rows);
    int iy = row * c.strideH - c.padH + ky * c.dilationH;
    int ix = column * c.strideW - c.padW + kx * c.dilationW;
    if (iy >= 0 && iy < c.height && ix >= 0 && ix < c.width) {
      sum += load(g + (((i64)batch * c.filters + filter) * c.rows + row) * c.columns + column)
          * load(x + (((i64)batch * c.channels + channel) * c.height + iy) * c.width + ix);
    }
  }
  sum = blockReduce<Add>(sum);
  if (threadIdx.x == 0) {
    store(gradW + blockIdx.x, sum);
  }
}

#define CONV(NAME, T, SUFFIX) \
  extern "C" __global__ void conv_##SUFFIX(Conv c, const T* x, const T* weight, const T* bias, T* y) { \
    forward(c, x, weight, bias, y); \
  } \
  extern "C" __global__ void convGradInput_##SUFFIX(Conv c, const T* g, const T* weight, T* gradX) { \
    gradInput(c, g, weight, gradX); \
  } \
  extern "C" __global__ void convGradWeight_##SUFFIX(Conv c, const T* g, const T* x, T* gradW) { gradWeight(c, g, x, gradW); }
FOR_TYPE(CONV, _)
