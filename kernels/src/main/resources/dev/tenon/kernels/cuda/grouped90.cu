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
#define MULTIPLIERS 256
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

// Copies a team's weights to shared memory, in the order of the products: for each group, entry of its taps, and filter, eight elements.
// The last of an odd number of entries is multiplied twice, by a half each time, so that nothing but what windows hold is. With `turned`,
// those of the gradient of the input, whose filters are the channels.
template <int N> __device__ inline void placeWeights(const Conv& c, bool turned, const bf16* weight, bf16* to) {
  int taps = c.taps(), all = taps * (N / 8), even = (all + 1) / 2 * 2;
#pragma unroll 1
  for (int i = threadIdx.x % MULTIPLIERS * 8; i < TEAM * N * taps; i += MULTIPLIERS * 8) {
    uint4 eight = loadEarly(weight + i);
    const u32 pairs[4] = {eight.x, eight.y, eight.z, eight.w};
    int tap = i % taps, line = i / taps;
#pragma unroll
    for (int e = 0; e < 8; e++) {
      int inner = line % N, outer = line / N % N, group = line / N / N;
      int filter = turned ? inner : outer, channel = turned ? outer : inner, o = (turned ? taps - 1 - tap : tap) * (N / 8) + channel / 8;
      bf16* at = to + ((group * even + o) * N + filter) * 8 + channel % 8;
      float w = __uint_as_float(e % 2 == 0 ? pairs[e / 2] << 16 : pairs[e / 2] & 0xffff0000u);
      bool twice = o + 1 == all && all < even;
      store(at, twice ? w / 2 : w);
      if (twice) store(at + N * 8, w / 2);
      if (++tap == taps) {
        tap = 0;
        line++;
      }
    }
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
      if (chunk < limit && (u32)flat < (u32)all) v[i] = loadEarly(from + flat);
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

// The products of a tile: U units of eight rows and eight columns. `table` has what each step adds to where the operand's halves lie.
template <int N, int U> __device__ inline void products(
    float (&sum)[U][TEAM / N][N / 2], const Band& b, int steps, u32 tile, u32 weights, const u64* table) {
  u64 w = operandPlain(weights, N * 16, 128);
#pragma unroll
  for (int group = 0; group < TEAM / N; group++) {
    u64 pixels = operandPlain(tile + group * (N / 8) * b.plane * 16, 0, b.pitch * 16);
#pragma unroll 1
    for (int step = 0; step < steps; step++, w += N * 2) {
      u64 at = pixels + table[step];
      wgmmaFence();
#pragma unroll
      for (int u = 0; u < U; u++) Wgmma<N>::template bf16<0, 0>(sum[u][group], at + u * 8, w, step);
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
    const Conv& c, const float (&sum)[U][TEAM / N][N / 2], u32 out, int apart, const bf16* bias) {
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
      storeMatricesTransposed(to + eight * 8 * apart + u * 16, r);
    }
  }
}

// Grid: blocks that share the bands, teams.
template <int N, int U> __device__ inline void convolve90(
    const Conv& c, const Band& b, bool turned, const bf16* x, const bf16* weight, const bf16* bias, bf16* y) {
  extern __shared__ __align__(128) char shared[];
  __shared__ u64 full[STAGES], empty[STAGES];
  int warp = threadIdx.x / 32, team = blockIdx.y;
  int steps = (c.taps() * (N / 8) + 1) / 2, weightBytes = (TEAM / N) * steps * N * 32;
  int tileBytes = (ENTRIES * b.plane + 1) * 16, apart = c.columns * 16 + 16;
  u32 weights = sharedAddress(shared), tiles = weights + weightBytes;
  if (threadIdx.x == 0) {
    for (int s = 0; s < STAGES; s++) {
      barrierInit(full + s, FILLERS);
      barrierInit(empty + s, 128);
    }
    barrierPublish();
  }
  __syncthreads();
  int bands = (c.rows + 7) / 8, items = c.batch * bands;
  if (threadIdx.x < FILLERS) {
    registersLower<80>();
    for (int i = threadIdx.x; i < STAGES * tileBytes / 16; i += FILLERS) ((uint4*)(shared + weightBytes))[i] = make_uint4(0, 0, 0, 0);
    syncNamed(1, FILLERS);
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
    u64* table = (u64*)(shared + weightBytes + STAGES * tileBytes + 2 * TEAM * apart);
    placeWeights<N>(c, turned, weight + (i64)team * TEAM * N * c.taps(), (bf16*)shared);
    for (int i = threadIdx.x - FILLERS; i < steps; i += MULTIPLIERS) {
      int at = entryAt<N>(c, b, i * 2), next = i * 2 + 1 < c.taps() * (N / 8) ? entryAt<N>(c, b, i * 2 + 1) : at;
      table[i] = (u64)at | (u64)(next - at) << 16;
    }
    sharedPublish();
    syncNamed(2, MULTIPLIERS);
    u32 out = tiles + STAGES * tileBytes + mine * TEAM * apart;
    for (int item = blockIdx.x + mine * gridDim.x; item < items; item += 2 * gridDim.x, n += 2) {
      int stage = n % STAGES;
      barrierWait(full + stage, n / STAGES & 1);
      float sum[U][TEAM / N][N / 2];
      products<N, U>(sum, b, steps, tiles + stage * tileBytes, weights, table);
      barrierArrive(empty + stage);
      if (warp % 4 == 0) storeWaitRead<0>();
      syncNamed(3 + mine, 128);
      leave<N, U>(c, sum, out, apart, bias ? bias + team * TEAM : nullptr);
      sharedPublish();
      syncNamed(3 + mine, 128);
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
  extern "C" __global__ void __launch_bounds__(FILLERS + MULTIPLIERS, 1) grouped90_##N##_##U##_bf16( \
      Conv c, Band b, int turned, const bf16* x, const bf16* weight, const bf16* bias, bf16* y) { \
    convolve90<N, U>(c, b, turned, x, weight, bias, y); \
  }
#define COLUMNS(N) GROUPED90(N, 1) GROUPED90(N, 2) GROUPED90(N, 3) GROUPED90(N, 4) GROUPED90(N, 5) GROUPED90(N, 6) GROUPED90(N, 7)
COLUMNS(8)
COLUMNS(16)
COLUMNS(32)
#endif
