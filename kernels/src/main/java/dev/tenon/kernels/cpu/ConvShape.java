package dev.tenon.kernels.cpu;

import dev.tenon.engine.Tensor;
import dev.tenon.engine.op.Conv2d;

/**
 * The extents of a convolution: of {@code groups} groups, each makes {@code outputs} of {@code inputs} channels, seen in the direction
 * of the computation.
 */
record ConvShape(int batch, int groups, int inputs, int outputs, ConvAxis rows, ConvAxis columns) {
  static ConvShape forward(Conv2d conv, Tensor x, Tensor weight, Tensor y) {
    return new ConvShape(
        (int) x.dim(0), conv.groups(), (int) weight.dim(1), (int) weight.dim(0) / conv.groups(),
        ConvAxis.forward((int) x.dim(2), (int) y.dim(2), (int) weight.dim(2), conv.strideH(), conv.padH(), conv.dilationH()),
        ConvAxis.forward((int) x.dim(3), (int) y.dim(3), (int) weight.dim(3), conv.strideW(), conv.padW(), conv.dilationW()));
  }

  /** From y back to x. */
  static ConvShape transposed(Conv2d conv, Tensor y, Tensor weight, Tensor x) {
    return new ConvShape(
        (int) x.dim(0), conv.groups(), (int) weight.dim(0) / conv.groups(), (int) weight.dim(1),
        ConvAxis.transposed((int) y.dim(2), (int) x.dim(2), (int) weight.dim(2), conv.strideH(), conv.padH(), conv.dilationH()),
        ConvAxis.transposed((int) y.dim(3), (int) x.dim(3), (int) weight.dim(3), conv.strideW(), conv.padW(), conv.dilationW()));
  }

  /** Multiplications that one row of one group's outputs takes. */
  long products() {
    return (long) inputs * outputs * rows.window() * columns.window() * columns.count();
  }

  /**
   * Planes in strips of as many rows as keep {@code inputs} packed planes and {@code outputs} computed ones within {@code elements};
   * of one row at least.
   */
  ConvPlanes strips(int inputs, int outputs, int elements) {
    int strips = 1;
    ConvPlanes planes = new ConvPlanes(rows, columns, rows.count());
    while (planes.strip() > 1
        && inputs * (long) planes.input() + outputs * (long) planes.output() * rows.spacing() * columns.spacing() > elements) {
      strips++;
      planes = new ConvPlanes(rows, columns, (rows.count() + strips - 1) / strips);
    }
    return planes;
  }
}
