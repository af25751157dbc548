// Products and orders along one dimension, statistics of channels, and replacing by index.
#include "tenon.clh"

#ifdef IS_REAL

REDUCTIONS

typedef struct {
  int length;
  int inner;
  int count;
} Lines;

// Where element i of a line lies.
#define AT(line, i) (((long)((line) / lines.inner) * lines.length + (i)) * lines.inner + (line) % lines.inner)

kernel void prod(Lines lines, POINTER(const ELEMENT, x), POINTER(ELEMENT, y)) {
  SHIFT(x);
  SHIFT(y);
  FOR_EACH(line, lines.count) {
    REAL product = 1;
    for (int i = 0; i < lines.length; i++) {
      product *= LOAD(x + AT(line, i));
    }
    STORE(y + line, product);
  }
}

// `before` takes gradOutput times the product of all elements before each one.
kernel void prodGrad(
    Lines lines, POINTER(const ELEMENT, x), POINTER(const ELEMENT, g), POINTER(REAL, before), POINTER(ELEMENT, y)) {
  SHIFT(x);
  SHIFT(g);
  SHIFT(before);
  SHIFT(y);
  FOR_EACH(line, lines.count) {
    REAL product = LOAD(g + line);
    for (int i = 0; i < lines.length; i++) {
      before[AT(line, i)] = product;
      product *= LOAD(x + AT(line, i));
    }
    product = 1;
    for (int i = lines.length - 1; i >= 0; i--) {
      STORE(y + AT(line, i), before[AT(line, i)] * product);
      product *= LOAD(x + AT(line, i));
    }
  }
}

// An item an element: its place is the number of those that come before it. A NaN is the largest.
kernel void argSort(Lines lines, POINTER(const ELEMENT, x), POINTER(long, y), int descending) {
  SHIFT(x);
  SHIFT(y);
  FOR_EACH(i, lines.count * lines.length) {
    int line = i % lines.count, own = i / lines.count, place = 0;
    REAL value = LOAD(x + AT(line, own));
    for (int j = 0; j < lines.length; j++) {
      REAL other = LOAD(x + AT(line, j));
      bool less = other < value || (value != value && other == other);
      bool more = other > value || (other != other && value == value);
      place += (descending ? more : less) || (!less && !more && j < own);
    }
    y[AT(line, place)] = own;
  }
}

// Images, channels and the elements of a channel in one image. A group a channel.
typedef struct {
  int images, channels, inner;
} Channels;

#define COUNT (c.images * c.inner)
#define EACH(i) for (int i = (int)get_local_id(0); i < COUNT; i += (int)get_local_size(0))
#define PLACE(i) (((long)((i) / c.inner) * c.channels + channel) * c.inner + (i) % c.inner)

kernel void batchNorm(Channels c, POINTER(const ELEMENT, x), POINTER(const ELEMENT, weight), POINTER(const ELEMENT, bias),
    POINTER(ELEMENT, y), POINTER(ELEMENT, mean), POINTER(ELEMENT, variance), number eps) {
  local REAL part[MOST_ITEMS];
  SHIFT(x);
  SHIFT(weight);
  SHIFT(bias);
  SHIFT(y);
  SHIFT(mean);
  SHIFT(variance);
  int channel = (int)get_group_id(0);
  REAL sum = 0;
  EACH(i) {
    sum += LOAD(x + PLACE(i));
  }
  REAL m = groupAdd(sum, part) / COUNT;
  sum = 0;
  EACH(i) {
    REAL d = LOAD(x + PLACE(i)) - m;
    sum += d * d;
  }
  REAL v = groupAdd(sum, part) / COUNT;
  REAL r = 1 / sqrt(v + (REAL)eps);
  REAL scale = LOAD(weight + channel), shift = LOAD(bias + channel);
  EACH(i) {
    STORE(y + PLACE(i), (LOAD(x + PLACE(i)) - m) * r * scale + shift);
  }
  if (get_local_id(0) == 0) {
    STORE(mean + channel, m);
    STORE(variance + channel, v);
  }
}

kernel void batchNormGrad(Channels c, POINTER(const ELEMENT, g), POINTER(const ELEMENT, x), POINTER(const ELEMENT, mean),
    POINTER(const ELEMENT, variance), POINTER(const ELEMENT, weight), POINTER(ELEMENT, gradX), POINTER(ELEMENT, gradWeight),
    POINTER(ELEMENT, gradBias), number eps) {
  local REAL part[MOST_ITEMS];
  SHIFT(g);
  SHIFT(x);
  SHIFT(mean);
  SHIFT(variance);
  SHIFT(weight);
  SHIFT(gradX);
  SHIFT(gradWeight);
  SHIFT(gradBias);
  int channel = (int)get_group_id(0);
  REAL m = LOAD(mean + channel), r = 1 / sqrt(LOAD(variance + channel) + (REAL)eps);
  REAL sum = 0, dot_ = 0;
  EACH(i) {
    REAL value = LOAD(g + PLACE(i));
    sum += value;
    dot_ += value * (LOAD(x + PLACE(i)) - m) * r;
  }
  sum = groupAdd(sum, part);
  dot_ = groupAdd(dot_, part);
  REAL scale = LOAD(weight + channel) * r;
  EACH(i) {
    REAL normalized = (LOAD(x + PLACE(i)) - m) * r;
    STORE(gradX + PLACE(i), scale * (LOAD(g + PLACE(i)) - sum / COUNT - normalized * dot_ / COUNT));
  }
  if (get_local_id(0) == 0) {
    STORE(gradWeight + channel, dot_);
    STORE(gradBias + channel, sum);
  }
}

#endif

#ifdef BITS

// Each element of y that an index points to becomes the last of src that does. Operands of the walk, which leaves out the dimension
// itself: index, src, y.
kernel void replace(Walk w, POINTER(const long, index), POINTER(const ELEMENT, src), POINTER(ELEMENT, y), int extent, int picks,
    int indexStride, int srcStride, int yStride, int op, POINTER(Fault, fault)) {
  SHIFT(index);
  SHIFT(src);
  SHIFT(y);
  SHIFT(fault);
  long i = (long)get_global_id(0);
  if (i < (long)w.size * extent) {
    int position = (int)(i / w.size), rest = (int)(i % w.size);
    global const long* indices = index + locate(&w, 0, rest);
    global const ELEMENT* values = src + locate(&w, 1, rest);
    for (int j = 0; j < picks; j++) {
      long k = indices[(long)j * indexStride];
      if (inRange(k, extent, op, fault) && k == position) {
        y[locate(&w, 2, rest) + (long)position * yStride] = values[(long)j * srcStride];
      }
    }
  }
}

#endif
