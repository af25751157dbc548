// Layer norm, softmax and their gradients on GPUs: a team of ITEMS items reads each row once and holds it in private memory, VALUES
// vectors an item: four neighbours (FOURS) or one element. A group is TEAMS teams. `n` counts a row's vectors.
#include "tenon.clh"

#ifdef FOURS
#define WIDTH 4
typedef REAL4 vector;
#define READ(p, i) LOAD4((p) + 4 * (i))
#define WRITE(p, i, x) STORE4((p) + 4 * (i), x)
inline REAL sumOf(vector v) { return (v.s0 + v.s1) + (v.s2 + v.s3); }
inline REAL largestOf(vector v) { return fmax(fmax(v.s0, v.s1), fmax(v.s2, v.s3)); }
#else
#define WIDTH 1
typedef REAL vector;
#define READ(p, i) LOAD((p) + (i))
#define WRITE(p, i, x) STORE((p) + (i), x)
inline REAL sumOf(vector v) { return v; }
inline REAL largestOf(vector v) { return v; }
#endif

#define KERNEL kernel __attribute__((reqd_work_group_size(ITEMS * TEAMS, 1, 1))) void
#define ITEM ((int)(get_local_id(0) % ITEMS))
#define ROW ((int)get_group_id(0) * TEAMS + (int)get_local_id(0) / ITEMS)

// An item's vectors: the v-th of its own is the at-th of its row, unless that has ended.
#define EACH(v) _Pragma("unroll") for (int v = 0, at = ITEM; v < VALUES; v++, at += ITEMS)
#define WITHIN(value) (at < n ? (value) : (vector)0)

// A value of each item.
#define PART (ITEMS * TEAMS / 4)

// What all values of the team are together. Every item adds up all of them, in one order, which takes one barrier; a tree takes one
// for each of its levels.
#define TEAM(NAME, BOTH, OF) \
  inline REAL team##NAME(REAL value, local REAL4* part) { \
    ((local REAL*)part)[get_local_id(0)] = value; \
    barrier(CLK_LOCAL_MEM_FENCE); \
    local const REAL4* own = part + (int)get_local_id(0) / ITEMS * (ITEMS / 4); \
    REAL4 a = own[0]; \
    _Pragma("unroll") for (int i = 1; i < ITEMS / 4; i++) { \
      REAL4 b = own[i]; \
      a = BOTH; \
    } \
    return OF(a); \
  }
#define SUM4(v) (((v).s0 + (v).s1) + ((v).s2 + (v).s3))
#define LARGEST4(v) fmax(fmax((v).s0, (v).s1), fmax((v).s2, (v).s3))
TEAM(Add, a + b, SUM4)
TEAM(Larger, fmax(a, b), LARGEST4)

// The sum of two values at once.
inline void teamAddBoth(REAL* a, REAL* b, local REAL4* partA, local REAL4* partB) {
  int item = (int)get_local_id(0), team = item / ITEMS * (ITEMS / 4);
  ((local REAL*)partA)[item] = *a;
  ((local REAL*)partB)[item] = *b;
  barrier(CLK_LOCAL_MEM_FENCE);
  REAL4 sumA = partA[team], sumB = partB[team];
#pragma unroll
  for (int i = 1; i < ITEMS / 4; i++) {
    sumA += partA[team + i];
    sumB += partB[team + i];
  }
  *a = SUM4(sumA);
  *b = SUM4(sumB);
}

KERNEL layerNorm(int rows, int n, POINTER(const ELEMENT, x), POINTER(const ELEMENT, weight), POINTER(const ELEMENT, bias),
    POINTER(ELEMENT, y), POINTER(ELEMENT, mean), POINTER(ELEMENT, rstd), number eps) {
  local REAL4 sums[PART];
  local REAL4 squares[PART];
  SHIFT(x);
  SHIFT(weight);
  SHIFT(bias);
  SHIFT(y);
  SHIFT(mean);
  SHIFT(rstd);
  bool counts = ROW < rows;
  int row = min(ROW, rows - 1);
  x += (long)row * n * WIDTH;
  y += (long)row * n * WIDTH;
  vector own[VALUES];
  EACH(v) {
    own[v] = WITHIN(READ(x, at));
  }
  REAL sum = 0;
  EACH(v) {
    sum += sumOf(own[v]);
  }
  REAL m = teamAdd(sum, sums) / (n * WIDTH);
  sum = 0;
  EACH(v) {
    own[v] = WITHIN(own[v] - m);
    sum += sumOf(own[v] * own[v]);
  }
  REAL r = 1 / sqrt(teamAdd(sum, squares) / (n * WIDTH) + (REAL)eps);
  if (counts && ITEM == 0) {
    STORE(mean + row, m);
    STORE(rstd + row, r);
  }
  EACH(v) {
    if (counts && at < n) {
      vector z = own[v] * r;
      WRITE(y, at, weight ? z * READ(weight, at) + READ(bias, at) : z);
    }
  }
}

// A group a chunk of the rows, whose shares in the gradients of weight and bias are a part [2, n] of all.
KERNEL layerNormGrad(int rows, int n, int chunk, POINTER(const ELEMENT, g), POINTER(const ELEMENT, x), POINTER(const ELEMENT, mean),
    POINTER(const ELEMENT, rstd), POINTER(const ELEMENT, weight), POINTER(ELEMENT, gradX), POINTER(REAL, parts)) {
  // Of this row and of the last, which some items may still read.
  local REAL4 sums[2 * PART];
  local REAL4 dots[2 * PART];
  SHIFT(g);
  SHIFT(x);
  SHIFT(mean);
  SHIFT(rstd);
  SHIFT(weight);
  SHIFT(gradX);
  SHIFT(parts);
  int first = (int)get_group_id(0) * chunk, end = min(rows, first + chunk);
  REAL share = (REAL)1 / (n * WIDTH);
  vector scale[VALUES], ofWeight[VALUES], ofBias[VALUES];
  EACH(v) {
    scale[v] = weight && at < n ? READ(weight, at) : (vector)1;
    ofWeight[v] = ofBias[v] = 0;
  }
  for (int row = first; row < end; row++) {
    long start = (long)row * n * WIDTH;
    REAL m = LOAD(mean + row), r = LOAD(rstd + row);
    vector value[VALUES], z[VALUES];
    EACH(v) {
      value[v] = WITHIN(READ(g + start, at));
      z[v] = WITHIN(READ(x + start, at));
    }
    REAL sum = 0, dot_ = 0;
    EACH(v) {
      z[v] = (z[v] - m) * r;
      ofWeight[v] += value[v] * z[v];
      ofBias[v] += value[v];
      value[v] *= scale[v];
      sum += sumOf(value[v]);
      dot_ += sumOf(value[v] * z[v]);
    }
    teamAddBoth(&sum, &dot_, sums + row % 2 * PART, dots + row % 2 * PART);
    sum *= share;
    dot_ *= share;
    EACH(v) {
      if (at < n) {
        WRITE(gradX + start, at, r * (value[v] - sum - z[v] * dot_));
      }
    }
  }
  parts += (long)get_group_id(0) * 2 * n * WIDTH;
  EACH(v) {
    if (parts && at < n) {
#ifdef FOURS
      ((global REAL4*)parts)[at] = ofWeight[v];
      ((global REAL4*)parts)[n + at] = ofBias[v];
#else
      parts[at] = ofWeight[v];
      parts[n + at] = ofBias[v];
#endif
    }
  }
}

// Adds up the parts [chunks, 2, n]: of a group COLUMNS items are neighbours, the others take turns at the chunks.
#define COLUMNS 16
kernel __attribute__((reqd_work_group_size(256, 1, 1))) void layerNormGradSums(int n, int chunks, POINTER(const REAL, parts),
    POINTER(ELEMENT, gradWeight), POINTER(ELEMENT, gradBias)) {
  local REAL part[256];
  SHIFT(parts);
  SHIFT(gradWeight);
  SHIFT(gradBias);
  int item = (int)get_local_id(0), column = (int)get_group_id(0) * COLUMNS + item % COLUMNS;
  REAL sum = 0;
  if (column < 2 * n) {
#pragma unroll 8
    for (int chunk = item / COLUMNS; chunk < chunks; chunk += 256 / COLUMNS) {
      sum += parts[(long)chunk * 2 * n + column];
    }
  }
  part[item] = sum;
  barrier(CLK_LOCAL_MEM_FENCE);
  if (item < COLUMNS && column < 2 * n) {
    for (int i = item + COLUMNS; i < 256; i += COLUMNS) {
      sum += part[i];
    }
    STORE(column < n ? gradWeight + column : gradBias + column - n, sum);
  }
}

// The exponentials of the distances from a row's largest element, which are zero beyond its end, and what they add up to.
#define EXPONENTIALS \
  local REAL4 maxima[PART]; \
  local REAL4 sums[PART]; \
  vector own[VALUES]; \
  EACH(v) { \
    own[v] = at < n ? READ(x, at) : (vector)-INFINITY; \
  } \
  REAL largest = -INFINITY; \
  EACH(v) { \
    largest = fmax(largest, largestOf(own[v])); \
  } \
  largest = teamLarger(largest, maxima);

KERNEL softmax(int rows, int n, POINTER(const ELEMENT, x), POINTER(ELEMENT, y)) {
  SHIFT(x);
  SHIFT(y);
  bool counts = ROW < rows;
  long start = (long)min(ROW, rows - 1) * n * WIDTH;
  x += start;
  y += start;
  EXPONENTIALS
  REAL sum = 0;
  EACH(v) {
    own[v] = exp(own[v] - largest);
    sum += sumOf(own[v]);
  }
  REAL share = 1 / teamAdd(sum, sums);
  EACH(v) {
    if (counts && at < n) {
      WRITE(y, at, own[v] * share);
    }
  }
}

KERNEL softmaxGrad(int rows, int n, POINTER(const ELEMENT, y), POINTER(const ELEMENT, g), POINTER(ELEMENT, gradX)) {
  local REAL4 dots[PART];
  SHIFT(y);
  SHIFT(g);
  SHIFT(gradX);
  bool counts = ROW < rows;
  long start = (long)min(ROW, rows - 1) * n * WIDTH;
  vector p[VALUES], grad[VALUES];
  EACH(v) {
    p[v] = WITHIN(READ(y + start, at));
    grad[v] = WITHIN(READ(g + start, at));
  }
  REAL dot_ = 0;
  EACH(v) {
    dot_ += sumOf(p[v] * grad[v]);
  }
  dot_ = teamAdd(dot_, dots);
  EACH(v) {
    if (counts && at < n) {
      WRITE(gradX + start, at, p[v] * (grad[v] - dot_));
    }
  }
}

KERNEL logSoftmax(int rows, int n, POINTER(const ELEMENT, x), POINTER(ELEMENT, y)) {
  SHIFT(x);
  SHIFT(y);
  bool counts = ROW < rows;
  long start = (long)min(ROW, rows - 1) * n * WIDTH;
  x += start;
  y += start;
  EXPONENTIALS
  REAL sum = 0;
  EACH(v) {
    sum += sumOf(exp(own[v] - largest));
  }
  REAL logSum = log(teamAdd(sum, sums));
  EACH(v) {
    if (counts && at < n) {
      WRITE(y, at, own[v] - largest - logSum);
    }
  }
}

KERNEL logSoftmaxGrad(int rows, int n, POINTER(const ELEMENT, y), POINTER(const ELEMENT, g), POINTER(ELEMENT, gradX)) {
  local REAL4 sums[PART];
  SHIFT(y);
  SHIFT(g);
  SHIFT(gradX);
  bool counts = ROW < rows;
  long start = (long)min(ROW, rows - 1) * n * WIDTH;
  vector logP[VALUES], grad[VALUES];
  REAL sum = 0;
  EACH(v) {
    logP[v] = WITHIN(READ(y + start, at));
    grad[v] = WITHIN(READ(g + start, at));
  }
  EACH(v) {
    sum += sumOf(grad[v]);
  }
  sum = teamAdd(sum, sums);
  EACH(v) {
    if (counts && at < n) {
      WRITE(gradX + start, at, grad[v] - exp(logP[v]) * sum);
    }
  }
}
