// Layer normalisation for processors.
#include "wide.clh"

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
