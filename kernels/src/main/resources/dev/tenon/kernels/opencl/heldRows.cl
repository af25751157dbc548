// Layer norm, softmax and their gradients on GPUs: a team of ITEMS items reads each row once and holds it in private memory, VALUES
// vectors an item: four neighbours (FOURS) or one element. A group is TEAMS teams. `n` counts a row's vectors.
#include "tenon.clh"

inline REAL sum4(REAL4 v) { return (v.s0 + v.s1) + (v.s2 + v.s3); }
inline REAL largest4(REAL4 v) { return fmax(fmax(v.s0, v.s1), fmax(v.s2, v.s3)); }

#ifdef FOURS
#define WIDTH 4
typedef REAL4 vector;
#define READ(p, i) LOAD4((p) + 4 * (i))
#define WRITE(p, i, x) STORE4((p) + 4 * (i), x)
#define SUM_OF(v) sum4(v)
#define LARGEST_OF(v) largest4(v)
#else
#define WIDTH 1
typedef REAL vector;
#define READ(p, i) LOAD((p) + (i))
#define WRITE(p, i, x) STORE((p) + (i), x)
#define SUM_OF(v) (v)
#define LARGEST_OF(v) (v)
#endif

#define KERNEL kernel __attribute__((reqd_work_group_size(ITEMS * TEAMS, 1, 1))) void
#define ITEM ((int)(get_local_id(0) % ITEMS))
#define ROW ((int)get_group_id(0) * TEAMS + (int)get_local_id(0) / ITEMS)

// An item's vectors: the v-th of its own is the at-th of its row, unless that has ended.
#define EACH(v) _Pragma("unroll") for (int v = 0, at = ITEM; v < VALUES; v++, at += ITEMS)
#define WITHIN(value) (at < n ? (value) : (vector)0)

// A value of each item, and eight of each team.
#define PART (ITEMS * TEAMS / 4 + 2 * TEAMS)

// What all values of the team are together, in one order: eight items join them to as many, and every item joins those. A tree would
// take a barrier for each of its levels; if every item read all values, those would take long where there are many.
#define TEAM(NAME, BOTH, OF) \
  inline REAL team##NAME(REAL value, local REAL4* part) { \
    int team = (int)get_local_id(0) / ITEMS; \
    local const REAL4* own = part + team * (ITEMS / 4); \
    local REAL4* joined = part + ITEMS * TEAMS / 4 + 2 * team; \
    ((local REAL*)part)[get_local_id(0)] = value; \
    barrier(CLK_LOCAL_MEM_FENCE); \
    if (ITEM < 8) { \
      REAL4 a = own[ITEM]; \
      _Pragma("unroll") for (int i = 8; i < ITEMS / 4; i += 8) { \
        REAL4 b = own[ITEM + i]; \
        a = BOTH; \
      } \
      ((local REAL*)joined)[ITEM] = OF(a); \
    } \
    barrier(CLK_LOCAL_MEM_FENCE); \
    REAL4 a = joined[0], b = joined[1]; \
    return OF(BOTH); \
  }
TEAM(Add, a + b, sum4)
TEAM(Larger, fmax(a, b), largest4)

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
    sum += SUM_OF(own[v]);
  }
  REAL m = teamAdd(sum, sums) / (n * WIDTH);
  sum = 0;
  EACH(v) {
    own[v] = WITHIN(own[v] - m);
    sum += SUM_OF(own[v] * own[v]);
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
  local REAL4 sums[PART];
  local REAL4 dots[PART];
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
      sum += SUM_OF(value[v]);
      dot_ += SUM_OF(value[v] * z[v]);
    }
    sum = teamAdd(sum, sums) * share;
    dot_ = teamAdd(dot_, dots) * share;
    EACH(v) {
      if (at < n) {
        WRITE(gradX + start, at, r * (value[v] - sum - z[v] * dot_));
      }
    }
  }
  parts += (long)get_group_id(0) * 2 * n * WIDTH;
  EACH(v) {
    if (parts && at < n) {
      ((global vector*)parts)[at] = ofWeight[v];
      ((global vector*)parts)[n + at] = ofBias[v];
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
    largest = fmax(largest, LARGEST_OF(own[v])); \
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
    sum += SUM_OF(own[v]);
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
    dot_ += SUM_OF(p[v] * grad[v]);
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
    sum += SUM_OF(exp(own[v] - largest));
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
    sum += SUM_OF(grad[v]);
  }
  sum = teamAdd(sum, sums);
  EACH(v) {
    if (counts && at < n) {
      WRITE(gradX + start, at, grad[v] - exp(logP[v]) * sum);
    }
  }
}
