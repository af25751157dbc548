// Sums and extrema over some dimensions, in a fixed order. Long reductions are cut into chunks, whose results are reduced again.
// Of a group an output (BLOCK: for reductions over neighbours in memory) or an item an output (for reductions across, where the
// outputs are neighbours in memory). Grid: outputs, chunks. Parts of half-precision sums are kept in single precision.
#include "tenon.clh"

#define REAL PASTE(real_, FROM)
#define REDUCE_LOAD(p) PASTE(load_, FROM)(p)
#define REDUCE_STORE(p, x) PASTE(store_, TO)(p, x)

REDUCTIONS

#if BLOCK
#define REDUCE(OP) \
  kernel void OP(Walk kept, Walk reduced, int chunk, POINTER(const PASTE(type_, FROM), x), POINTER(PASTE(type_, TO), y)) { \
    local REAL part[MOST_ITEMS]; \
    SHIFT(x); \
    SHIFT(y); \
    int output = (int)get_group_id(0); \
    long first = (long)get_group_id(1) * chunk; \
    long end = min((long)reduced.size, first + chunk); \
    global const PASTE(type_, FROM)* base = x + locate(&kept, 0, output); \
    REAL value = start##OP(); \
    for (long i = first + (long)get_local_id(0); i < end; i += (long)get_local_size(0)) { \
      value = both##OP(value, REDUCE_LOAD(base + locate(&reduced, 0, (int)i))); \
    } \
    value = group##OP(value, part); \
    if (get_local_id(0) == 0) { \
      REDUCE_STORE(y + (long)get_group_id(1) * kept.size + output, value); \
    } \
  }
#else
// So many elements are read before the first is used: one at a time would wait for memory each time.
#define AHEAD 8
#define UNROLL _Pragma("unroll")
#define REDUCE(OP) \
  kernel void OP(Walk kept, Walk reduced, int chunk, POINTER(const PASTE(type_, FROM), x), POINTER(PASTE(type_, TO), y)) { \
    SHIFT(x); \
    SHIFT(y); \
    int output = (int)get_global_id(0); \
    if (output < kept.size) { \
      long first = (long)get_group_id(1) * chunk; \
      long end = min((long)reduced.size, first + chunk); \
      global const PASTE(type_, FROM)* base = x + locate(&kept, 0, output); \
      REAL value = start##OP(); \
      long i = first; \
      for (; reduced.rank == 1 && i + AHEAD <= end; i += AHEAD) { \
        REAL next[AHEAD]; \
        UNROLL for (int j = 0; j < AHEAD; j++) { \
          next[j] = REDUCE_LOAD(base + (i + j) * reduced.stride[0][0]); \
        } \
        UNROLL for (int j = 0; j < AHEAD; j++) { \
          value = both##OP(value, next[j]); \
        } \
      } \
      for (; i < end; i++) { \
        value = both##OP(value, REDUCE_LOAD(base + locate(&reduced, 0, (int)i))); \
      } \
      REDUCE_STORE(y + (long)get_group_id(1) * kept.size + output, value); \
    } \
  }
#endif
REDUCE(Add)
REDUCE(Larger)
REDUCE(Smaller)
