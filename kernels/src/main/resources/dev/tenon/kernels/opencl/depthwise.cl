// Convolutions of each channel by itself. An item computes R rows of four columns, for which it reads each line of its windows once;
// what its neighbours read of the same lines lies in the device's cache. K is the width of the windows, S their stride. FOURS says
// that lines begin at multiples of four elements, and windows K / 2 before them.
#include "conv.clh"

#define TAPS (K * K)
#define LINES ((R - 1) * S + K)
// What four neighbouring windows read of a line.
#define WIDTH (3 * S + K)
#define MARGIN (4 - K / 2)
#define QUADS ((MARGIN + WIDTH + 3) / 4)

inline void get4(REAL* v, REAL4 four) {
  v[0] = four.s0;
  v[1] = four.s1;
  v[2] = four.s2;
  v[3] = four.s3;
}

// Element (y, x) of a plane whose elements are spread out; zero between them and outside.
inline REAL spread(const Conv* c, global const ELEMENT* plane, int y, int x) {
  bool in = y >= 0 && x >= 0 && y % c->spreadH == 0 && x % c->spreadW == 0 && y / c->spreadH < c->height && x / c->spreadW < c->width;
  return in ? LOAD(plane + y / c->spreadH * c->width + x / c->spreadW) : (REAL)0;
}

// What the windows of columns `column` to `column` + 3 read of line y of a plane; element i is v[START + i].
#ifdef FOURS
#define START MARGIN
#define SPAN (QUADS * 4)
inline void line(const Conv* c, global const ELEMENT* plane, int y, int column, REAL* v) {
#pragma unroll
  for (int q = 0; q < QUADS; q++) {
    int x = column * S + q * 4 - 4;
    bool in = y >= 0 && y < c->height && x >= 0 && x < c->width;
    get4(v + q * 4, in ? LOAD4(plane + y * c->width + x) : (REAL4)0);
  }
}
#else
#define START 0
#define SPAN WIDTH
inline void line(const Conv* c, global const ELEMENT* plane, int y, int column, REAL* v) {
#pragma unroll
  for (int i = 0; i < WIDTH; i++) {
    v[i] = spread(c, plane, y, column * S - c->padW + i);
  }
}
#endif

// An item R rows of four columns of a plane, of all planes.
kernel void depthwise(Conv c, int turned, POINTER(const ELEMENT, x), POINTER(const ELEMENT, weight), POINTER(const ELEMENT, bias),
    POINTER(ELEMENT, y)) {
  SHIFT(x);
  SHIFT(weight);
  SHIFT(bias);
  SHIFT(y);
  int across = (c.columns + 3) / 4, down = (c.rows + R - 1) / R;
  FOR_EACH(item, c.batch * c.channels * down * across) {
    int column = item % across * 4, row = item / across % down * R, plane = item / across / down, channel = plane % c.channels;
    REAL w[TAPS], sum[R][4], v[SPAN];
    REAL added = bias ? LOAD(bias + channel) : (REAL)0;
#pragma unroll
    for (int i = 0; i < TAPS; i++) {
      w[i] = LOAD(weight + channel * TAPS + (turned ? TAPS - 1 - i : i));
    }
#pragma unroll
    for (int r = 0; r < R; r++) {
#pragma unroll
      for (int i = 0; i < 4; i++) {
        sum[r][i] = added;
      }
    }
    global const ELEMENT* from = x + (long)plane * c.height * c.width;
#pragma unroll
    for (int l = 0; l < LINES; l++) {
      line(&c, from, row * S - c.padH + l, column, v);
#pragma unroll
      for (int r = 0; r < R; r++) {
        if (l - r * S >= 0 && l - r * S < K) {
#pragma unroll
          for (int i = 0; i < 4; i++) {
#pragma unroll
            for (int k = 0; k < K; k++) {
              sum[r][i] += v[START + i * S + k] * w[(l - r * S) * K + k];
            }
          }
        }
      }
    }
    global ELEMENT* to = y + ((long)plane * c.rows + row) * c.columns + column;
#pragma unroll
    for (int r = 0; r < R; r++, to += c.columns) {
      if (row + r < c.rows) {
#ifdef FOURS
        STORE4(to, (REAL4)(sum[r][0], sum[r][1], sum[r][2], sum[r][3]));
#else
#pragma unroll
        for (int i = 0; i < 4; i++) {
          if (column + i < c.columns) {
            STORE(to + i, sum[r][i]);
          }
        }
#endif
      }
    }
  }
}

// Groups: channels × parts of the images. What a part comes to lies, a channel after another, where the parts are added up afterwards.
kernel void depthwiseGradWeight(Conv c, POINTER(const ELEMENT, g), POINTER(const ELEMENT, x), POINTER(REAL, gradW)) {
  local REAL part[ITEMS / 2 * TAPS];
  SHIFT(g);
  SHIFT(x);
  SHIFT(gradW);
  int item = (int)get_local_id(0), channel = (int)get_group_id(0);
  int across = (c.columns + 3) / 4, down = (c.rows + R - 1) / R;
  REAL sum[TAPS];
#pragma unroll
  for (int k = 0; k < TAPS; k++) {
    sum[k] = 0;
  }
  for (int i = (int)get_group_id(1) * ITEMS + item; i < c.batch * down * across; i += (int)get_num_groups(1) * ITEMS) {
    int column = i % across * 4, row = i / across % down * R;
    long plane = (long)(i / across / down) * c.channels + channel;
    global const ELEMENT* gradient = g + (plane * c.rows + row) * c.columns + column;
    global const ELEMENT* from = x + plane * c.height * c.width;
    REAL factor[R][4], v[SPAN];
#pragma unroll
    for (int r = 0; r < R; r++) {
#ifdef FOURS
      get4(factor[r], row + r < c.rows ? LOAD4(gradient + r * c.columns) : (REAL4)0);
#else
#pragma unroll
      for (int n = 0; n < 4; n++) {
        factor[r][n] = row + r < c.rows && column + n < c.columns ? LOAD(gradient + r * c.columns + n) : (REAL)0;
      }
#endif
    }
#pragma unroll
    for (int l = 0; l < LINES; l++) {
      line(&c, from, row * S - c.padH + l, column, v);
#pragma unroll
      for (int r = 0; r < R; r++) {
        if (l - r * S >= 0 && l - r * S < K) {
#pragma unroll
          for (int k = 0; k < K; k++) {
#pragma unroll
            for (int n = 0; n < 4; n++) {
              sum[(l - r * S) * K + k] += v[START + n * S + k] * factor[r][n];
            }
          }
        }
      }
    }
  }
  for (int half_ = ITEMS / 2; half_ > 0; half_ /= 2) {
    if (item >= half_ && item < 2 * half_) {
#pragma unroll
      for (int k = 0; k < TAPS; k++) {
        part[(item - half_) * TAPS + k] = sum[k];
      }
    }
    barrier(CLK_LOCAL_MEM_FENCE);
    if (item < half_) {
#pragma unroll
      for (int k = 0; k < TAPS; k++) {
        sum[k] += part[item * TAPS + k];
      }
    }
    barrier(CLK_LOCAL_MEM_FENCE);
  }
  if (item == 0) {
    gradW += ((long)get_group_id(1) * c.channels + channel) * TAPS;
#pragma unroll
    for (int k = 0; k < TAPS; k++) {
      gradW[k] = sum[k];
    }
  }
}
