// Matrix products of compute capability 9.0a: C = A·B + A2·B2 + bias in bf16, or in f32 with operands rounded to tf32; sums in f32.
//
// Warpgroups store what they multiplied: stores of a tile of C are under way while the next tile is multiplied. GELU and a residual may
// follow the bias.
#include "product90.cuh"

#ifdef HOPPER
#define TURNED 32

// After the ring, shared memory has room for two boxes of each team and for its columns' biases.
template <class T, int N> struct Shape : Ring<T, N, N == 128 ? 6 : 4> {
  typedef Ring<T, N, N == 128 ? 6 : 4> Stages;
  static const int OUT = Stages::END, BIAS = OUT + 2 * LEADERS * CHUNK, BARRIERS = BIAS + LEADERS * N * 4;
};

// A thread's part of the residual of a box, as its sums lie there.
struct Residual {
  u32 at[16];
};
__device__ inline void loadResidual(Residual* to, const bf16* from, const Task& t, int row, int column) {
#pragma unroll
  for (int i = 0; i < 16; i++) {
    int r = row + i % 2 * 8, c = column + i / 2 * 8;
    to->at[i] = r < t.m && c < t.n ? *(const u32*)(from + (i64)r * t.n + c) : 0;
  }
}
__device__ inline void loadResidual(Residual* to, const float* from, const Task& t, int row, int column) {
#pragma unroll
  for (int i = 0; i < 8; i++) {
    int r = row + i % 2 * 8, c = column + i / 2 * 8;
    if (r < t.m && c < t.n) *(uint2*)(to->at + 2 * i) = *(const uint2*)(from + (i64)r * t.n + c);
  }
}

// What follows a product.
struct After {
  bool gelu, adds;
};

// Sums as they lie in a box of lines of 128 bytes, 64 columns of bf16 or 32 of f32, from the 8 columns `j` on.
// Flags would cost each element of every product a tenth of its time, so that what nothing follows has `AFTER` false.
template <bool AFTER, int SUMS> __device__ inline void fillBox(
    const float (&sum)[SUMS], int j, char* box, const float* bias, const After& after, const Residual& residual, bf16) {
  int lane = threadIdx.x % 32, row = threadIdx.x % 128 / 32 * 16 + lane % 16;
#pragma unroll
  for (int i = 0; i < 8; i += 2) {
    u32 r[4];
#pragma unroll
    for (int half = 0; half < 2; half++) {
      const float* d = sum + 4 * (j + i + half);
      float2 add = *(const float2*)(bias + (j + i + half) * 8 + lane % 4 * 2);
#pragma unroll
      for (int below = 0; below < 2; below++) {
        float x = d[2 * below] + add.x, y = d[2 * below + 1] + add.y;
        if (AFTER) {
          u32 other = residual.at[2 * (i + half) + below];
          x = finish<bf16>(x, after.gelu, after.adds, __uint_as_float(other << 16));
          y = finish<bf16>(y, after.gelu, after.adds, __uint_as_float(other & 0xffff0000u));
        }
        r[2 * half + below] = packBf16(x, y);
      }
    }
    storeMatrices(box + row * 128 + ((i + lane / 16) ^ (row & 7)) * 16, r);
  }
}
template <bool AFTER, int SUMS> __device__ inline void fillBox(
    const float (&sum)[SUMS], int j, char* box, const float* bias, const After& after, const Residual& residual, float) {
  int lane = threadIdx.x % 32;
#pragma unroll
  for (int i = 0; i < 8; i++) {
    int row = threadIdx.x % 128 / 32 * 16 + i % 2 * 8 + lane / 4, chunk = i / 2 * 2 + lane % 4 / 2;
    const float* d = sum + 4 * (j + i / 2) + i % 2 * 2;
    float2 add = *(const float2*)(bias + (j + i / 2) * 8 + lane % 4 * 2);
    float x = d[0] + add.x, y = d[1] + add.y;
    if (AFTER) {
      x = finish<float>(x, after.gelu, after.adds, __uint_as_float(residual.at[2 * i]));
      y = finish<float>(y, after.gelu, after.adds, __uint_as_float(residual.at[2 * i + 1]));
    }
    *(float2*)(box + row * 128 + (chunk ^ (row & 7)) * 16 + lane % 2 * 8) = make_float2(x, y);
  }
}

// Where a thread's sums begin in C.
__device__ inline int rowOf(const Piece& p, int team) { return p.row + team * LINES + threadIdx.x % 128 / 32 * 16 + threadIdx.x % 32 / 4; }
__device__ inline int columnOf(const Piece& p) { return p.column + threadIdx.x % 4 * 2; }

// Sums as elements of type T, box by box, by way of shared memory, which has room for two. `bias` begins with the tile's columns,
// `own` is the thread's part of the first box of the residual, which is fetched a box ahead.
template <class T, int N, bool AFTER> __device__ inline void storeBoxes(float (&sum)[N / 2], const Task& t, const TensorMap* y, const Piece& p,
    int matrix, int team, char* room, const float* bias, const After& after, const T* residual, Residual own) {
  const int WIDTH = 128 / sizeof(T);
  bool leads = threadIdx.x % 128 == 0;
#pragma unroll
  for (int box = 0; box < N / WIDTH; box++) {
    char* out = room + box % 2 * CHUNK;
    Residual next = own;
    if (AFTER && after.adds && box + 1 < N / WIDTH) loadResidual(&next, residual, t, rowOf(p, team), columnOf(p) + (box + 1) * WIDTH);
    if (leads) storeWaitRead<1>();
    syncNamed(1 + team, 128);
    fillBox<AFTER>(sum, box * WIDTH / 8, out, bias, after, own, T());
    own = next;
    sharedPublish();
    syncNamed(1 + team, 128);
    if (leads) {
      tensorStore(y, out, p.column + box * WIDTH, p.row + team * LINES, matrix);
      storeCommit();
    }
  }
}

__device__ inline void storePair(float* to, float x, float y, bool pairs, bool both) {
  if (pairs) {
    *(float2*)to = make_float2(x, y);
  } else {
    to[0] = x;
    if (both) to[1] = y;
  }
}
__device__ inline void storePair(bf16* to, float x, float y, bool pairs, bool both) {
  if (pairs) {
    *(u32*)to = packBf16(x, y);
  } else {
    store(to, x);
    if (both) store(to + 1, y);
  }
}

// Sums from where they are, for types and rows that boxes do not fit.
template <int N, class T> __device__ inline void storePairs(float (&sum)[N / 2], const Task& t, const Piece& p, int team, T* y,
    const float* bias, const After& after, const T* residual) {
  int row = rowOf(p, team);
#pragma unroll
  for (int j = 0; j < N / 8; j++) {
    int column = columnOf(p) + j * 8;
    float2 add = *(const float2*)(bias + j * 8 + threadIdx.x % 4 * 2);
#pragma unroll
    for (int half = 0; half < 2; half++) {
      int r = row + half * 8;
      const float* d = sum + 4 * j + 2 * half;
      i64 at = (i64)r * t.n + column;
      bool both = column + 1 < t.n;
      if (r < t.m && column < t.n) {
        float first = finish<T>(d[0] + add.x, after.gelu, after.adds, after.adds ? load(residual + at) : 0);
        float second = finish<T>(d[1] + add.y, after.gelu, after.adds, after.adds && both ? load(residual + at + 1) : 0);
        storePair(y + at, first, second, t.n % 2 == 0, both);
      }
    }
  }
}

template <class T, int N, bool A_ALONG, bool B_ALONG> __device__ inline void product(
    const Maps* maps, const Task& t, const T* bias, const T* residual, T* y, float* parts) {
  typedef Shape<T, N> S;
  u64 *full = (u64*)(sharedBytes + S::BARRIERS), *empty = full + S::STAGES;
  if (threadIdx.x == 0) {
    initRing<S>(full, empty);
    barrierPublish();
  }
  clusterSync();
  if (threadIdx.x < 128) {
    registersLower<56>();
    if (threadIdx.x == 0) fetchAll<S, A_ALONG, B_ALONG>(maps, t, full, empty);
    __syncwarp();
  } else {
    registersRaise<224>();
    int team = threadIdx.x / 128 - 1;
    Place<S::STAGES> place;
    Piece p;
    // Of a depth in parts, what follows is left to those who add them up.
    After after = {t.gelu && t.parts == 1, residual && t.parts == 1};
    float sum[N / 2], *columns = (float*)(sharedBytes + S::BIAS) + team * N;
    char* room = sharedBytes + S::OUT + team * 2 * CHUNK;
    int column = threadIdx.x % 128 * 2;
    for (int i = blockIdx.x / CLUSTER; pieceOf<S>(t, i, &p); i += gridDim.x / CLUSTER) {
      float2 add = make_float2(biasAt(bias, p.column + column, t.n), biasAt(bias, p.column + column + 1, t.n));
      int matrix = t.parts > 1 ? p.matrix * t.parts + p.part : p.matrix;
      i64 at = (i64)matrix * t.m * t.n;
      Residual first;
      if (after.adds && t.boxes) loadResidual(&first, residual + at, t, rowOf(p, team), columnOf(p));
      accumulate<S, A_ALONG, B_ALONG>(sum, p, team, place, full, empty);
      syncNamed(1 + team, 128);
      if (column < N) *(float2*)(columns + column) = add;
      syncNamed(1 + team, 128);
      if (t.boxes && t.parts > 1) {
        storeBoxes<float, N, false>(sum, t, &maps->y, p, matrix, team, room, columns, after, (const float*)0, first);
      } else if (t.boxes && !after.gelu && !after.adds) {
        storeBoxes<T, N, false>(sum, t, &maps->y, p, matrix, team, room, columns, after, residual, first);
      } else if (t.boxes) {
        storeBoxes<T, N, true>(sum, t, &maps->y, p, matrix, team, room, columns, after, residual + at, first);
      } else if (t.parts > 1) {
        storePairs<N>(sum, t, p, team, parts + at, columns, After(), (const float*)0);
      } else {
        storePairs<N>(sum, t, p, team, y + at, columns, after, residual + at);
      }
    }
    storeWait<0>();
  }
  clusterSync();
}

// y[column][row] = x[row][column]; lines are `from` and `to` elements apart. Blocks of 256 threads turn TURNED × TURNED elements.
extern "C" __global__ void turn_f32(int rows, int columns, int from, int to, const float* x, float* y) {
  __shared__ float tile[TURNED][TURNED + 1];
  int column = blockIdx.x * TURNED, row = blockIdx.y * TURNED, lane = threadIdx.x % TURNED;
  for (int i = threadIdx.x / TURNED; i < TURNED; i += 8) {
    if (row + i < rows && column + lane < columns) tile[i][lane] = x[(i64)(row + i) * from + column + lane];
  }
  __syncthreads();
  for (int i = threadIdx.x / TURNED; i < TURNED; i += 8) {
    if (column + i < columns && row + lane < rows) y[(i64)(column + i) * to + row + lane] = tile[lane][i];
  }
}

#define PRODUCT(N, A, A_ALONG, B, B_ALONG, T, SUFFIX) \
  extern "C" __global__ void __cluster_dims__(CLUSTER, 1, 1) __launch_bounds__(384, 1) hopper##N##A##B##_##SUFFIX( \
      const __grid_constant__ Maps maps, Task t, const T* bias, const T* residual, T* y, float* parts) { \
    product<T, N, A_ALONG, B_ALONG>(&maps, t, bias, residual, y, parts); \
  }
#define LAYOUTS(N) \
  PRODUCT(N, k, true, k, true, bf16, bf16) \
  PRODUCT(N, k, true, n, false, bf16, bf16) \
  PRODUCT(N, m, false, k, true, bf16, bf16) \
  PRODUCT(N, m, false, n, false, bf16, bf16) \
  PRODUCT(N, k, true, k, true, float, f32)
LAYOUTS(256)
LAYOUTS(192)
LAYOUTS(128)
#endif
