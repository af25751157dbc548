// Matrix products in tiles that a group of 256 items keeps in local memory: C = A·B + A2·B2 + bias, operands of any strides, C
// row-major. TILE (64 or 128) is the side of the tile of C; each item owns 4×4 elements of each 64×64 quarter of it. DEPTH (8 to 32) is
// how deep the slices of A and B are that are multiplied at a time.
#include "tenon.clh"

#define ITEMS 256
#define EACH (TILE * DEPTH / ITEMS)
#define SIDE (TILE / 16)

typedef struct {
  int k;
  int aRow, aColumn;
  int bRow, bColumn;
} Product;

typedef struct {
  REAL a[2][DEPTH][TILE + 4];
  REAL b[2][DEPTH][TILE + 4];
} Slices;

// Where element e of a slice that this item moves lies: neighbours in memory go to neighbouring items.
inline int laneOf(int e, bool alongDepth) {
  int i = e * ITEMS + (int)get_local_id(0);
  return alongDepth ? i / DEPTH : i % TILE;
}
inline int depthOf(int e, bool alongDepth) {
  int i = e * ITEMS + (int)get_local_id(0);
  return alongDepth ? i % DEPTH : i / TILE;
}

// Adds the products of this item's rows and columns over one slice.
inline void multiply(local const Slices* slices, int buffer, REAL sum[SIDE][SIDE]) {
  int tx = (int)get_local_id(0) % 16 * 4;
  int ty = (int)get_local_id(0) / 16 * 4;
#pragma unroll
  for (int d = 0; d < DEPTH; d++) {
    REAL x[SIDE], y[SIDE];
#pragma unroll
    for (int i = 0; i < SIDE; i++) {
      x[i] = slices->a[buffer][d][i / 4 * 64 + ty + i % 4];
      y[i] = slices->b[buffer][d][i / 4 * 64 + tx + i % 4];
    }
#pragma unroll
    for (int i = 0; i < SIDE; i++) {
#pragma unroll
      for (int j = 0; j < SIDE; j++) {
        sum[i][j] += x[i] * y[j];
      }
    }
  }
}

// sum += A·B over the tile at (row, column); the next slices are read while the present ones are multiplied.
#define ACCUMULATE(sum, LOAD_A, a, b, p, row, column, m, n) \
  { \
    REAL nextA[EACH], nextB[EACH]; \
    FETCH(LOAD_A, a, b, p, row, column, m, n, 0) \
    barrier(CLK_LOCAL_MEM_FENCE); \
    PUT(p, 0) \
    barrier(CLK_LOCAL_MEM_FENCE); \
    for (int k = 0; k < p.k; k += DEPTH) { \
      int buffer = k / DEPTH % 2; \
      if (k + DEPTH < p.k) { \
        FETCH(LOAD_A, a, b, p, row, column, m, n, k + DEPTH) \
      } \
      multiply(&slices, buffer, sum); \
      if (k + DEPTH < p.k) { \
        PUT(p, 1 - buffer) \
      } \
      barrier(CLK_LOCAL_MEM_FENCE); \
    } \
  }
#define FETCH(LOAD_A, a, b, p, row, column, m, n, from) \
  for (int e = 0; e < EACH; e++) { \
    int lane = laneOf(e, p.aColumn == 1), depth = from + depthOf(e, p.aColumn == 1); \
    nextA[e] = row + lane < m && depth < p.k ? LOAD_A(a + (long)(row + lane) * p.aRow + (long)depth * p.aColumn) : (REAL)0; \
    lane = laneOf(e, p.bColumn != 1), depth = from + depthOf(e, p.bColumn != 1); \
    nextB[e] = column + lane < n && depth < p.k ? LOAD(b + (long)depth * p.bRow + (long)(column + lane) * p.bColumn) : (REAL)0; \
  }
#define PUT(p, buffer) \
  for (int e = 0; e < EACH; e++) { \
    slices.a[buffer][depthOf(e, p.aColumn == 1)][laneOf(e, p.aColumn == 1)] = nextA[e]; \
    slices.b[buffer][depthOf(e, p.bColumn != 1)][laneOf(e, p.bColumn != 1)] = nextB[e]; \
  }
#define PLAIN(p) (*(p))

#define ROW(i) (row + (i) / 4 * 64 + (int)get_local_id(0) / 16 * 4 + (i) % 4)
#define COLUMN(j) (column + (j) / 4 * 64 + (int)get_local_id(0) % 16 * 4 + (j) % 4)

// Grid: tiles along m, tiles along n, batch. Operands of the batch walk: a, b.
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
  int sample = (int)get_group_id(2);
  a += locate(&batch, 0, sample);
  b += locate(&batch, 1, sample);
  c += (long)sample * m * n;
  int row = (int)get_group_id(0) * TILE;
  int column = (int)get_group_id(1) * TILE;
  REAL sum[SIDE][SIDE];
  for (int i = 0; i < SIDE; i++) {
    for (int j = 0; j < SIDE; j++) {
      sum[i][j] = 0;
    }
  }
  ACCUMULATE(sum, LOAD, a, b, one, row, column, m, n)
  if (two.k > 0) {
    ACCUMULATE(sum, PLAIN, a2, b2, two, row, column, m, n)
  }
#pragma unroll
  for (int i = 0; i < SIDE; i++) {
#pragma unroll
    for (int j = 0; j < SIDE; j++) {
      if (ROW(i) < m && COLUMN(j) < n) {
        STORE(c + (long)ROW(i) * n + COLUMN(j), bias ? sum[i][j] + LOAD(bias + COLUMN(j)) : sum[i][j]);
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
  int row = (int)get_group_id(0) * TILE;
  int column = (int)get_group_id(1) * TILE;
  REAL sum[SIDE][SIDE];
  for (int i = 0; i < SIDE; i++) {
    for (int j = 0; j < SIDE; j++) {
      sum[i][j] = 0;
    }
  }
  ACCUMULATE(sum, LOAD, a, b, p, row, column, m, n)
#pragma unroll
  for (int i = 0; i < SIDE; i++) {
#pragma unroll
    for (int j = 0; j < SIDE; j++) {
      if (ROW(i) < m && COLUMN(j) < n) {
        c[(long)ROW(i) * n + COLUMN(j)] = (REAL)scale * sum[i][j];
      }
    }
  }
}
