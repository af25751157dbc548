package dev.tenon.kernels.gpu;

import dev.tenon.engine.DType;
import dev.tenon.engine.Layout;
import dev.tenon.engine.TenonException;
import dev.tenon.engine.Tensor;
import dev.tenon.engine.kernel.Call;
import java.util.ArrayList;
import java.util.List;

/** A call's operands as kernels want them, with the memory that takes; it goes back when the launches are made. */
public final class Operands implements AutoCloseable {
  private final Launcher launcher;
  private final Call call;
  private final List<DeviceMemory.Block> blocks = new ArrayList<>();

  Operands(Launcher launcher, Call call) {
    this.launcher = launcher;
    this.call = call;
  }

  /** Where {@code bytes} bytes to work in lie. */
  public long scratch(long bytes) {
    try {
      DeviceMemory.Block block = launcher.memory().take(bytes);
      blocks.add(block);
      return block.address();
    } catch (TenonException e) {
      throw new TenonException("memory to compute " + call.describe() + " in: " + e.getMessage(), e);
    }
  }

  /** Where input {@code i} lies row-major without gaps: where it is, or a copy. */
  public long contiguous(int i) {
    Tensor tensor = call.input(i);
    if (tensor.layout().isContiguous()) {
      return Launcher.address(tensor);
    }
    long copy = scratch(tensor.size() * tensor.dtype().byteSize());
    copy(tensor, copy, Layout.contiguous(tensor.shape()));
    return copy;
  }

  /** As {@link #contiguous}, converted to {@code type} if it is of another. */
  public long as(int i, DType type) {
    Tensor tensor = call.input(i);
    if (tensor.dtype() == type) {
      return contiguous(i);
    }
    long copy = scratch(tensor.size() * type.byteSize());
    cast(tensor.layout(), tensor.dtype(), tensor, type, copy);
    return copy;
  }

  /** Where a result {@code i} can be computed in {@code type}: where it shall be, or elsewhere until {@link #finish}. */
  public long result(int i, DType type) {
    Tensor result = call.output(i);
    return isPlace(result, type) ? Launcher.address(result) : scratch(result.size() * type.byteSize());
  }

  /** Takes a result that was computed, row-major in {@code type}, to where it shall be, unless it is there. */
  public void finish(int i, long computed, DType type) {
    Tensor result = call.output(i);
    if (result.size() == 0 || isPlace(result, type)) {
      return;
    }
    Layout dense = Layout.contiguous(result.shape());
    if (result.dtype() == type) {
      copy(dense, computed, result.layout(), result, type.byteSize());
    } else {
      cast(dense, type, computed, result.dtype(), result);
    }
  }

  private static boolean isPlace(Tensor result, DType type) {
    return result.dtype() == type && result.layout().isContiguous();
  }

  private void cast(Layout layout, DType from, Object x, DType to, Object y) {
    Walk walk = Walk.of(layout.shape(), layout);
    launcher.launch(call, Launcher.Entry.of("move", "cast", from, to), Grid.over(walk.size(), 4), walk.pack(), x, y);
  }

  /** As {@link #contiguous}, at an address that is a multiple of 16 bytes. */
  public long aligned(int i) {
    long there = contiguous(i);
    if (there % 16 == 0) {
      return there;
    }
    Tensor tensor = call.input(i);
    long copy = scratch(tensor.size() * tensor.dtype().byteSize());
    copy(tensor, copy, Layout.contiguous(tensor.shape()));
    return copy;
  }

  /** Copies a tensor to {@code address}, where it shall lie as {@code target} says. */
  public void copy(Tensor tensor, long address, Layout target) {
    if (tensor.size() == 0) {
      return;
    }
    int width = tensor.dtype().byteSize();
    copy(tensor.layout(), tensor, target, address + target.offset() * width, width);
  }

  private void copy(Layout from, Object x, Layout to, Object y, int width) {
    launcher.copy(call, Walk.of(from.shape(), from, to), width, x, y);
  }

  @Override
  public void close() {
    blocks.forEach(launcher.memory()::give);
  }
}
