package dev.tenon.kernels.gpu;

import dev.tenon.engine.DType;
import dev.tenon.engine.Tensor;
import dev.tenon.engine.kernel.Call;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.stream.IntStream;

/** Starts kernels on one device, in order, and lends them memory. */
public interface Launcher {
  /**
   * A kernel, by where its text is.
   *
   * @param text the file it is in, without ending
   * @param variant the types it is for, such as {@code f32}, or the bytes an element takes
   */
  record Entry(String text, String name, String variant) {
    public static Entry of(String text, String name, DType dtype) {
      return new Entry(text, name, dtype.name().toLowerCase(Locale.ROOT));
    }

    /** For a kernel that reads one type and writes another. */
    public static Entry of(String text, String name, DType from, DType to) {
      return new Entry(text, name, (from + "_" + to).toLowerCase(Locale.ROOT));
    }

    /** The same for a {@code block} or a {@code thread} on its own. */
    public Entry by(String team) {
      return new Entry(text, name, team + "_" + variant);
    }

    /** Such as {@code softmax_block_f32}. */
    public String symbol() {
      return name + "_" + variant;
    }
  }

  /** A number of 64 bits among a kernel's arguments. */
  record Whole(long value) {}

  /**
   * Tensors that one launch walks over, element by element: where a kernel takes only one, it gets its size and its addresses.
   *
   * @param sizes elements of each
   * @param addresses of each, where the tensors lie that are walked together; 0 for none
   */
  record Group(int[] sizes, long[][] addresses) {
    /** Elements a block of threads handles, all of one tensor. */
    private static final int CHUNK = 1024;
    private static final int THREADS = 256;

    /** Blocks for tensor {@code i}. */
    public int chunks(int i) {
      return (int) ((sizes[i] + CHUNK - 1L) / CHUNK);
    }

    /** A block a chunk. */
    public Grid grid() {
      return new Grid(IntStream.range(0, sizes.length).map(this::chunks).reduce(0, Math::addExact), 1, 1, THREADS, 0,
          IntStream.of(sizes).asLongStream().sum());
    }
  }

  /** How many tensors of {@code addresses} addresses a {@link Group} may have. */
  default int together(int addresses) {
    return 1;
  }

  /** Tensors in as few groups, one after the other, as hold them. */
  default List<Group> groups(int[] sizes, long[][] addresses) {
    List<Group> groups = new ArrayList<>();
    int to;
    for (int from = 0; from < sizes.length; from = to) {
      to = Math.min(sizes.length, from + together(addresses[from].length));
      groups.add(new Group(Arrays.copyOfRange(sizes, from, to), Arrays.copyOfRange(addresses, from, to)));
    }
    return groups;
  }

  /**
   * Starts a kernel, unless the grid is empty.
   *
   * @param call what it is for, for messages
   * @param arguments tensors and addresses (Long) for pointers, numbers by their type, int arrays for structures of ints, a group
   */
  void launch(Call call, Entry entry, Grid grid, Object... arguments);

  /** The type in which kernels take real numbers from the host. */
  default DType number() {
    return DType.F64;
  }

  /** Whether threads of a block work well together; on a processor each is better off alone. */
  default boolean hasTeams() {
    return true;
  }

  /** How many threads of a block work in step, so that texts have them share values without a barrier; 1 where texts know no such thing. */
  default int warp() {
    return 1;
  }

  /** Copies elements of {@code width} bytes; the walk steps through both operands. */
  default void copy(Call call, Walk walk, int width, Object x, Object y) {
    Entry entry = new Entry("move", hasTeams() ? "copy" : "copyTiles", Integer.toString(width));
    if (hasTeams()) {
      launch(call, entry, Grid.over(walk.size(), 4), walk.pack(), x, y);
      return;
    }
    Walk rest = walk.outer(2);
    int rows = walk.extent(2);
    int columns = walk.extent(1);
    launch(call, entry, new Grid((columns + 255) / 256, (rows + 15) / 16, (int) rest.size(), 1), rest.pack(), rows, columns,
        walk.step(0, 2), walk.step(0, 1), walk.step(1, 2), walk.step(1, 1), x, y);
  }

  /** The memory that kernels work in. */
  DeviceMemory memory();

  /** The operands of {@code call} and memory to work in, until it is closed. */
  default Operands operands(Call call) {
    return new Operands(this, call);
  }

  /** The address of a tensor's first element. */
  static long address(Tensor tensor) {
    return tensor.storage().segment().address() + tensor.layout().offset() * tensor.dtype().byteSize();
  }
}
