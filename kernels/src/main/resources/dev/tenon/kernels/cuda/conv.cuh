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

  __device__ int taps() const { return kernelH * kernelW; }
  __device__ int channelsOfGroup() const { return channels / groups; }
  __device__ int filtersOfGroup() const { return filters / groups; }
  __device__ int positions() const { return rows * columns; }

  // The input that a tap reads for a position, or -1 outside; nothing is spread.
  __device__ int input(int position, int tap) const {
    int y = position / columns * strideH - padH + tap / kernelW * dilationH;
    int x = position % columns * strideW - padW + tap % kernelW * dilationW;
    return y >= 0 && y < height && x >= 0 && x < width ? y * width + x : -1;
  }

  // The position for which a tap reads an input, or -1.
  __device__ int position(int input, int tap) const {
    int y = input / width + padH - tap / kernelW * dilationH, x = input % width + padW - tap % kernelW * dilationW;
    if (y < 0 || x < 0 || y % strideH != 0 || x % strideW != 0) return -1;
    return y / strideH < rows && x / strideW < columns ? y / strideH * columns + x / strideW : -1;
  }
};
