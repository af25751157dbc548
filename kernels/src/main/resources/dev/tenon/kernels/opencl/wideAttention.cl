// What attention for processors does to its scores between matrix products.
#include "wide.clh"

// What a row of scores, of `keys`, is in the whole: [batch, heads, queries]; batch b has the bias of b modulo `biases`.
typedef struct {
  int queries, keys, heads, causal, biases;
  int bias[4];
} Scores;

// Adds the bias to row `row`, and takes away what the query does not see.
inline void mask(const Scores* s, int row, global const float* bias, global float* x) {
  int query = row % s->queries, head = row / s->queries % s->heads, batch = row / s->queries / s->heads;
  if (bias) {
    bias += (long)(batch % s->biases) * s->bias[0] + (long)head * s->bias[1] + (long)query * s->bias[2];
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
