package dev.tenon.kernels.gpu;

import dev.tenon.engine.Layout;
import dev.tenon.engine.Shape;
import dev.tenon.engine.Tensor;
import dev.tenon.engine.kernel.Call;
import dev.tenon.engine.kernel.Kernel;
import dev.tenon.engine.op.Assign;
import dev.tenon.engine.op.Cast;
import dev.tenon.engine.op.Concat;
import dev.tenon.engine.op.Contiguous;
import dev.tenon.engine.op.Dropout;
import dev.tenon.engine.op.Gather;
import dev.tenon.engine.op.IndexAdd;
import dev.tenon.engine.op.IndexSelect;
import dev.tenon.engine.op.Pad;
import dev.tenon.engine.op.Roll;
import dev.tenon.engine.op.ScatterAdd;
import dev.tenon.engine.op.SliceGrad;
import dev.tenon.engine.op.WindowJoin;
import dev.tenon.engine.op.WindowSplit;
import dev.tenon.engine.op.Windows;
import java.util.List;

/** Launches the text {@code move}: copies, conversions, joining, padding, picking by index and adding back. */
public record MoveKernels(Launcher launcher, Faults faults) {
  private static final String TEXT = "move";
  /** Bytes that are moved at once. */
  private static final int PACK = 16;

  public List<Kernel> all() {
    return List.of(
        new OpKernel("copy", Contiguous.class, Fit::small, this::contiguous),
        new OpKernel("copy", Assign.class, Fit::small, this::assign),
        new OpKernel("cast", Cast.class, Fit::small, this::cast),
        new OpKernel("copy", Concat.class, Fit::small, this::concat),
        new OpKernel("copy", Pad.class, Fit::small, this::pad),
        new OpKernel("copy", SliceGrad.class, Fit::small, this::sliceGrad),
        new OpKernel("copy", Roll.class, Fit::small, this::roll),
        new OpKernel("windows", WindowSplit.class, Fit::small, c -> windows(c, "windowSplit", ((WindowSplit) c.op()).windows())),
        new OpKernel("windows", WindowJoin.class, Fit::small, c -> windows(c, "windowJoin", ((WindowJoin) c.op()).windows())),
        new OpKernel("pick", Gather.class, Fit::small, this::gather),
        new OpKernel("pick", IndexSelect.class, Fit::small, this::indexSelect),
        new OpKernel("collect", ScatterAdd.class, Fit::real, this::scatterAdd),
        new OpKernel("collect", IndexAdd.class, Fit::real, this::indexAdd),
        new OpKernel("dropout", Dropout.class, Fit::real, this::dropout));
  }

  private void contiguous(Call call) {
    place(call, call.input(0), call.output(0).layout());
  }

  /** The tensor may be a view: its layout begins where its storage does. */
  private void assign(Call call) {
    Tensor there = call.output(0);
    try (Operands in = launcher.operands(call)) {
      in.copy(call.input(1), there.storage().segment().address(), there.layout());
    }
  }

  /** Copies {@code source} into the result's memory, where it shall lie as {@code target} says. */
  private void place(Call call, Tensor source, Layout target) {
    try (Operands in = launcher.operands(call)) {
      in.copy(source, Launcher.address(call.output(0)), target);
    }
  }

  private void cast(Call call) {
    Launcher.Entry entry = Launcher.Entry.of(TEXT, "cast", call.input(0).dtype(), call.output(0).dtype());
    for (int i = 0; i < call.inputs().size(); i++) {
      Walk walk = Walk.of(call.input(i).shape(), call.input(i).layout());
      if (walk.size() > 0) {
        launcher.launch(call, entry, Grid.over(walk.size(), 4), walk.pack(), call.input(i), call.output(i));
      }
    }
  }

  private void concat(Call call) {
    Layout all = call.output(0).layout();
    int axis = all.shape().axis(((Concat) call.op()).axis());
    long from = 0;
    for (Tensor x : call.inputs()) {
      place(call, x, all.slice(axis, from, from + x.dim(axis), 1));
      from += x.dim(axis);
    }
  }

  private void pad(Call call) {
    Pad op = (Pad) call.op();
    fill(call, op.value());
    Layout inside = call.output(0).layout();
    for (int d = 0; d < inside.shape().rank(); d++) {
      inside = inside.slice(d, op.before().get(d), op.before().get(d) + call.input(0).dim(d), 1);
    }
    place(call, call.input(0), inside);
  }

  private void fill(Call call, double value) {
    Tensor y = call.output(0);
    launcher.launch(call, Launcher.Entry.of(TEXT, "fill", y.dtype()), Grid.over(y.size(), 4), y, (int) y.size(), value);
  }

  private void sliceGrad(Call call) {
    SliceGrad op = (SliceGrad) call.op();
    fill(call, 0);
    place(call, call.input(0), call.output(0).layout().slice(op.axis(), op.from(), op.to(), op.step()));
  }

  private void roll(Call call) {
    Roll op = (Roll) call.op();
    Tensor x = call.input(0);
    Layout y = call.output(0).layout();
    int axis = x.shape().axis(op.axis());
    long extent = x.dim(axis);
    long shift = Math.floorMod(op.shift(), extent);
    place(call, part(x, axis, 0, extent - shift), y.slice(axis, shift, extent, 1));
    place(call, part(x, axis, extent - shift, extent), y.slice(axis, 0, shift, 1));
  }

  private static Tensor part(Tensor x, int axis, long from, long to) {
    return new Tensor(x.storage(), x.layout().slice(axis, from, to, 1), x.dtype(), false);
  }

  /** A layout with step 0 along {@code axis}, whatever its extent there. */
  public static Layout still(Layout layout, int axis, long extent) {
    long[] strides = layout.strides();
    strides[axis] = 0;
    return Layout.of(layout.shape().with(axis, extent), strides, 0);
  }

  /** Pixel by pixel, 16 bytes of one at a time where its channels are multiples of that. */
  private void windows(Call call, String name, Windows windows) {
    try (Operands in = launcher.operands(call)) {
      Tensor y = call.output(0);
      int width = y.dtype().byteSize();
      long x = in.contiguous(0);
      boolean packs = y.dim(-1) * width % PACK == 0 && (x | Launcher.address(y)) % PACK == 0;
      int each = packs ? PACK / width : 1;
      long elements = y.size() / each;
      launcher.launch(call, new Launcher.Entry(TEXT, name, Integer.toString(width * each)), Grid.over(elements, 4),
          windows.pack(y.dim(-1) / each), (int) elements, x, y);
    }
  }

  private void gather(Call call) {
    Tensor x = call.input(0);
    Tensor index = call.input(1);
    int axis = x.shape().axis(((Gather) call.op()).axis());
    Layout seen = Layout.of(index.shape(), still(x.layout(), axis, 1).strides(), 0);
    pick(call, Walk.of(index.shape(), index.layout(), seen), axis);
  }

  private void indexSelect(Call call) {
    Tensor x = call.input(0);
    Tensor index = call.input(1);
    int axis = x.shape().axis(((IndexSelect) call.op()).axis());
    Shape shape = call.output(0).shape();
    long[] indexStrides = new long[shape.rank()];
    long[] xStrides = new long[shape.rank()];
    for (int d = 0; d < shape.rank(); d++) {
      int inIndex = d - axis;
      if (inIndex >= 0 && inIndex < index.rank()) {
        indexStrides[d] = index.layout().stride(inIndex);
      } else {
        xStrides[d] = x.layout().stride(inIndex < 0 ? d : d - index.rank() + 1);
      }
    }
    pick(call, Walk.of(shape, Layout.of(shape, indexStrides, 0), Layout.of(shape, xStrides, 0)), axis);
  }

  private void pick(Call call, Walk walk, int axis) {
    Tensor x = call.input(0);
    launcher.launch(call, new Launcher.Entry(TEXT, "pick", Integer.toString(x.dtype().byteSize())), Grid.over(walk.size(), 4), walk.pack(),
        call.input(1), x, call.output(0), (int) x.dim(axis), (int) x.layout().stride(axis), faults.number(call.op()),
        faults.address());
  }

  private void scatterAdd(Call call) {
    Tensor x = call.input(0);
    Tensor index = call.input(1);
    Tensor y = call.output(0);
    int axis = x.shape().axis(((ScatterAdd) call.op()).axis());
    Shape reached = index.shape().with(axis, 1);
    if (!reached.equals(x.shape().with(axis, 1))) {
      place(call, x, y.layout());
    }
    Walk walk = Walk.of(reached, within(x.layout(), reached, axis), still(index.layout(), axis, 1),
        still(call.input(2).layout(), axis, 1), within(y.layout(), reached, axis));
    int[] strides = {(int) x.layout().stride(axis), (int) index.layout().stride(axis),
        (int) call.input(2).layout().stride(axis), (int) y.layout().stride(axis)};
    collect(call, walk, (int) x.dim(axis), (int) index.dim(axis), strides, index, call.input(2));
  }

  /** The part of a layout that an index of shape {@code reached} addresses, without {@code axis}. */
  public static Layout within(Layout layout, Shape reached, int axis) {
    return Layout.of(reached, still(layout, axis, 1).strides(), 0);
  }

  private void indexAdd(Call call) {
    try (Operands in = launcher.operands(call)) {
      Tensor x = call.input(0);
      Tensor y = call.output(0);
      int axis = x.shape().axis(((IndexAdd) call.op()).axis());
      int picks = (int) call.input(1).size();
      Layout src = Layout.contiguous(x.shape().with(axis, picks));
      Shape reached = x.shape().with(axis, 1);
      Walk walk = Walk.of(reached, within(x.layout(), reached, axis), Layout.contiguous(Shape.of()), within(src, reached, axis),
          within(y.layout(), reached, axis));
      int[] strides = {(int) x.layout().stride(axis), 1, (int) src.stride(axis), (int) y.layout().stride(axis)};
      collect(call, walk, (int) x.dim(axis), picks, strides, in.contiguous(1), in.contiguous(2));
    }
  }

  /** {@code strides} along the axis: of x, index, src and the result. */
  private void collect(Call call, Walk walk, int extent, int picks, int[] strides, Object index, Object src) {
    launcher.launch(call, Launcher.Entry.of(TEXT, "collect", call.output(0).dtype()), Grid.over(walk.size() * extent, 1), walk.pack(),
        call.input(0), index, src, call.output(0), extent, picks, strides[0], strides[1], strides[2], strides[3],
        faults.number(call.op()), faults.address());
  }

  private void dropout(Call call) {
    Dropout op = (Dropout) call.op();
    Walk walk = Walk.of(call.output(0).shape(), call.input(0).layout());
    launcher.launch(call, Launcher.Entry.of(TEXT, "dropout", call.output(0).dtype()), Grid.over(walk.size(), 4), walk.pack(),
        call.input(0), call.output(0), op.p(), new Launcher.Whole(op.seed()), new Launcher.Whole(op.offset()));
  }
}
