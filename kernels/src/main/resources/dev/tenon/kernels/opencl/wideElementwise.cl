// Functions of contiguous elements for processors; an item works on SPAN of them.
#include "wide.clh"

#define SPAN 1024

GELU(float16, 16)

#define FLAT(NAME, VALUE) \
  kernel void NAME(int size, POINTER(const float, left), POINTER(const float, right), POINTER(float, to)) { \
    SHIFT(left); \
    SHIFT(right); \
    SHIFT(to); \
    int from = (int)get_global_id(0) * SPAN, end = min(size, from + SPAN), i = from; \
    for (; i + LANES <= end; i += LANES) { \
      float16 x = vload16(0, left + i), y = vload16(0, right + i); \
      vstore16(VALUE, 0, to + i); \
    } \
    if (i < end) { \
      float16 x = first16(left + i, end - i), y = first16(right + i, end - i); \
      put(VALUE, to + i, end - i, 0); \
    } \
  }
FLAT(add, x + y)
FLAT(multiply, x * y)
FLAT(geluOf, gelu16(x))
FLAT(geluGradOf, y * geluGrad16(x))

// GELU of a hidden layer gated by expert; an item a gate, which is repeated over the expert's width.
kernel void gatedGeluOf(int width, POINTER(const float, z), POINTER(const float, gate), POINTER(float, y)) {
  SHIFT(z);
  SHIFT(gate);
  SHIFT(y);
  int item = (int)get_global_id(0);
  float weight = gate[item];
  z += (long)item * width;
  y += (long)item * width;
  int i = 0;
  for (; i + LANES <= width; i += LANES) {
    vstore16(gelu16(vload16(0, z + i) * weight), 0, y + i);
  }
  if (i < width) {
    put(gelu16(first16(z + i, width - i) * weight), y + i, width - i, 0);
  }
}

kernel void gatedGeluGradOf(int width, POINTER(const float, z), POINTER(const float, gate), POINTER(const float, g),
    POINTER(float, gradZ), POINTER(float, gradGate)) {
  SHIFT(z);
  SHIFT(gate);
  SHIFT(g);
  SHIFT(gradZ);
  SHIFT(gradGate);
  int item = (int)get_global_id(0);
  float weight = gate[item];
  z += (long)item * width;
  g += (long)item * width;
  gradZ += (long)item * width;
  float16 sum = 0;
  int i = 0;
  for (; i + LANES <= width; i += LANES) {
    float16 value = vload16(0, z + i);
    float16 gated = vload16(0, g + i) * geluGrad16(value * weight);
    vstore16(gated * weight, 0, gradZ + i);
    sum += gated * value;
  }
  if (i < width) {
    float16 value = first16(z + i, width - i);
    float16 gated = first16(g + i, width - i) * geluGrad16(value * weight);
    put(gated * weight, gradZ + i, width - i, 0);
    sum += gated * value;
  }
  gradGate[item] = sumOf(sum);
}
