package dev.tenon.model.swin;

import dev.tenon.engine.Shape;
import dev.tenon.engine.TenonException;
import dev.tenon.engine.Tensor;
import dev.tenon.engine.op.Unary;
import dev.tenon.model.Projection;
import dev.tenon.model.Weights;

/** What relative positions within a window add to scores. */
sealed interface Positions {
  String TABLE = "attn.relative_position_bias_table";
  String MLP = "attn.cpb_mlp.";

  /** Side of the windows they are for. */
  int side();

  /** A row for each offset of two tokens, [(2 · side − 1)², heads]. */
  Tensor table();

  static Positions of(Weights weights, String prefix, int window) {
    return weights.find(prefix + MLP + "0.weight").isPresent()
        ? new Continuous(Projection.plain(weights, prefix + MLP + "0"), Projection.plain(weights, prefix + MLP + "2"), window)
        : new Learned(weights.get(prefix + TABLE));
  }

  /** A table that learns (Swin, equation 4). */
  record Learned(Tensor table) implements Positions {
    @Override
    public int side() {
      return SwinSizes.window(table.shape());
    }
  }

  /** A small network of the offsets' logarithms, which is for windows of any size (Swin V2, section 3.3). */
  record Continuous(Projection.Plain hidden, Projection.Plain out, int side) implements Positions {
    /** The largest value is this, and offsets from −1 to 1 are spread over as many before their logarithm is taken. */
    private static final double MOST = 16;
    private static final double SPREAD = 8;

    public Continuous {
      if (side < 2) {
        throw new TenonException("the tensors of a Swin V2 do not say how large its windows are; give their side, from 2 pixels");
      }
    }

    @Override
    public Tensor table() {
      int offsets = 2 * side - 1;
      double[] coordinates = new double[2 * offsets * offsets];
      for (int i = 0; i < offsets * offsets; i++) {
        coordinates[2 * i] = logarithm(i / offsets);
        coordinates[2 * i + 1] = logarithm(i % offsets);
      }
      Tensor at = Tensor.of(hidden.weight().dtype(), Shape.of(offsets * offsets, 2), coordinates);
      return out.apply(hidden.apply(at).map(Unary.Fn.RELU)).map(Unary.Fn.SIGMOID).mul(MOST);
    }

    private double logarithm(int row) {
      double offset = SPREAD * (row - side + 1) / (side - 1);
      return Math.signum(offset) * Math.log1p(Math.abs(offset)) / Math.log(SPREAD);
    }
  }
}
