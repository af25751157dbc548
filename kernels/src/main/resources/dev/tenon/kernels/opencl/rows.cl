// Works on lines of a row-major tensor along one dimension, each by itself: softmax and its kin, cross-entropy, layer
// normalisation, running sums and positions. A line belongs to a group (BLOCK) where its elements are neighbours, else to an item.
#include "tenon.clh"

REDUCTIONS

#ifdef BLOCK

// The lines: how long, how far apart neighbours are, how many.
typedef struct {
  int length;
  int inner;
  int count;
} Lines;

// Who works on which line: from element `first`, every `step`-th.
#if BLOCK
#define TEAM \
  local REAL part[MOST_ITEMS]; \
  int line = (int)get_group_id(0), first = (int)get_local_id(0), step = (int)get_local_size(0);
#define ALL(OP, value) group##OP(value, part)
#else
#define TEAM \
  int line = (int)get_global_id(0), first = 0, step = 1; \
  if (line >= lines.count) { \
    return; \
  }
#define ALL(OP, value) (value)
#endif
#define BASE ((long)(line / lines.inner) * lines.length * lines.inner + line % lines.inner)
#define EACH(i) for (int i = first; i < lines.length; i += step)
#define AT(p, i) LOAD(p + (long)(i) * lines.inner)
#define PUT(p, i, x) STORE(p + (long)(i) * lines.inner, x)

// The largest element of this team's line of x, and the sum of the exponentials of the distances from it.
#define EXPONENTIALS(x) \
  REAL largest = -INFINITY; \
  EACH(i) { \
    largest = bothLarger(largest, AT(x, i)); \
  } \
  largest = ALL(Larger, largest); \
  REAL sum = 0; \
  EACH(i) { \
    sum += exp(AT(x, i) - largest); \
  } \
  sum = ALL(Add, sum);

kernel void softmax(Lines lines, POINTER(const ELEMENT, x), POINTER(ELEMENT, y)) {
  TEAM
  SHIFT(x);
  SHIFT(y);
  x += BASE;
  y += BASE;
  EXPONENTIALS(x)
  EACH(i) {
    PUT(y, i, exp(AT(x, i) - largest) / sum);
  }
}

kernel void softmaxGrad(Lines lines, POINTER(const ELEMENT, y), POINTER(const ELEMENT, g), POINTER(ELEMENT, gradX)) {
  TEAM
  SHIFT(y);
  SHIFT(g);
  SHIFT(gradX);
  y += BASE;
  g += BASE;
  gradX += BASE;
  REAL dot_ = 0;
  EACH(i) {
    dot_ += AT(y, i) * AT(g, i);
  }
  dot_ = ALL(Add, dot_);
  EACH(i) {
    PUT(gradX, i, AT(y, i) * (AT(g, i) - dot_));
  }
}

kernel void logSoftmax(Lines lines, POINTER(const ELEMENT, x), POINTER(ELEMENT, y)) {
  TEAM
  SHIFT(x);
  SHIFT(y);
  x += BASE;
  y += BASE;
  EXPONENTIALS(x)
  REAL logSum = log(sum);
  EACH(i) {
    PUT(y, i, AT(x, i) - largest - logSum);
  }
}

kernel void logSoftmaxGrad(Lines lines, POINTER(const ELEMENT, y), POINTER(const ELEMENT, g), POINTER(ELEMENT, gradX)) {
  TEAM
  SHIFT(y);
  SHIFT(g);
  SHIFT(gradX);
  y += BASE;
  g += BASE;
  gradX += BASE;
  REAL sum = 0;
  EACH(i) {
    sum += AT(g, i);
  }
  sum = ALL(Add, sum);
  EACH(i) {
    PUT(gradX, i, AT(g, i) - exp(AT(y, i)) * sum);
  }
}

// The share of class c in a sample's loss.
inline REAL share(int c, long label, int classes, number smoothing, global const ELEMENT* weight) {
  REAL q = (REAL)(smoothing / classes) + (c == label ? (REAL)(1 - smoothing) : (REAL)0);
  return weight ? q * LOAD(weight + c) : q;
}

kernel void crossEntropy(Lines lines, POINTER(const ELEMENT, x), POINTER(const long, target), POINTER(const ELEMENT, weight),
    POINTER(ELEMENT, loss), number smoothing, long ignored, int op, POINTER(Fault, fault)) {
  TEAM
  SHIFT(x);
  SHIFT(target);
  SHIFT(weight);
  SHIFT(loss);
  SHIFT(fault);
  x += BASE;
  long label = target[line];
  bool counts = label != ignored && inRange(label, lines.length, op, fault);
  EXPONENTIALS(x)
  REAL logSum = log(sum);
  REAL total = 0;
  EACH(i) {
    REAL q = share(i, label, lines.length, smoothing, weight);
    total += q == 0 ? (REAL)0 : q * (largest - AT(x, i) + logSum);
  }
  total = ALL(Add, total);
  if (first == 0) {
    STORE(loss + line, counts ? total : (REAL)0);
  }
}

kernel void crossEntropyGrad(Lines lines, POINTER(const ELEMENT, x), POINTER(const long, target), POINTER(const ELEMENT, weight),
    POINTER(const ELEMENT, g), POINTER(ELEMENT, gradX), number smoothing, long ignored, int op, POINTER(Fault, fault)) {
  TEAM
  SHIFT(x);
  SHIFT(target);
  SHIFT(weight);
  SHIFT(g);
  SHIFT(gradX);
  SHIFT(fault);
  x += BASE;
  gradX += BASE;
  long label = target[line];
  bool counts = label != ignored && inRange(label, lines.length, op, fault);
  EXPONENTIALS(x)
  REAL total = 0;
  EACH(i) {
    total += share(i, label, lines.length, smoothing, weight);
  }
  total = ALL(Add, total);
  REAL scale = LOAD(g + line);
  EACH(i) {
    REAL p = exp(AT(x, i) - largest) / sum;
    PUT(gradX, i, counts ? scale * (total * p - share(i, label, lines.length, smoothing, weight)) : (REAL)0);
  }
}

#if !BLOCK

kernel void cumSum(Lines lines, POINTER(const ELEMENT, x), POINTER(ELEMENT, y), int reverse) {
  TEAM
  SHIFT(x);
  SHIFT(y);
  x += BASE;
  y += BASE;
  REAL sum = 0;
  for (int i = 0; i < lines.length; i++) {
    int at = reverse ? lines.length - 1 - i : i;
    sum += AT(x, at);
    PUT(y, at, sum);
  }
}

kernel void argMax(Lines lines, POINTER(const ELEMENT, x), POINTER(long, y)) {
  TEAM
  SHIFT(x);
  SHIFT(y);
  x += BASE;
  REAL best = AT(x, 0);
  int found = 0;
  for (int i = 1; i < lines.length; i++) {
    REAL value = AT(x, i);
    if (value > best || (value != value && best == best)) {
      best = value;
      found = i;
    }
  }
  y[line] = found;
}

#endif

#else

// A group a row.
kernel void layerNorm(int n, POINTER(const ELEMENT, x), POINTER(const ELEMENT, weight), POINTER(const ELEMENT, bias),
    POINTER(ELEMENT, y), POINTER(ELEMENT, mean), POINTER(ELEMENT, rstd), number eps) {
  local REAL part[MOST_ITEMS];
  SHIFT(x);
  SHIFT(weight);
  SHIFT(bias);
  SHIFT(y);
  SHIFT(mean);
  SHIFT(rstd);
  int row = (int)get_group_id(0), first = (int)get_local_id(0), step = (int)get_local_size(0);
  x += (long)row * n;
  y += (long)row * n;
  REAL sum = 0;
  for (int i = first; i < n; i += step) {
    sum += LOAD(x + i);
  }
  int count = max(n, 1);
  REAL m = groupAdd(sum, part) / count;
  sum = 0;
  for (int i = first; i < n; i += step) {
    REAL d = LOAD(x + i) - m;
    sum += d * d;
  }
  REAL r = 1 / sqrt(groupAdd(sum, part) / count + (REAL)eps);
  if (first == 0) {
    STORE(mean + row, m);
    STORE(rstd + row, r);
  }
  for (int i = first; i < n; i += step) {
    REAL z = (LOAD(x + i) - m) * r;
    STORE(y + i, weight ? z * LOAD(weight + i) + LOAD(bias + i) : z);
  }
}

kernel void layerNormGrad(int n, POINTER(const ELEMENT, g), POINTER(const ELEMENT, x), POINTER(const ELEMENT, mean),
    POINTER(const ELEMENT, rstd), POINTER(const ELEMENT, weight), POINTER(ELEMENT, gradX)) {
  local REAL part[MOST_ITEMS];
  SHIFT(g);
  SHIFT(x);
  SHIFT(mean);
  SHIFT(rstd);
  SHIFT(weight);
  SHIFT(gradX);
  int row = (int)get_group_id(0), first = (int)get_local_id(0), step = (int)get_local_size(0);
  g += (long)row * n;
  x += (long)row * n;
  gradX += (long)row * n;
  REAL m = LOAD(mean + row);
  REAL r = LOAD(rstd + row);
  REAL sum = 0, dot_ = 0;
  for (int i = first; i < n; i += step) {
    REAL scaled = weight ? LOAD(g + i) * LOAD(weight + i) : LOAD(g + i);
    sum += scaled;
    dot_ += scaled * (LOAD(x + i) - m) * r;
  }
  sum = groupAdd(sum, part) / n;
  dot_ = groupAdd(dot_, part) / n;
  for (int i = first; i < n; i += step) {
    REAL scaled = weight ? LOAD(g + i) * LOAD(weight + i) : LOAD(g + i);
    STORE(gradX + i, r * (scaled - sum - (LOAD(x + i) - m) * r * dot_));
  }
}

// Sums over a chunk of the rows of what weight and bias get; an item a column, a row of groups a chunk.
// The parts [chunks, 2, n] are summed by reduce.cl.
kernel void layerNormGradParts(int rows, int n, int chunk, POINTER(const ELEMENT, g), POINTER(const ELEMENT, x),
    POINTER(const ELEMENT, mean), POINTER(const ELEMENT, rstd), POINTER(REAL, parts)) {
  SHIFT(g);
  SHIFT(x);
  SHIFT(mean);
  SHIFT(rstd);
  SHIFT(parts);
  int column = (int)get_global_id(0);
  if (column < n) {
    REAL weight = 0, bias = 0;
    int end = min(rows, ((int)get_group_id(1) + 1) * chunk);
    for (int row = (int)get_group_id(1) * chunk; row < end; row++) {
      REAL value = LOAD(g + (long)row * n + column);
      weight += value * (LOAD(x + (long)row * n + column) - LOAD(mean + row)) * LOAD(rstd + row);
      bias += value;
    }
    global REAL* part = parts + (long)get_group_id(1) * 2 * n + column;
    part[0] = weight;
    part[n] = bias;
  }
}

#endif
