// Matrix products in tiles that a group of 256 items keeps in local memory: C = A·B + A2·B2 + bias, operands of any strides, C
// row-major. TILE (64 or 128) is the side of the tile of C; each item owns 4×4 elements of each 64×64 quarter of it. DEPTH (8 to 32) is
// how deep the slices of A and B are that are multiplied at a time. An item moves four neighbours at a time, along whichever dimension
// they are neighbours in memory; FOURS says that all of them start at multiples of four elements, and none is missing.
#include "tenon.clh"

#define ITEMS 256
#if TILE * DEPTH / 4 >= ITEMS
#define EACH (TILE * DEPTH / 4 / ITEMS)
#define IS_MOVER true
#else
#define EACH 1
#define IS_MOVER ((int)get_local_id(0) < TILE * DEPTH / 4)
#endif
#define SIDE (TILE / 16)
#define QUARTERS (TILE / 64)

typedef struct {
  int k;
  int aRow, aColumn;
  int bRow, bColumn;
} Product;

// Slices by depth; the padding keeps items that store along the depth out of each other's way.
typedef struct {
  REAL4 a[2][DEPTH][TILE / 4 + 1];
  REAL4 b[2][DEPTH][TILE / 4 + 1];
} Slices;

// Where the first of the four elements of a slice lies that this item moves in turn e.
inline int laneOf(int e, bool alongDepth) {
  int i = e * ITEMS + (int)get_local_id(0);
  return alongDepth ? i / (DEPTH / 4) : i % (TILE / 4) * 4;
}
inline int depthOf(int e, bool alongDepth) {
  int i = e * ITEMS + (int)get_local_id(0);
  return alongDepth ? i % (DEPTH / 4) * 4 : i / (TILE / 4);
}

// Adds the products of this item's rows and columns over one slice.
inline void multiply(local const Slices* slices, int buffer, REAL4 sum[SIDE][QUARTERS]) {
  int tx = (int)get_local_id(0) % 16;
  int ty = (int)get_local_id(0) / 16;
#pragma unroll
  for (int d = 0; d < DEPTH; d++) {
    REAL4 x[QUARTERS], y[QUARTERS];
#pragma unroll
    for (int i = 0; i < QUARTERS; i++) {
      x[i] = slices->a[buffer][d][16 * i + ty];
      y[i] = slices->b[buffer][d][16 * i + tx];
    }
#pragma unroll
    for (int i = 0; i < QUARTERS; i++) {
#pragma unroll
      for (int j = 0; j < QUARTERS; j++) {
        sum[4 * i][j] += x[i].s0 * y[j];
        sum[4 * i + 1][j] += x[i].s1 * y[j];
        sum[4 * i + 2][j] += x[i].s2 * y[j];
        sum[4 * i + 3][j] += x[i].s3 * y[j];
      }
    }
  }
}

// Four elements of which `there` are in the matrix, zeros in place of the others.
#ifdef FOURS
#define FOUR(LOAD, LOAD_4, p, step, there) ((there) > 0 ? LOAD_4(p) : (REAL4)0)
#else
#define ONE(LOAD, p, step, there, i) ((there) > i ? LOAD((p) + (long)i * (step)) : (REAL)0)
#define FOUR(LOAD, LOAD_4, p, step, there) \
  (REAL4)(ONE(LOAD, p, step, there, 0), ONE(LOAD, p, step, there, 1), ONE(LOAD, p, step, there, 2), ONE(LOAD, p, step, there, 3))
#endif

// How many of four elements are in the matrix, which ends after `lanes` and `depths`.
inline int thereOf(int lane, int lanes, int depth, int depths, bool alongDepth) {
  return lane < lanes && depth < depths ? (alongDepth ? depths - depth : lanes - lane) : 0;
}

// sum += A·B over the tile at (row, column); the next slices are read while the present ones are multiplied.
#define ACCUMULATE(sum, LOAD_A, LOAD_4A, a, b, p, row, column, m, n) \
  { \
    REAL4 nextA[EACH], nextB[EACH]; \
    bool deepA = p.aColumn == 1, deepB = p.bColumn != 1; \
    FETCH(LOAD_A, LOAD_4A, a, b, p, row, column, m, n, 0) \
    barrier(CLK_LOCAL_MEM_FENCE); \
    PUT(0) \
    barrier(CLK_LOCAL_MEM_FENCE); \
    for (int k = 0; k < p.k; k += DEPTH) { \
      int buffer = k / DEPTH % 2; \
      if (k + DEPTH < p.k) { \
        FETCH(LOAD_A, LOAD_4A, a, b, p, row, column, m, n, k + DEPTH) \
      } \
      multiply(&slices, buffer, sum); \
      if (k + DEPTH < p.k) { \
        PUT(1 - buffer) \
      } \
      barrier(CLK_LOCAL_MEM_FENCE); \
    } \
  }
#define FETCH(LOAD_A, LOAD_4A, a, b, p, row, column, m, n, from) \
  for (int e = 0; IS_MOVER && e < EACH; e++) { \
    int lane = row + laneOf(e, deepA), depth = from + depthOf(e, deepA); \
    nextA[e] = FOUR(LOAD_A, LOAD_4A, a + (long)lane * p.aRow + (long)depth * p.aColumn, deepA ? p.aColumn : p.aRow, \
        thereOf(lane, m, depth, p.k, deepA)); \
    lane = column + laneOf(e, deepB), depth = from + depthOf(e, deepB); \
    nextB[e] = FOUR(LOAD, LOAD4, b + (long)depth * p.bRow + (long)lane * p.bColumn, deepB ? p.bRow : p.bColumn, \
        thereOf(lane, n, depth, p.k, deepB)); \
  }
#define PUT(buffer) \
  for (int e = 0; IS_MOVER && e < EACH; e++) { \
    put(slices.a[buffer], nextA[e], e, deepA); \
    put(slices.b[buffer], nextB[e], e, deepB); \
  }
#define PLAIN(p) (*(p))
#define PLAIN4(p) (*(global const REAL4*)(p))

inline void put(local REAL4 slice[DEPTH][TILE / 4 + 1], REAL4 four, int e, bool alongDepth) {
  int lane = laneOf(e, alongDepth), depth = depthOf(e, alongDepth);
  if (alongDepth) {
    ((local REAL*)slice[depth])[lane] = four.s0;
    ((local REAL*)slice[depth + 1])[lane] = four.s1;
    ((local REAL*)slice[depth + 2])[lane] = four.s2;
    ((local REAL*)slice[depth + 3])[lane] = four.s3;
  } else {
    slice[depth][lane / 4] = four;
  }
}

#define ROW(i) (row + (i) / 4 * 64 + (int)get_local_id(0) / 16 * 4 + (i) % 4)
#define COLUMN(j) (column + (j) * 64 + (int)get_local_id(0) % 16 * 4)

inline void clear(REAL4 sum[SIDE][QUARTERS]) {
#pragma unroll
  for (int i = 0; i < SIDE; i++) {
#pragma unroll
    for (int j = 0; j < QUARTERS; j++) {
      sum[i][j] = 0;
    }
  }
}

// Grid: tiles row by row, of which neighbours read the same rows of A; batch. Operands of the batch walk: a, b.
#define ACROSS(n) ((n + TILE - 1) / TILE)
#define ROW_TILE(n) ((int)get_group_id(0) / ACROSS(n))
#define COLUMN_TILE(n) ((int)get_group_id(0) % ACROSS(n))

kernel __attribute__((reqd_work_group_size(ITEMS, 1, 1))) void gemm(Walk batch, int m, int n, Product one, POINTER(const ELEMENT, a),
    POINTER(const ELEMENT, b), Product two, POINTER(const REAL, a2), POINTER(const ELEMENT, b2), POINTER(const ELEMENT, bias),
    POINTER(ELEMENT, c)) {
  local Slices slices;
  SHIFT(a);
  SHIFT(b);
  SHIFT(a2);
  SHIFT(b2);
  SHIFT(bias);
  SHIFT(c);
  int sample = (int)get_group_id(1);
  a += locate(&batch, 0, sample);
  b += locate(&batch, 1, sample);
  c += (long)sample * m * n;
  int row = ROW_TILE(n) * TILE, column = COLUMN_TILE(n) * TILE;
  REAL4 sum[SIDE][QUARTERS];
  clear(sum);
  ACCUMULATE(sum, LOAD, LOAD4, a, b, one, row, column, m, n)
  if (two.k > 0) {
    ACCUMULATE(sum, PLAIN, PLAIN4, a2, b2, two, row, column, m, n)
  }
#pragma unroll
  for (int j = 0; j < QUARTERS; j++) {
    int there = n - COLUMN(j);
    REAL4 added = bias ? FOUR(LOAD, LOAD4, bias + COLUMN(j), 1, there) : (REAL4)0;
#pragma unroll
    for (int i = 0; i < SIDE; i++) {
      if (ROW(i) < m && there > 0) {
        global ELEMENT* to = c + (long)ROW(i) * n + COLUMN(j);
        REAL4 four = sum[i][j] + added;
#ifdef FOURS
        STORE4(to, four);
#else
        STORE(to, four.s0);
        if (there > 1) STORE(to + 1, four.s1);
        if (there > 2) STORE(to + 2, four.s2);
        if (there > 3) STORE(to + 3, four.s3);
#endif
      }
    }
  }
}

// The low-rank factor alone: low = scale·x·a in the compute type, so that nothing is rounded on the way.
kernel __attribute__((reqd_work_group_size(ITEMS, 1, 1))) void low(
    int m, int n, Product p, POINTER(const ELEMENT, a), POINTER(const ELEMENT, b), number scale, POINTER(REAL, c)) {
  local Slices slices;
  SHIFT(a);
  SHIFT(b);
  SHIFT(c);
  int row = ROW_TILE(n) * TILE, column = COLUMN_TILE(n) * TILE;
  REAL4 sum[SIDE][QUARTERS];
  clear(sum);
  ACCUMULATE(sum, LOAD, LOAD4, a, b, p, row, column, m, n)
#pragma unroll
  for (int j = 0; j < QUARTERS; j++) {
    int there = n - COLUMN(j);
#pragma unroll
    for (int i = 0; i < SIDE; i++) {
      if (ROW(i) < m) {
        global REAL* to = c + (long)ROW(i) * n + COLUMN(j);
        REAL4 four = (REAL)scale * sum[i][j];
        if (there > 0) to[0] = four.s0;
        if (there > 1) to[1] = four.s1;
        if (there > 2) to[2] = four.s2;
        if (there > 3) to[3] = four.s3;
      }
    }
  }
}
