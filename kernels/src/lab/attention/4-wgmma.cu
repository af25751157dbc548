// The text `flash90.cu`: products of warpgroups (wgmma) that read shared memory themselves, and heads that lie there as a whole.
#include "flash90.cu"

#include "attention.cuh"

const char* const NAME = "4 wgmma";
const bool GOES_BACK = true;

void forward(const Problem& p) {
  if (p.h.keys > WHOLE - 16 && p.h.keys <= WHOLE) {
    start(flashWhole_bf16, p.grid(p.h.queries, 256), THREADS, FORWARD_WHOLE_BYTES, p.h, p.scale, p.q, p.k, p.v, p.o, p.lse);
  } else if (p.h.keys > 64) {
    start(flash128_bf16, p.grid(p.h.queries, 128), THREADS, FORWARD_BYTES(128), p.h, p.scale, p.q, p.k, p.v, p.o, p.lse);
  } else {
    start(flash64_bf16, p.grid(p.h.queries, 128), THREADS, FORWARD_BYTES(64), p.h, p.scale, p.q, p.k, p.v, p.o, p.lse);
  }
}

void backward(const Problem& p) {
  int rows = p.batch * p.h.queries * p.h.heads;
  const bf16 *o = p.o, *lse = p.lse;
  const float* delta = p.delta;
  if (p.h.keys <= WHOLE && p.h.queries <= WHOLE) {
    start(flashGradWhole_bf16, p.grid(1, 1), THREADS, GRAD_WHOLE_BYTES, p.h, p.scale, p.g, p.q, p.k, p.v, o, lse, p.gradQ, p.gradK, p.gradV);
    return;
  }
  flashDots_bf16<<<(rows * 8 + 255) / 256, 256>>>(p.h, rows, p.g, o, p.delta);
  start(flashGradQuery_bf16, p.grid(p.h.queries, 128), THREADS, GRAD_BYTES, p.h, p.scale, p.g, p.q, p.k, p.v, lse, delta, p.gradQ);
  start(flashGradKeyValue_bf16, p.grid(p.h.keys, 128), THREADS, GRAD_BYTES, p.h, p.scale, p.g, p.q, p.k, p.v, lse, delta, p.gradK,
      p.gradV);
}
