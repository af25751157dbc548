// Convolutions in groups by warpgroups: of stride 1, in bf16, with as many filters a group as channels.
//
// A block takes bands of eight rows of 32 channels, which are one group or several, its team. Two warpgroups read planes and turn them
// round: in shared memory the channels of a pixel are neighbours, in entries of 16 bytes, each of a plane of its own. A window's tap is
// then the same matrix of pixels × channels, some entries on, and eight rows of eight pixels are one operand of wgmma wherever they
// start. The two others multiply, in turn, and leave their results in shared memory, from where rows go as they lie.
#include "conv.cuh"
#include "hopper.cuh"

#ifdef HOPPER

#define TEAM 32
#define ENTRIES 4
#define FILLERS 256
#define STAGES 3
// Pieces that a filler reads before it writes the first.
#define AHEAD 9

// The tile of a band: lines of `pitch` entries, `plane` in all, from the left padding on.
struct Band {
  int lines, pitch, plane;
};

__device__ inline void storeMatricesTransposed(u32 row, const u32 (&r)[4]) {
  asm volatile("stmatrix.sync.aligned.m8n8.x4.trans.shared.b16 [%0], {%1, %2, %3, %4};"
      ::"r"(row), "r"(r[0]), "r"(r[1]), "r"(r[2]), "r"(r[3]) : "memory");
}

// 16 bytes that nobody else of the multiprocessor reads.
__device__ inline uint4 loadOnce(const void* p) {
  uint4 v;
  asm volatile("ld.global.nc.L1::no_allocate.v4.u32 {%0, %1, %2, %3}, [%4];" : "=r"(v.x), "=r"(v.y), "=r"(v.z), "=r"(v.w) : "l"(p));
  return v;
}
// Starts storing bytes as they lie, a multiple of 16 of them.
__device__ inline void bulkStore(void* to, u32 from, u32 bytes) {
  asm volatile("cp.async.bulk.global.shared::cta.bulk_group [%0], [%1], %2;" ::"l"(to), "r"(from), "r"(bytes) : "memory");
}

// An operand whose rows of eight elements are neighbours in eights, `apart` bytes from the next eight, and whose second half of the depth
// lies `half` bytes on.
__device__ inline u64 operandPlain(u32 address, u32 half, u32 apart) {
  return (u64)((address & 0x3ffff) >> 4) | (u64)(half >> 4) << 16 | (u64)(apart >> 4) << 32;
}

// Where entry o of a group's taps lies, N / 8 to a tap, in entries from a pixel's first.
template <int N> __device__ inline int entryAt(const Conv& c, const Band& b, int o) {
  int tap = o / (N / 8);
  return o % (N / 8) * b.plane + tap / c.kernelW * c.dilationH * b.pitch + tap % c.kernelW * c.dilationW;
}

// Weights in the order of the products: for each group, two entries of its taps, and half, its filters' eight elements. The last of an
// odd number is multiplied twice, by a half each time, so that nothing but what the window holds is. With `turned`, those of the
// gradient of the input, whose filters are the channels.
template <int N> __device__ inline void packWeights90(const Conv& c, bool turned, const bf16* weight, bf16* packed) {
  int taps = c.taps(), all = taps * (N / 8), steps = (all + 1) / 2;
  FOR_EACH(i, (i64)c.groups * steps * 2 * N * 8) {
    int filter = (int)(i / 8 % N), o = (int)(i / 8 / N % (steps * 2)), group = (int)(i / 8 / N / (steps * 2));
    bool twice = all % 2 == 1 && o >= all - 1;
    o = min(o, all - 1);
    int tap = o / (N / 8), channel = o % (N / 8) * 8 + (int)(i % 8);
    i64 line = turned ? (i64)(group * N + channel) * N + filter : (i64)(group * N + filter) * N + channel;
    float w = load(weight + line * taps + (turned ? taps - 1 - tap : tap));
    store(packed + i, twice ? w / 2 : w);
  }
}

// Fills the tile at `tile` with a band from line `top` on; warps w, w + 4, … take entry w % 4, 32 pixels of its channels at a time. What
// they read first they read before the tile is empty.
__device__ inline void fillBand(const Conv& c, const Band& b, const bf16* from, int top, u32 tile, u64* empty, u32 parity) {
  const int SHARES = FILLERS / 32 / ENTRIES, STEP = SHARES * 4;
  int lane = threadIdx.x % 32, warp = threadIdx.x / 32, all = c.height * c.width, chunks = c.width / 8, limit = b.lines * chunks;
  // The channel and the chunk of eight pixels that a lane reads; the row of a matrix that it names, a pixel of another chunk.
  int read = warp / ENTRIES * 4 + lane % 4, matrix = lane / 8, j = lane % 8 / 2, named = warp / ENTRIES * 4 + j;
  from += (i64)(warp % ENTRIES * 8 + lane / 4) * all;
  u32 to = tile + (warp % ENTRIES * b.plane + c.padW + (matrix + j) % 4 * 2 + lane % 2) * 16, unused = tile + ENTRIES * b.plane * 16;
  bool one = lane & 1, two = lane & 2;
  for (int first = 0; first < limit; first += AHEAD * STEP) {
    uint4 v[AHEAD];
#pragma unroll
    for (int i = 0; i < AHEAD; i++) {
      int chunk = first + i * STEP + read, flat = top * c.width + chunk * 8;
      v[i] = make_uint4(0, 0, 0, 0);
      if (chunk < limit && (u32)flat < (u32)all) v[i] = loadOnce(from + flat);
    }
    if (first == 0) barrierWait(empty, parity);
    int line = (first + named) / chunks, column = (first + named) % chunks;
#pragma unroll
    for (int i = 0; i < AHEAD; i++) {
      if (first + i * STEP + warp / ENTRIES * 4 < limit) {
        // Row r of matrix m shall be pixel 8·(r / 2) + (m + r / 2) % 4 · 2 + r % 2, so that rows lie in different banks.
        u32 r[4] = {v[i].x, v[i].y, v[i].z, v[i].w}, s[4];
#pragma unroll
        for (int k = 0; k < 4; k++) s[k] = one ? r[(k + 1) % 4] : r[k];
#pragma unroll
        for (int k = 0; k < 4; k++) r[k] = two ? s[(k + 2) % 4] : s[k];
        storeMatricesTransposed(line < b.lines ? to + (line * b.pitch + column * 8) * 16 : unused, r);
      }
      line += STEP / chunks;
      column += STEP % chunks;
      if (column >= chunks) {
        column -= chunks;
        line++;
      }
    }
  }
}

// The products of a tile: units of eight rows and eight columns, of which there are `units`; the last ones may be the same.
template <int N, int U> __device__ inline void products(
    float (&sum)[U][TEAM / N][N / 2], const Band& b, int units, int steps, u32 tile, u32 weights, const u64* table) {
  u64 w = operandPlain(weights, N * 16, 128);
#pragma unroll
  for (int group = 0; group < TEAM / N; group++) {
    u64 pixels = operandPlain(tile + group * (N / 8) * b.plane * 16, 0, b.pitch * 16);
#pragma unroll 1
    for (int step = 0; step < steps; step++, w += N * 2) {
      u64 at = pixels + table[step];
      wgmmaFence();
#pragma unroll
      for (int u = 0; u < U; u++) Wgmma<N>::template bf16<0, 0>(sum[u][group], at + min(u, units - 1) * 8, w, step);
      wgmmaCommit();
    }
  }
  wgmmaWait<0>();
#pragma unroll
  for (int u = 0; u < U; u++) {
#pragma unroll
    for (int group = 0; group < TEAM / N; group++) wgmmaPin(sum[u][group]);
  }
}

// Writes results to shared memory, of each filter eight rows of pixels, `apart` bytes from those of the next.
template <int N, int U> __device__ inline void leave(
    const Conv& c, const float (&sum)[U][TEAM / N][N / 2], int units, u32 out, int apart, const bf16* bias) {
  int lane = threadIdx.x % 32, warp = threadIdx.x % 128 / 32;
  u32 to = out + (lane / 16 * 8 + lane % 8) * apart + (warp * 2 + lane / 8 % 2) * c.columns * 2;
#pragma unroll
  for (int eight = 0; eight < TEAM / 8; eight += 2) {
    float add[2][2];
#pragma unroll
    for (int i = 0; i < 4; i++) add[i / 2][i % 2] = bias ? load(bias + (eight + i / 2) * 8 + lane % 4 * 2 + i % 2) : 0.0f;
#pragma unroll
    for (int u = 0; u < U; u++) {
      u32 r[4];
#pragma unroll
      for (int k = 0; k < 4; k++) {
        int at = eight + k / 2;
        const float* d = sum[u][at / (N / 8)] + at % (N / 8) * 4 + k % 2 * 2;
        r[k] = packBf16(d[0] + add[k / 2][0], d[1] + add[k / 2][1]);
      }
      storeMatricesTransposed(to + eight * 8 * apart + min(u, units - 1) * 16, r);
    }
  }
}

// Grid: blocks that share the bands, teams.
template <int N, int U> __device__ inline void convolve90(
    const Conv& c, const Band& b, const bf16* x, const bf16* packed, const bf16* bias, bf16* y) {
  extern __shared__ __align__(128) char shared[];
  __shared__ u64 full[STAGES], empty[STAGES];
  int warp = threadIdx.x / 32, team = blockIdx.y, units = c.columns / 8;
  int steps = (c.taps() * (N / 8) + 1) / 2, weightBytes = (TEAM / N) * steps * N * 32;
  int tileBytes = (ENTRIES * b.plane + 1) * 16, apart = c.columns * 16 + 16;
  u32 weights = sharedAddress(shared), tiles = weights + weightBytes;
  u64* table = (u64*)(shared + weightBytes + STAGES * tileBytes + 2 * TEAM * apart);
  const char* from = (const char*)packed + (i64)team * weightBytes;
  for (int i = threadIdx.x * 16; i < weightBytes; i += blockDim.x * 16) copyAsync(shared + i, from + i, 16);
  copyCommit();
  for (int i = threadIdx.x; i < STAGES * tileBytes / 16; i += blockDim.x) ((uint4*)(shared + weightBytes))[i] = make_uint4(0, 0, 0, 0);
  for (int i = threadIdx.x; i < steps; i += blockDim.x) {
    int at = entryAt<N>(c, b, i * 2), next = i * 2 + 1 < c.taps() * (N / 8) ? entryAt<N>(c, b, i * 2 + 1) : at;
    table[i] = (u64)at | (u64)(next - at) << 16;
  }
  if (threadIdx.x == 0) {
    for (int s = 0; s < STAGES; s++) {
      barrierInit(full + s, FILLERS);
      barrierInit(empty + s, 128);
    }
    barrierPublish();
  }
  copyWait<0>();
  sharedPublish();
  __syncthreads();
  int bands = (c.rows + 7) / 8, items = c.batch * bands;
  if (threadIdx.x < FILLERS) {
    registersLower<80>();
    int stage = 0, round = 0;
    for (int item = blockIdx.x; item < items; item += gridDim.x) {
      const bf16* planes = x + ((i64)(item / bands) * c.channels + team * TEAM) * c.height * c.width;
      fillBand(c, b, planes, item % bands * 8 - c.padH, tiles + stage * tileBytes, empty + stage, round & 1 ^ 1);
      sharedPublish();
      barrierArrive(full + stage);
      if (++stage == STAGES) stage = 0, round++;
    }
  } else {
    registersRaise<168>();
    int mine = warp / 4 - FILLERS / 128, lane = threadIdx.x % 32, n = mine;
    u32 out = tiles + STAGES * tileBytes + mine * TEAM * apart;
    for (int item = blockIdx.x + mine * gridDim.x; item < items; item += 2 * gridDim.x, n += 2) {
      int stage = n % STAGES;
      barrierWait(full + stage, n / STAGES & 1);
      float sum[U][TEAM / N][N / 2];
      products<N, U>(sum, b, units, steps, tiles + stage * tileBytes, weights, table);
      barrierArrive(empty + stage);
      if (warp % 4 == 0) storeWaitRead<0>();
      syncNamed(1 + mine, 128);
      leave<N, U>(c, sum, units, out, apart, bias ? bias + team * TEAM : nullptr);
      sharedPublish();
      syncNamed(1 + mine, 128);
      if (warp % 4 == 0) {
        int row = item % bands * 8;
        bf16* to = y + ((i64)(item / bands) * c.filters + team * TEAM + lane) * c.positions() + row * c.columns;
        bulkStore(to, out + lane * apart, min(8, c.rows - row) * c.columns * 2);
        storeCommit();
      }
    }
    if (warp % 4 == 0) storeWait<0>();
  }
}

#define GROUPED90(N, U) \
  extern "C" __global__ void __launch_bounds__(512, 1) grouped90_##N##_##U##_bf16( \
      Conv c, Band b, const bf16* x, const bf16* packed, const bf16* bias, bf16* y) { \
    convolve90<N, U>(c, b, x, packed, bias, y); \
  }
#define PACK(N) \
  extern "C" __global__ void packWeights90_##N##_bf16(Conv c, int turned, const bf16* weight, bf16* packed) { \
    packWeights90<N>(c, turned, weight, packed); \
  } \
  GROUPED90(N, 2) GROUPED90(N, 4) GROUPED90(N, 7)
PACK(8)
PACK(16)
PACK(32)
#endif
