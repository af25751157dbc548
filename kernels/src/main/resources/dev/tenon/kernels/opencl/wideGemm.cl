// Matrix products for processors, from operands that are packed so that an item reads whole vectors.
#include "wide.clh"

#define STRIP (2 * LANES)
#define HEIGHT 8

// The elements of a and b in turn.
#define MERGE(a, b) \
  (float16)(a.s0, b.s0, a.s1, b.s1, a.s2, b.s2, a.s3, b.s3, a.s4, b.s4, a.s5, b.s5, a.s6, b.s6, a.s7, b.s7)
#define MERGE_HIGH(a, b) \
  (float16)(a.s8, b.s8, a.s9, b.s9, a.sa, b.sa, a.sb, b.sb, a.sc, b.sc, a.sd, b.sd, a.se, b.se, a.sf, b.sf)

// Transposes a block of 16 × 16: merging line i with line i + 8, four times.
inline void turn(global const float* from, long fromLine, global float* to, long toLine) {
  float16 x[LANES], y[LANES];
#pragma unroll
  for (int i = 0; i < LANES; i++) {
    x[i] = vload16(0, from + i * fromLine);
  }
#pragma unroll
  for (int round = 0; round < 2; round++) {
#pragma unroll
    for (int i = 0; i < LANES / 2; i++) {
      y[2 * i] = MERGE(x[i], x[i + 8]);
      y[2 * i + 1] = MERGE_HIGH(x[i], x[i + 8]);
    }
#pragma unroll
    for (int i = 0; i < LANES / 2; i++) {
      x[2 * i] = MERGE(y[i], y[i + 8]);
      x[2 * i + 1] = MERGE_HIGH(y[i], y[i + 8]);
    }
  }
#pragma unroll
  for (int i = 0; i < LANES; i++) {
    vstore16(x[i], 0, to + i * toLine);
  }
}

// B in strips of 32 columns, [batch, strips, k, 32], zeros where there are none. An item copies 16 rows of a strip.
// Grid: sixteens of k, strips, batch. Operand 1 of the batch walk is b.
kernel void pack(Walk batch, int k, int n, int row, int column, POINTER(const float, b), POINTER(float, packed)) {
  SHIFT(b);
  SHIFT(packed);
  int from = (int)get_global_id(0) * LANES, strip = (int)get_global_id(1), sample = (int)get_global_id(2);
  int to = min(k, from + LANES);
  b += locate(&batch, 1, sample) + (long)strip * STRIP * column;
  packed += ((long)sample * get_global_size(1) + strip) * k * STRIP;
  int width = min(STRIP, n - strip * STRIP);
  if (column == 1 && width == STRIP) {
    for (int d = from; d < to; d++) {
      vstore16(vload16(0, b + (long)d * row), 0, packed + (long)d * STRIP);
      vstore16(vload16(1, b + (long)d * row), 1, packed + (long)d * STRIP);
    }
    return;
  }
  if (row == 1 && width == STRIP && to == from + LANES) {
    turn(b + from, column, packed + (long)from * STRIP, STRIP);
    turn(b + from + (long)LANES * column, column, packed + (long)from * STRIP + LANES, STRIP);
    return;
  }
  for (int c = 0; c < STRIP; c++) {
    for (int d = from; d < to; d++) {
      packed[(long)d * STRIP + c] = c < width ? b[(long)d * row + (long)c * column] : 0;
    }
  }
}

// A by rows, [batch, m, k], where it lies by columns. An item copies 16 rows and columns. Grid: of k, of m, batch.
kernel void rowsOf(Walk batch, int m, int k, int row, int column, POINTER(const float, a), POINTER(float, packed)) {
  SHIFT(a);
  SHIFT(packed);
  int from = (int)get_global_id(0) * LANES, first = (int)get_global_id(1) * LANES, sample = (int)get_global_id(2);
  a += locate(&batch, 0, sample);
  packed += (long)sample * m * k;
  if (row == 1 && from + LANES <= k && first + LANES <= m) {
    turn(a + first + (long)from * column, column, packed + (long)first * k + from, k);
    return;
  }
  for (int d = from; d < min(k, from + LANES); d++) {
    for (int r = first; r < min(m, first + LANES); r++) {
      packed[(long)r * k + d] = a[(long)r * row + (long)d * column];
    }
  }
}

// sum += 8 rows of A times a strip of B. A row of A is followed by the next, but the last ones are the last row again.
#define ACCUMULATE(a, stride, b, k) \
  { \
    global const float* x0 = a; \
    global const float* x1 = a + (long)min(1, last) * stride; \
    global const float* x2 = a + (long)min(2, last) * stride; \
    global const float* x3 = a + (long)min(3, last) * stride; \
    global const float* x4 = a + (long)min(4, last) * stride; \
    global const float* x5 = a + (long)min(5, last) * stride; \
    global const float* x6 = a + (long)min(6, last) * stride; \
    global const float* x7 = a + (long)min(7, last) * stride; \
    global const float* y = b; \
    for (int d = 0; d < k; d++, y += STRIP) { \
      float16 y0 = vload16(0, y), y1 = vload16(1, y); \
      s00 += x0[d] * y0; \
      s01 += x0[d] * y1; \
      s10 += x1[d] * y0; \
      s11 += x1[d] * y1; \
      s20 += x2[d] * y0; \
      s21 += x2[d] * y1; \
      s30 += x3[d] * y0; \
      s31 += x3[d] * y1; \
      s40 += x4[d] * y0; \
      s41 += x4[d] * y1; \
      s50 += x5[d] * y0; \
      s51 += x5[d] * y1; \
      s60 += x6[d] * y0; \
      s61 += x6[d] * y1; \
      s70 += x7[d] * y0; \
      s71 += x7[d] * y1; \
    } \
  }

#define PUT(r, v0, v1) \
  if (r <= last) { \
    put(scale * v0, c + (long)r * strideC, width, bias); \
    put(scale * v1, c + (long)r * strideC + LANES, width - LANES, bias ? bias + LANES : bias); \
  }

// C = scale·(A·B + A2·B2) + bias with packed B; an item computes `rows` rows of a strip. Grid: parts of m, strips, batch.
// Operands 0 and 2 of the batch walk are a and c.
kernel void gemm(Walk batch, int m, int n, int k, int stride, int k2, int strideC, int rows, number scale_, POINTER(const float, a),
    POINTER(const float, b), POINTER(const float, a2), POINTER(const float, b2), POINTER(const float, bias), POINTER(float, c)) {
  SHIFT(a);
  SHIFT(b);
  SHIFT(a2);
  SHIFT(b2);
  SHIFT(bias);
  SHIFT(c);
  float scale = (float)scale_;
  int strip = (int)get_global_id(1), sample = (int)get_global_id(2);
  int first = (int)get_global_id(0) * rows, end = min(m, first + rows);
  int width = n - strip * STRIP;
  a += locate(&batch, 0, sample) + (long)first * stride;
  b += ((long)sample * get_global_size(1) + strip) * k * STRIP;
  c += locate(&batch, 2, sample) + (long)first * strideC + strip * STRIP;
  bias = bias ? bias + strip * STRIP : bias;
  if (k2 > 0) {
    a2 += (long)first * k2;
    b2 += (long)strip * k2 * STRIP;
  }
  for (int row = first; row < end; row += HEIGHT) {
    int last = min(HEIGHT, end - row) - 1;
    float16 s00 = 0, s01 = 0, s10 = 0, s11 = 0, s20 = 0, s21 = 0, s30 = 0, s31 = 0;
    float16 s40 = 0, s41 = 0, s50 = 0, s51 = 0, s60 = 0, s61 = 0, s70 = 0, s71 = 0;
    ACCUMULATE(a, stride, b, k)
    if (k2 > 0) {
      ACCUMULATE(a2, k2, b2, k2)
      a2 += (long)HEIGHT * k2;
    }
    PUT(0, s00, s01)
    PUT(1, s10, s11)
    PUT(2, s20, s21)
    PUT(3, s30, s31)
    PUT(4, s40, s41)
    PUT(5, s50, s51)
    PUT(6, s60, s61)
    PUT(7, s70, s71)
    a += (long)HEIGHT * stride;
    c += (long)HEIGHT * strideC;
  }
}
