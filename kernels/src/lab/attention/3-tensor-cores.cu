// The text `flash.cu`: products of warps (mma.sync), each of whose operands passes through registers.
#include "flash.cu"

#include "attention.cuh"

const char* const NAME = "3 mma.sync";
const bool GOES_BACK = true;

static int bytesOf(int tiles) { return tiles * TILE * 64 * 2 + 4 * TILE * 4; }

void forward(const Problem& p) {
  start(flash64_bf16, p.grid(p.h.queries, TILE), THREADS, bytesOf(5), p.h, p.scale, p.q, p.k, p.v, (const bf16*)0, p.o, p.lse);
}

void backward(const Problem& p) {
  int rows = p.batch * p.h.queries * p.h.heads;
  const bf16 *bias = 0, *o = p.o, *lse = p.lse;
  const float* delta = p.rows;
  float* scores = 0;
  flashDots_bf16<<<(rows * 8 + 255) / 256, 256>>>(p.h, rows, p.g, o, p.rows);
  start(flashGradQuery64_bf16, p.grid(p.h.queries, TILE), THREADS, bytesOf(6), p.h, p.scale, p.g, p.q, p.k, p.v, bias, lse, delta, p.gradQ,
      scores);
  start(flashGradKeyValue64_bf16, p.grid(p.h.keys, TILE), THREADS, bytesOf(6), p.h, p.scale, p.g, p.q, p.k, p.v, bias, lse, delta, p.gradK,
      p.gradV);
}
