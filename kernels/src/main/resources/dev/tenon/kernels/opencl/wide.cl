// For processors, where an item has a core to itself and vectors of its own: matrix products and norms of rows in single precision.

#define LANES 16
#define STRIP (2 * LANES)
#define HEIGHT 8

inline float sumOf(float16 v) {
  float8 a = v.lo + v.hi;
  float4 b = a.lo + a.hi;
  float2 c = b.lo + b.hi;
  return c.x + c.y;
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

inline void put(float16 v, global float* c, int width, global const float* bias) {
  if (width >= LANES) {
    vstore16(bias ? v + vload16(0, bias) : v, 0, c);
    return;
  }
  float part[LANES];
  vstore16(v, 0, part);
  for (int i = 0; i < width; i++) {
    c[i] = bias ? part[i] + bias[i] : part[i];
  }
}
#define PUT(r, v0, v1) \
  if (r <= last) { \
    put(scale * v0, c + (long)r * n, width, bias); \
    put(scale * v1, c + (long)r * n + LANES, width - LANES, bias ? bias + LANES : bias); \
  }

// C = scale·(A·B + A2·B2) + bias with packed B; an item computes `rows` rows of a strip. Grid: parts of m, strips, batch.
// Operand 0 of the batch walk is a.
kernel void gemm(Walk batch, int m, int n, int k, int stride, int k2, int rows, number scale_, POINTER(const float, a),
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
  c += (long)sample * m * n + (long)first * n + strip * STRIP;
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
    c += (long)HEIGHT * n;
  }
}

// An item a row; its vectors, then what is left.
kernel void layerNorm(int rows, int n, POINTER(const float, x), POINTER(const float, weight), POINTER(const float, bias),
    POINTER(float, y), POINTER(float, mean), POINTER(float, rstd), number eps) {
  SHIFT(x);
  SHIFT(weight);
  SHIFT(bias);
  SHIFT(y);
  SHIFT(mean);
  SHIFT(rstd);
  int row = (int)get_global_id(0);
  if (row >= rows) {
    return;
  }
  x += (long)row * n;
  y += (long)row * n;
  int vectors = n / LANES * LANES;
  float16 lanes = 0;
  float rest = 0;
  for (int i = 0; i < vectors; i += LANES) {
    lanes += vload16(0, x + i);
  }
  for (int i = vectors; i < n; i++) {
    rest += x[i];
  }
  float m = (sumOf(lanes) + rest) / max(n, 1);
  lanes = 0;
  rest = 0;
  for (int i = 0; i < vectors; i += LANES) {
    float16 d = vload16(0, x + i) - m;
    lanes += d * d;
  }
  for (int i = vectors; i < n; i++) {
    rest += (x[i] - m) * (x[i] - m);
  }
  float r = 1 / sqrt((sumOf(lanes) + rest) / max(n, 1) + (float)eps);
  mean[row] = m;
  rstd[row] = r;
  for (int i = 0; i < vectors; i += LANES) {
    float16 z = (vload16(0, x + i) - m) * r;
    vstore16(weight ? z * vload16(0, weight + i) + vload16(0, bias + i) : z, 0, y + i);
  }
  for (int i = vectors; i < n; i++) {
    float z = (x[i] - m) * r;
    y[i] = weight ? z * weight[i] + bias[i] : z;
  }
}
