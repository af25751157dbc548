// A convolution as its kernels see it, NCHW: what is read, what is written, and the windows between them.
//
// The gradient of the input is a convolution, too: of the gradient of the result, whose elements stand as far apart as the stride
// was, with zeros between them, and with the weights turned round.
#pragma once
#include "tenon.cuh"

struct Conv {
  int batch, channels, height, width;
  int filters, rows, columns;
  int kernelH, kernelW, strideH, strideW, padH, padW, dilationH, dilationW;
  int groups;
  int spreadH, spreadW;
};
