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

inline float16 first16(global const float* p, int count) {
  float part[LANES] = {0};
  for (int i = 0; i < count; i++) {
    part[i] = p[i];
  }
  return vload16(0, part);
}

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

// An item a row; its vectors, then what is left.
kernel void layerNorm(int n, POINTER(const float, x), POINTER(const float, weight), POINTER(const float, bias),
    POINTER(float, y), POINTER(float, mean), POINTER(float, rstd), number eps) {
  SHIFT(x);
  SHIFT(weight);
  SHIFT(bias);
  SHIFT(y);
  SHIFT(mean);
  SHIFT(rstd);
  int row = (int)get_global_id(0);
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

// Up to 16 elements; zeros where there are none.
inline float16 some16(global const float* p, int count) { return count >= LANES ? vload16(0, p) : first16(p, count); }

// An item a chunk of rows, whose shares in the gradients of weight and bias are a part [2, n] of all.
kernel void layerNormGrad(int rows, int n, int chunk, POINTER(const float, g), POINTER(const float, x), POINTER(const float, mean),
    POINTER(const float, rstd), POINTER(const float, weight), POINTER(float, gradX), POINTER(float, parts)) {
  SHIFT(g);
  SHIFT(x);
  SHIFT(mean);
  SHIFT(rstd);
  SHIFT(weight);
  SHIFT(gradX);
  SHIFT(parts);
  int item = (int)get_global_id(0);
  global float* part = parts ? parts + (long)item * 2 * n : parts;
  for (int i = 0; part && i < n; i += LANES) {
    put(0, part + i, n - i, 0);
    put(0, part + n + i, n - i, 0);
  }
  for (int row = item * chunk; row < min(rows, (item + 1) * chunk); row++) {
    global const float* from = x + (long)row * n;
    global const float* grad = g + (long)row * n;
    float m = mean[row], r = rstd[row];
    float16 sums = 0, dots = 0;
    for (int i = 0; i < n; i += LANES) {
      float16 scaled = some16(grad + i, n - i);
      scaled = weight ? scaled * some16(weight + i, n - i) : scaled;
      sums += scaled;
      dots += scaled * ((some16(from + i, n - i) - m) * r);
    }
    float sum = sumOf(sums) / n, dot_ = sumOf(dots) / n;
    for (int i = 0; i < n; i += LANES) {
      float16 value = some16(grad + i, n - i), z = (some16(from + i, n - i) - m) * r;
      float16 scaled = weight ? value * some16(weight + i, n - i) : value;
      put(r * (scaled - sum - z * dot_), gradX + (long)row * n + i, n - i, 0);
      if (part) {
        put(some16(part + i, n - i) + value * z, part + i, n - i, 0);
        put(some16(part + n + i, n - i) + value, part + n + i, n - i, 0);
      }
    }
  }
}

// What a row of scores, of `keys`, is in the whole: [batch, heads, queries].
typedef struct {
  int queries, keys, heads, causal;
  int bias[4];
} Scores;

// Adds the bias to row `row`, and takes away what the query does not see.
inline void mask(const Scores* s, int row, global const float* bias, global float* x) {
  int query = row % s->queries, head = row / s->queries % s->heads, batch = row / s->queries / s->heads;
  if (bias) {
    bias += (long)batch * s->bias[0] + (long)head * s->bias[1] + (long)query * s->bias[2];
    for (int key = 0; key < s->keys; key++) {
      x[key] += bias[(long)key * s->bias[3]];
    }
  }
  for (int key = s->causal ? query + 1 : s->keys; key < s->keys; key++) {
    x[key] = -INFINITY;
  }
}

// Scores become probabilities; an item a row.
kernel void softmaxOfScores(Scores s, POINTER(const float, bias), POINTER(float, x), POINTER(float, lse)) {
  SHIFT(bias);
  SHIFT(x);
  SHIFT(lse);
  int row = (int)get_global_id(0);
  x += (long)row * s.keys;
  mask(&s, row, bias, x);
  int vectors = s.keys / LANES * LANES;
  float16 lanes = -INFINITY;
  float largest = -INFINITY;
  bool nan = false;
  for (int i = 0; i < vectors; i += LANES) {
    float16 v = vload16(0, x + i);
    nan |= any(isnan(v)) != 0;
    lanes = fmax(lanes, v);
  }
  float each[LANES];
  vstore16(lanes, 0, each);
  for (int i = 0; i < LANES; i++) {
    largest = fmax(largest, each[i]);
  }
  for (int i = vectors; i < s.keys; i++) {
    nan |= isnan(x[i]) != 0;
    largest = fmax(largest, x[i]);
  }
  largest = nan ? NAN : largest;
  float shift = largest == -INFINITY ? 0 : largest;
  float16 sums = 0;
  float sum = 0;
  for (int i = 0; i < vectors; i += LANES) {
    float16 e = exp(vload16(0, x + i) - shift);
    sums += e;
    vstore16(e, 0, x + i);
  }
  for (int i = vectors; i < s.keys; i++) {
    x[i] = exp(x[i] - shift);
    sum += x[i];
  }
  sum += sumOf(sums);
  float scale = sum == 0 ? 0 : 1 / sum;
  for (int i = 0; i < vectors; i += LANES) {
    vstore16(vload16(0, x + i) * scale, 0, x + i);
  }
  for (int i = vectors; i < s.keys; i++) {
    x[i] *= scale;
  }
  lse[row] = largest + log(sum);
}

// The same from what the forward pass left.
kernel void probabilities(Scores s, POINTER(const float, bias), POINTER(const float, lse), POINTER(float, x)) {
  SHIFT(bias);
  SHIFT(lse);
  SHIFT(x);
  int row = (int)get_global_id(0);
  x += (long)row * s.keys;
  mask(&s, row, bias, x);
  float logSum = lse[row];
  int vectors = s.keys / LANES * LANES;
  for (int i = 0; i < vectors; i += LANES) {
    vstore16(logSum == -INFINITY ? (float16)0 : exp(vload16(0, x + i) - logSum), 0, x + i);
  }
  for (int i = vectors; i < s.keys; i++) {
    x[i] = logSum == -INFINITY ? 0 : exp(x[i] - logSum);
  }
}

// delta = Σ gradOutput·o of each row; g and o are [batch, queries, heads, dim].
kernel void rowDots(Scores s, int dim, POINTER(const float, g), POINTER(const float, o), POINTER(float, delta)) {
  SHIFT(g);
  SHIFT(o);
  SHIFT(delta);
  int row = (int)get_global_id(0);
  int query = row % s.queries, head = row / s.queries % s.heads, batch = row / s.queries / s.heads;
  long at = (((long)batch * s.queries + query) * s.heads + head) * dim;
  float sum = 0;
  for (int c = 0; c < dim; c++) {
    sum += g[at + c] * o[at + c];
  }
  delta[row] = sum;
}

// Gradients of probabilities become those of scores: p·(g − delta).
kernel void gradOfScores(int keys, POINTER(const float, p), POINTER(const float, delta), POINTER(float, g)) {
  SHIFT(p);
  SHIFT(delta);
  SHIFT(g);
  int row = (int)get_global_id(0);
  p += (long)row * keys;
  g += (long)row * keys;
  int vectors = keys / LANES * LANES;
  for (int i = 0; i < vectors; i += LANES) {
    vstore16(vload16(0, p + i) * (vload16(0, g + i) - delta[row]), 0, g + i);
  }
  for (int i = vectors; i < keys; i++) {
    g[i] = p[i] * (g[i] - delta[row]);
  }
}

// Functions of contiguous elements; an item works on SPAN of them.
#define SPAN 1024

GELU(float16, 16)

#define FLAT(NAME, VALUE) \
  kernel void NAME(int size, POINTER(const float, left), POINTER(const float, right), POINTER(float, to)) { \
    SHIFT(left); \
    SHIFT(right); \
    SHIFT(to); \
    int from = (int)get_global_id(0) * SPAN, end = min(size, from + SPAN), i = from; \
    for (; i + LANES <= end; i += LANES) { \
      float16 x = vload16(0, left + i), y = vload16(0, right + i); \
      vstore16(VALUE, 0, to + i); \
    } \
    if (i < end) { \
      float16 x = first16(left + i, end - i), y = first16(right + i, end - i); \
      put(VALUE, to + i, end - i, 0); \
    } \
  }
FLAT(add, x + y)
FLAT(multiply, x * y)
FLAT(geluOf, gelu16(x))
FLAT(geluGradOf, y * geluGrad16(x))

// GELU of a hidden layer gated by expert; an item a gate, which is repeated over the expert's width.
kernel void gatedGeluOf(int width, POINTER(const float, z), POINTER(const float, gate), POINTER(float, y)) {
  SHIFT(z);
  SHIFT(gate);
  SHIFT(y);
  int item = (int)get_global_id(0);
  float weight = gate[item];
  z += (long)item * width;
  y += (long)item * width;
  int i = 0;
  for (; i + LANES <= width; i += LANES) {
    vstore16(gelu16(vload16(0, z + i) * weight), 0, y + i);
  }
  if (i < width) {
    put(gelu16(first16(z + i, width - i) * weight), y + i, width - i, 0);
  }
}

kernel void gatedGeluGradOf(int width, POINTER(const float, z), POINTER(const float, gate), POINTER(const float, g),
    POINTER(float, gradZ), POINTER(float, gradGate)) {
  SHIFT(z);
  SHIFT(gate);
  SHIFT(g);
  SHIFT(gradZ);
  SHIFT(gradGate);
  int item = (int)get_global_id(0);
  float weight = gate[item];
  z += (long)item * width;
  g += (long)item * width;
  gradZ += (long)item * width;
  float16 sum = 0;
  int i = 0;
  for (; i + LANES <= width; i += LANES) {
    float16 value = vload16(0, z + i);
    float16 gated = vload16(0, g + i) * geluGrad16(value * weight);
    vstore16(gated * weight, 0, gradZ + i);
    sum += gated * value;
  }
  if (i < width) {
    float16 value = first16(z + i, width - i);
    float16 gated = first16(g + i, width - i) * geluGrad16(value * weight);
    put(gated * weight, gradZ + i, width - i, 0);
    sum += gated * value;
  }
  gradGate[item] = sumOf(sum);
}
