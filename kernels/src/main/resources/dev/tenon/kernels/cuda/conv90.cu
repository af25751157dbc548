// Convolutions of stride 1 in bf16 and their gradients, for compute capability 9.0a, as products of matrices with sums in f32. There is no
// matrix of patches: tensor copies fetch rows of the maps where a tap of the kernel finds them, and put zeros where that reaches over the
// border. A copy that begins at an odd element of a row proved an illegal instruction, so that each column of a kernel has maps of its own,
// moved to where it reads. Convolutions of stride 2 whose windows of 2 × 2 do not overlap are products, too, with each column of a window.
//
// Of a block's three warpgroups the first only starts copies of slices, 64 deep, into a ring of stages; each of the others multiplies 64
// rows with 256 columns. Columns come in boxes of 64.
#include "hopper.cuh"

#ifdef HOPPER
#define ROWS 128
#define BOX 64
#define BOXES 4
#define COLUMNS (BOXES * BOX)
#define CHUNK 8192
#define TEAMS 2
#define STAGES 4
#define STAGE ((ROWS / BOX + BOXES) * CHUNK)
#define OUT (STAGES * STAGE)
#define BARRIERS (OUT + TEAMS * 2 * CHUNK)

extern __shared__ __align__(1024) char sharedBytes[];

// The operand of the rows, that of the columns, and the result. Maps lie as width, channels, height, images.
struct Maps {
  TensorMap a, b, y;
};

// A convolution of maps of `depth` channels to `channels` rows of height × width pixels. Tap t reads `dilation` times its place in the
// kernel further on, from `pad` before the first pixel; the next row is `step` rows further on. Windows of 2 × 2 lie over maps whose rows
// have `small` pixels.
struct Conv {
  int images, height, width, channels, depth;
  int taps, kernelWidth, padH, padW, dilationH, dilationW;
  int step, small;
};

// 64 pixels of a row.
struct Pixels {
  int x, y, image;
};
__device__ inline int boxesOf(const Conv& c) { return c.images * c.height * ((c.width + BOX - 1) / BOX); }
__device__ inline Pixels pixelsOf(const Conv& c, int box) {
  int across = (c.width + BOX - 1) / BOX, row = box / across;
  return {(box - row * across) * BOX, row % c.height, row / c.height};
}

// Where the place of tap `t` over the first row is: how many images and rows further on.
struct Shift {
  int image, y;
};
__device__ inline Shift shiftOf(const Conv& c, int t) {
  return {t % c.kernelWidth * c.images, t / c.kernelWidth * c.dilationH - c.padH};
}

// A place in the ring, and the parity of its current round.
struct Place {
  int stage = 0;
  u32 round = 0;
  __device__ void next() {
    if (++stage == STAGES) {
      stage = 0;
      round ^= 1;
    }
  }
};

struct Ring {
  u64 *full, *empty;
};
__device__ inline Ring startRing() {
  Ring ring = {(u64*)(sharedBytes + BARRIERS), (u64*)(sharedBytes + BARRIERS) + STAGES};
  if (threadIdx.x == 0) {
    for (int i = 0; i < STAGES; i++) {
      barrierInit(ring.full + i, 1);
      barrierInit(ring.empty + i, TEAMS);
    }
    barrierPublish();
  }
  __syncthreads();
  return ring;
}

// Waits until a stage is free and announces what comes.
__device__ inline char* claim(const Ring& ring, const Place& at) {
  barrierWait(ring.empty + at.stage, at.round ^ 1);
  barrierExpect(ring.full + at.stage, STAGE);
  return sharedBytes + at.stage * STAGE;
}

// Sums up `slices` slices; lines of the columns' operand run along the depth or along the columns. A stage is handed back once the
// products after it have started.
template <bool B_ALONG> __device__ inline void accumulate(float (&sum)[COLUMNS / 2], int slices, int team, const Ring& ring, Place& at) {
  bool leads = threadIdx.x % 128 == 0;
  int last = 0;
  for (int slice = 0; slice < slices; slice++) {
    u32 stage = sharedAddress(sharedBytes) + at.stage * STAGE;
    u64 a = operandAlong(stage + team * CHUNK), b = stage + ROWS / BOX * CHUNK;
    b = B_ALONG ? operandAlong((u32)b) : operandAcross((u32)b, CHUNK);
    barrierWait(ring.full + at.stage, at.round);
    wgmmaFence();
#pragma unroll
    for (int step = 0; step < 4; step++) {
      Wgmma<COLUMNS>::bf16<0, !B_ALONG>(sum, a + step * 2, b + step * (B_ALONG ? 2 : 128), slice > 0 || step > 0);
    }
    wgmmaCommit();
    wgmmaWait<1>();
    if (slice > 0 && leads) barrierArrive(ring.empty + last);
    last = at.stage;
    at.next();
  }
  wgmmaWait<0>();
  wgmmaPin(sum);
  if (leads) barrierArrive(ring.empty + last);
}

// 64 columns of sums and the bias of their rows as lines of 128 bytes.
__device__ inline void fillBox(const float* sum, char* box, float above, float below) {
  int lane = threadIdx.x % 32, row = threadIdx.x % 128 / 32 * 16 + lane % 16;
#pragma unroll
  for (int i = 0; i < 8; i += 2) {
    const float* d = sum + 4 * i;
    u32 r[4] = {packBf16(d[0] + above, d[1] + above), packBf16(d[2] + below, d[3] + below),
                packBf16(d[4] + above, d[5] + above), packBf16(d[6] + below, d[7] + below)};
    storeMatrices(box + row * 128 + ((i + lane / 16) ^ (row & 7)) * 16, r);
  }
}

// What is made of the rows of a product. Under a window of 2 × 2 its columns alternate every eight rows.
enum Kind { SAME, DOUBLED, HALVED };

// The maps of 64 channels, whose rows `above` and `below` have been added to.
__device__ inline void storeSame(float (&sum)[COLUMNS / 2], const Conv& c, const TensorMap* y, int group, int row, int team, float above,
    float below) {
  bool leads = threadIdx.x % 128 == 0;
  char* room = sharedBytes + OUT + team * 2 * CHUNK;
#pragma unroll
  for (int i = 0; i < BOXES; i++) {
    char* box = room + i % 2 * CHUNK;
    if (leads) storeWaitRead<1>();
    syncNamed(1 + team, 128);
    fillBox(sum + i * BOX / 2, box, above, below);
    sharedPublish();
    syncNamed(1 + team, 128);
    Pixels p = pixelsOf(c, group * BOXES + i);
    if (leads) {
      tensorStore(y, box, p.x, row, p.y, p.image);
      storeCommit();
    }
  }
}

// Each pixel's window: rows of the product are, from outermost to innermost, the window's row, channels by eight, its column, and eight
// channels.
__device__ inline void storeDoubled(float (&sum)[COLUMNS / 2], const Conv& c, bf16* y, int group, int row) {
  int lane = threadIdx.x % 32, channels = c.channels / 4, line = 2 * c.small;
  int eights = row / 16, below = eights / (channels / 8), channel = eights % (channels / 8) * 8 + lane / 4;
#pragma unroll
  for (int i = 0; i < BOXES; i++) {
    Pixels p = pixelsOf(c, group * BOXES + i);
    if (p.image >= c.images || row >= c.channels) continue;
    bf16* plane = y + ((i64)p.image * channels + channel) * 4 * c.width;
#pragma unroll
    for (int j = 0; j < 8; j++) {
      const float* d = sum + i * BOX / 2 + 4 * j;
      int x = p.x + j * 8 + lane % 4 * 2, r = x / c.small;
      bf16* window = plane + (2 * r + below) * line + 2 * (x - r * c.small);
      if (x < c.width) *(uint2*)window = make_uint2(packBf16(d[0], d[2]), packBf16(d[1], d[3]));
    }
  }
}

// The sum over each pixel's window: of every other column of the product, and the others eight rows further on.
__device__ inline void storeHalved(
    float (&sum)[COLUMNS / 2], const Conv& c, const bf16* bias, bf16* y, int group, int row) {
  int lane = threadIdx.x % 32, channels = c.channels / 2, channel = row / 2 + lane / 4;
  if (row >= c.channels) return;
  float add = bias ? load(bias + channel) : 0;
#pragma unroll
  for (int i = 0; i < BOXES; i++) {
    Pixels p = pixelsOf(c, group * BOXES + i);
    if (p.image >= c.images) continue;
    bf16* line = y + (((i64)p.image * channels + channel) * c.height + p.y) * c.small;
#pragma unroll
    for (int j = 0; j < 8; j++) {
      const float* d = sum + i * BOX / 2 + 4 * j;
      int x = p.x / 2 + j * 4 + lane % 4;
      if (x < c.small) store(line + x, d[0] + d[3] + add);
    }
  }
}

// y = w * x + bias, or the gradient of x: weights lie as depth, rows, taps, the last of which come first where `turned`. A tile is 128 rows
// of four boxes of pixels.
template <Kind KIND> __device__ inline void convolve(const Maps* maps, const Conv& c, int turned, const bf16* bias, bf16* y) {
  Ring ring = startRing();
  Place at;
  int deep = (c.depth + BOX - 1) / BOX, slices = c.taps * deep;
  int boxes = boxesOf(c), groups = (boxes + BOXES - 1) / BOXES, tiles = groups * ((c.channels + ROWS - 1) / ROWS);
  if (threadIdx.x < 128) {
    registersLower<56>();
    if (threadIdx.x == 0) {
      for (int tile = blockIdx.x; tile < tiles; tile += gridDim.x) {
        int row = tile / groups * ROWS;
        Pixels pixels[BOXES];
#pragma unroll
        for (int i = 0; i < BOXES; i++) pixels[i] = pixelsOf(c, tile % groups * BOXES + i);
        for (int tap = 0; tap < c.taps; tap++) {
          Shift shift = shiftOf(c, tap);
          for (int d = 0; d < deep; d++, at.next()) {
            char* stage = claim(ring, at);
            u64* arrived = ring.full + at.stage;
#pragma unroll
            for (int i = 0; i < ROWS / BOX; i++) {
              tensorLoad(stage + i * CHUNK, &maps->a, arrived, d * BOX, row + i * BOX, turned ? c.taps - 1 - tap : tap);
            }
#pragma unroll
            for (int i = 0; i < BOXES; i++) {
              tensorLoad(stage + (ROWS / BOX + i) * CHUNK, &maps->b, arrived, pixels[i].x, d * BOX, pixels[i].y * c.step + shift.y,
                  pixels[i].image + shift.image);
            }
          }
        }
      }
    }
    __syncwarp();
  } else {
    registersRaise<224>();
    int team = threadIdx.x / 128 - 1, warp = threadIdx.x % 128 / 32;
    float sum[COLUMNS / 2];
    for (int tile = blockIdx.x; tile < tiles; tile += gridDim.x) {
      int row = tile / groups * ROWS + team * BOX, own = row + warp * 16 + threadIdx.x % 32 / 4;
      bool adds = KIND == SAME && bias;
      float above = adds && own < c.channels ? load(bias + own) : 0, below = adds && own + 8 < c.channels ? load(bias + own + 8) : 0;
      accumulate<false>(sum, slices, team, ring, at);
      if (KIND == SAME) {
        storeSame(sum, c, &maps->y, tile % groups, row, team, above, below);
      } else if (KIND == DOUBLED) {
        storeDoubled(sum, c, y, tile % groups, row + warp * 16);
      } else {
        storeHalved(sum, c, bias, y, tile % groups, row + warp * 16);
      }
    }
    storeWait<0>();
  }
}
#define CONVOLVE(NAME, KIND) \
  extern "C" __global__ void __launch_bounds__(384, 1) convolve##NAME##_bf16( \
      const __grid_constant__ Maps maps, Conv c, int turned, const bf16* bias, bf16* y) { \
    convolve<KIND>(&maps, c, turned, bias, y); \
  }
CONVOLVE(, SAME)
CONVOLVE(Doubled, DOUBLED)
CONVOLVE(Halved, HALVED)

// A copy of rows of `width` elements for each column of a kernel, moved to rows of `c.width` by its place, with zeros where it has none.
extern "C" __global__ void moved_bf16(Conv c, int rows, int width, const bf16* x, bf16* y) {
  u32 i = blockIdx.x * blockDim.x + threadIdx.x, packs = c.width / 8, line = i / packs;
  if (line >= rows * c.kernelWidth) return;
  int copy = line / rows, row = line - copy * rows, first = (i - line * packs) * 8 + copy * c.dilationW - c.padW;
  Pack<bf16> out;
#pragma unroll
  for (int j = 0; j < 8; j++) {
    bool inside = first + j >= 0 && first + j < width;
    out.at[j].bits = inside ? x[(i64)row * width + first + j].bits : 0;
  }
  ((Pack<bf16>*)y)[i] = out;
}

// Each element and a zero behind it, eight at a time.
extern "C" __global__ void apart_bf16(int packs, const uint4* x, uint4* y) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= packs) return;
  uint4 own = x[i];
  y[2 * i] = make_uint4(own.x & 0xffff, own.x >> 16, own.y & 0xffff, own.y >> 16);
  y[2 * i + 1] = make_uint4(own.z & 0xffff, own.z >> 16, own.w & 0xffff, own.w >> 16);
}

// Sums for the gradient of the weight over a part of the boxes of pixels, `each` of them: of 128 channels of the gradients of the result,
// with four boxes of columns, 64 channels of x under one tap each. They lie as columns, channels, parts; a block for each.
extern "C" __global__ void __launch_bounds__(384, 1) gradWeight_bf16(const __grid_constant__ Maps maps, Conv c, int each, float* parts) {
  Ring ring = startRing();
  Place at;
  int deep = (c.depth + BOX - 1) / BOX, width = gridDim.x * COLUMNS, height = gridDim.y * ROWS;
  int from = blockIdx.z * each, slices = min(boxesOf(c) - from, each);
  if (threadIdx.x < 128) {
    registersLower<56>();
    if (threadIdx.x == 0) {
      Shift shift[BOXES];
      int channel[BOXES];
#pragma unroll
      for (int i = 0; i < BOXES; i++) {
        int column = blockIdx.x * BOXES + i;
        shift[i] = shiftOf(c, column / deep);
        // What is beyond the last tap is not used; any channels will do.
        channel[i] = column % deep * BOX;
      }
      for (int slice = 0; slice < slices; slice++, at.next()) {
        Pixels p = pixelsOf(c, from + slice);
        char* stage = claim(ring, at);
        u64* arrived = ring.full + at.stage;
#pragma unroll
        for (int i = 0; i < ROWS / BOX; i++) {
          tensorLoad(stage + i * CHUNK, &maps.a, arrived, p.x, blockIdx.y * ROWS + i * BOX, p.y, p.image);
        }
#pragma unroll
        for (int i = 0; i < BOXES; i++) {
          tensorLoad(stage + (ROWS / BOX + i) * CHUNK, &maps.b, arrived, p.x, channel[i], p.y * c.step + shift[i].y,
              p.image + shift[i].image);
        }
      }
    }
    __syncwarp();
  } else {
    registersRaise<224>();
    int team = threadIdx.x / 128 - 1, lane = threadIdx.x % 32;
    float sum[COLUMNS / 2];
    accumulate<true>(sum, slices, team, ring, at);
    i64 row = blockIdx.z * (i64)height + blockIdx.y * ROWS + team * BOX + threadIdx.x % 128 / 32 * 16 + lane / 4;
    float* to = parts + row * width + blockIdx.x * COLUMNS + lane % 4 * 2;
#pragma unroll
    for (int j = 0; j < COLUMNS / 8; j++) {
      *(float2*)(to + j * 8) = make_float2(sum[4 * j], sum[4 * j + 1]);
      *(float2*)(to + 8 * width + j * 8) = make_float2(sum[4 * j + 2], sum[4 * j + 3]);
    }
  }
}

// The gradient of the weight, [channels, depth, taps], from its sums in `parts` parts of height × width.
extern "C" __global__ void sumTaps_bf16(Conv c, int parts, int height, int width, const float* sums, bf16* y) {
  int deep = (c.depth + BOX - 1) / BOX, columns = c.taps * deep * BOX;
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= c.channels * columns) return;
  int channel = i / columns, column = i % columns, tap = column / (deep * BOX), depth = column % (deep * BOX);
  if (depth >= c.depth) return;
  float sum = 0;
  for (int part = 0; part < parts; part++) sum += sums[((i64)part * height + channel) * width + column];
  store(y + ((i64)channel * c.depth + depth) * c.taps + tap, sum);
}
#endif
