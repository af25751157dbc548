// How the operands of attention lie in memory.
#pragma once

// Strides in elements: of q, k and v along batch, position, head and channel; of the bias along batch, head, query and key.
struct Heads {
  int queries, keys, heads, dim, causal, biased;
  int q[4], k[4], v[4], bias[4];
};
