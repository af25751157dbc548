package dev.tenon.kernels.cpu;

import dev.tenon.engine.Tensor;
import dev.tenon.engine.kernel.Call;
import dev.tenon.engine.kernel.Kernel;
import dev.tenon.engine.op.MaxPool2d;
import dev.tenon.engine.op.Op;
import dev.tenon.engine.op.Taps;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;

/** Runs {@link MaxPool2d}: each row's maxima along the row first, then those of the rows of each window. */
record MaxPoolKernel(Workers workers) implements Kernel {
  /** Elements a task handles. */
  private static final int GRAIN = 1 << 15;
  /** Whole numbers up to this are exact in floats. */
  private static final int EXACT = 1 << 24;

  @Override
  public String name() {
    return "max-pool";
  }

  @Override
  public Class<? extends Op> op() {
    return MaxPool2d.class;
  }

  @Override
  public Offer accepts(Call call) {
    if (call.input(0).dim(2) * call.input(0).dim(3) > EXACT) {
      return Offer.refuse("keeps places in F32, which counts up to " + EXACT + ", and x has shape " + call.input(0).shape());
    }
    return Fit.rows(call);
  }

  @Override
  public void launch(Call call) {
    Tensor x = call.input(0);
    MaxPool2d op = (MaxPool2d) call.op();
    Taps rows = op.rows().taps((int) x.dim(2));
    TapTable columns = TapTable.of(op.columns().taps((int) x.dim(3)));
    int from = rows.in() * columns.in();
    int to = rows.out() * columns.out();
    Strided input = Strided.of(x);
    Strided output = Strided.of(call.output(0));
    Strided found = Strided.of(call.output(1));
    int planes = (int) (x.dim(0) * x.dim(1));
    int group = Math.max(1, GRAIN / (from + to));
    workers.run((planes + group - 1) / group, task -> {
      float[] plane = Scratch.array(0, from);
      float[] y = Scratch.array(1, to + Simd.LANES);
      float[] at = Scratch.array(2, to + Simd.LANES);
      for (int p = task * group; p < Math.min(planes, (task + 1) * group); p++) {
        input.read((long) p * from, from, plane);
        pool(plane, rows, columns, y, at);
        output.write((long) p * to, to, y);
        found.write((long) p * to, to, at);
      }
    });
  }

  private static void pool(float[] x, Taps rows, TapTable columns, float[] y, float[] at) {
    int in = columns.in();
    int out = columns.out();
    int pitch = columns.pitch();
    float[] maxima = Scratch.array(3, rows.in() * pitch);
    float[] places = Scratch.array(4, rows.in() * pitch);
    float[] row = Scratch.array(5, in + 1);
    float[] rivals = Scratch.array(6, pitch);
    float[] first = Scratch.array(7, pitch);
    row[in] = Float.NEGATIVE_INFINITY;
    for (int i = 0; i < pitch; i++) {
      first[i] = columns.sources()[i];
    }
    for (int r = 0; r < rows.in(); r++) {
      System.arraycopy(x, r * in, row, 0, in);
      columns.pick(row, 0, maxima, r * pitch);
      for (int i = 0; i < pitch; i++) {
        places[r * pitch + i] = first[i] + r * in;
      }
      for (int k = 1; k < columns.window(); k++) {
        columns.pick(row, k, rivals, 0);
        beatAlong(rivals, first, r * in + k, maxima, places, r * pitch, pitch);
      }
    }
    for (int i = 0; i < rows.out(); i++) {
      int top = rows.first()[i];
      System.arraycopy(maxima, top * pitch, y, i * out, out);
      System.arraycopy(places, top * pitch, at, i * out, out);
      for (int r = top + 1; r < top + rows.weights()[i].length; r++) {
        beat(maxima, places, r * pitch, y, at, i * out, pitch);
      }
    }
  }

  /** Whether a rival is larger than the leader, or the first that is no number. */
  private static VectorMask<Float> beats(FloatVector rival, FloatVector leader) {
    return rival.compare(VectorOperators.LE, leader).not().and(leader.compare(VectorOperators.EQ, leader));
  }

  private static void beatAlong(float[] rivals, float[] first, int shift, float[] maxima, float[] places, int at, int n) {
    for (int i = 0; i < n; i += Simd.LANES) {
      FloatVector rival = FloatVector.fromArray(Simd.F32, rivals, i);
      FloatVector leader = FloatVector.fromArray(Simd.F32, maxima, at + i);
      VectorMask<Float> beats = beats(rival, leader);
      FloatVector place = FloatVector.fromArray(Simd.F32, first, i).add(shift);
      leader.blend(rival, beats).intoArray(maxima, at + i);
      FloatVector.fromArray(Simd.F32, places, at + i).blend(place, beats).intoArray(places, at + i);
    }
  }

  /** Rows overlap: what is written beyond one's end, the next is copied over. */
  private static void beat(float[] maxima, float[] places, int from, float[] y, float[] at, int to, int n) {
    for (int i = 0; i < n; i += Simd.LANES) {
      FloatVector rival = FloatVector.fromArray(Simd.F32, maxima, from + i);
      FloatVector leader = FloatVector.fromArray(Simd.F32, y, to + i);
      VectorMask<Float> beats = beats(rival, leader);
      leader.blend(rival, beats).intoArray(y, to + i);
      FloatVector.fromArray(Simd.F32, at, to + i).blend(FloatVector.fromArray(Simd.F32, places, from + i), beats).intoArray(at, to + i);
    }
  }
}
