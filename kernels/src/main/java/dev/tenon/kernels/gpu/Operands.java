package dev.tenon.kernels.gpu;

import dev.tenon.engine.Layout;
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
    DeviceMemory.Block block = launcher.memory().take(bytes);
    blocks.add(block);
    return block.address();
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
    Walk walk = Walk.of(tensor.shape(), tensor.layout(), target);
    launcher.launch(call, new Launcher.Entry("move", "copy", Integer.toString(width)), Grid.over(walk.size(), 4), walk.pack(), tensor,
        address + target.offset() * width);
  }

  @Override
  public void close() {
    blocks.forEach(launcher.memory()::give);
  }
}
