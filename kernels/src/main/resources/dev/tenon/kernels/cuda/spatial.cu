// Images [B, C, H, W]: resampling and pooling by tables of taps, patches as columns and back. One thread an element of the result,
// which gathers what it is made of in a fixed order.
#include "tenon.cuh"

// A table of an axis: of each new element its first old one, then where its weights begin and, one further, end, then all weights.
struct Axis {
  const double* table;
  int out;
  __device__ int first(int i) const { return (int)table[i]; }
  __device__ int begin(int i) const { return (int)table[out + i]; }
  __device__ int taps(int i) const { return begin(i + 1) - begin(i); }
  __device__ double weight(int i, int tap) const { return table[2 * out + 1 + begin(i) + tap]; }
};

// The planes of x and y.
struct Planes {
  int count, height, width, rows, columns;
};

template <class T> __device__ inline void resample(const Planes& p, const Axis& tall, const Axis& wide, const T* x, T* y) {
  typedef COMPUTE(T) C;
  FOR_EACH(i, (i64)p.count * p.rows * p.columns) {
    int column = (int)(i % p.columns), row = (int)(i / p.columns % p.rows);
    const T* from = x + (i / p.columns / p.rows * p.height + tall.first(row)) * p.width + wide.first(column);
    C sum = 0;
    for (int r = 0; r < tall.taps(row); r++) {
      C line = 0;
      for (int c = 0; c < wide.taps(column); c++) {
        line += C(wide.weight(column, c)) * load(from + (i64)r * p.width + c);
      }
      sum += C(tall.weight(row, r)) * line;
    }
    store(y + i, sum);
  }
}

template <class T> __device__ inline void maxPool(
    const Planes& p, const Axis& tall, const Axis& wide, const T* x, T* y, i64* found) {
  FOR_EACH(i, (i64)p.count * p.rows * p.columns) {
    int column = (int)(i % p.columns), row = (int)(i / p.columns % p.rows);
    const T* plane = x + i / p.columns / p.rows * p.height * p.width;
    int best = tall.first(row) * p.width + wide.first(column);
    for (int r = 0; r < tall.taps(row); r++) {
      for (int c = 0; c < wide.taps(column); c++) {
        int rival = (tall.first(row) + r) * p.width + wide.first(column) + c;
        COMPUTE(T) value = load(plane + rival), bound = load(plane + best);
        if (value > bound || (value != value && bound == bound)) best = rival;
      }
    }
    y[i] = plane[best];
    found[i] = best;
  }
}

struct Window {
  int kernelH, kernelW, strideH, strideW, padH, padW, dilationH, dilationW;
};

template <class T> __device__ inline void unfold(const Planes& p, const Window& w, const T* x, T* y) {
  int taps = w.kernelH * w.kernelW;
  FOR_EACH(i, (i64)p.count * taps * p.rows * p.columns) {
    // Of 32 bits, since divisions by 64 would take longer than the memory.
    u32 above = (u32)i / p.columns, line = above / p.rows, plane = line / taps;
    int column = (u32)i - above * p.columns, row = above - line * p.rows, tap = line - plane * taps;
    int iy = row * w.strideH - w.padH + tap / w.kernelW * w.dilationH;
    int ix = column * w.strideW - w.padW + tap % w.kernelW * w.dilationW;
    bool inside = iy >= 0 && iy < p.height && ix >= 0 && ix < p.width;
    store(y + i, inside ? load(x + ((i64)plane * p.height + iy) * p.width + ix) : COMPUTE(T)(0));
  }
}

// The position of the window whose tap falls on `at`, or -1.
__device__ inline int position(int at, int pad, int tap, int stride, int positions) {
  int start = at + pad - tap;
  return start >= 0 && start % stride == 0 && start / stride < positions ? start / stride : -1;
}

template <class T> __device__ inline void fold(const Planes& p, const Window& w, const T* x, T* y) {
  FOR_EACH(i, (i64)p.count * p.height * p.width) {
    u32 above = (u32)i / p.width;
    i64 plane = above / p.height;
    int ix = (u32)i - above * p.width, iy = above - (u32)plane * p.height;
    COMPUTE(T) sum = 0;
    for (int ky = 0; ky < w.kernelH; ky++) {
      int row = position(iy, w.padH, ky * w.dilationH, w.strideH, p.rows);
      for (int kx = 0; kx < w.kernelW && row >= 0; kx++) {
        int column = position(ix, w.padW, kx * w.dilationW, w.strideW, p.columns);
        if (column >= 0) {
          sum += load(x + (((plane * w.kernelH + ky) * w.kernelW + kx) * p.rows + row) * p.columns + column);
        }
      }
    }
    store(y + i, sum);
  }
}

#define SPATIAL(NAME, T, SUFFIX) \
  extern "C" __global__ void resample_##SUFFIX(Planes p, const double* tall, const double* wide, const T* x, T* y) { \
    resample(p, Axis{tall, p.rows}, Axis{wide, p.columns}, x, y); \
  } \
  extern "C" __global__ void maxPool_##SUFFIX( \
      Planes p, const double* tall, const double* wide, const T* x, T* y, i64* found) { \
    maxPool(p, Axis{tall, p.rows}, Axis{wide, p.columns}, x, y, found); \
  } \
  extern "C" __global__ void unfold_##SUFFIX(Planes p, Window w, const T* x, T* y) { unfold(p, w, x, y); } \
  extern "C" __global__ void fold_##SUFFIX(Planes p, Window w, const T* x, T* y) { fold(p, w, x, y); }
FOR_TYPE(SPATIAL, _)
