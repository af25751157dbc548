package dev.tenon.kernels.gpu;

import static org.assertj.core.api.Assertions.assertThat;

import dev.tenon.engine.Layout;
import dev.tenon.engine.Shape;
import java.util.Arrays;
import java.util.List;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import org.junit.jupiter.api.Test;

/** A walk reaches every element of every operand, in row-major order, whatever it merged. */
class WalkTest {
  @Provide
  Arbitrary<List<Integer>> extents() {
    return Arbitraries.integers().between(1, 4).list().ofMinSize(0).ofMaxSize(5);
  }

  /** Element positions by the definition of a layout. */
  private static long at(Layout layout, long i) {
    long at = 0;
    for (int d = layout.shape().rank() - 1; d >= 0; d--) {
      at += i % layout.shape().dim(d) * layout.stride(d);
      i /= layout.shape().dim(d);
    }
    return at;
  }

  /** Element positions as a kernel finds them from what it is given. */
  private static long at(int[] packed, int operand, long i) {
    long at = 0;
    for (int d = packed[0] - 1; d >= 0; d--) {
      at += i % packed[2 + d] * packed[8 + 6 * operand + d];
      i /= packed[2 + d];
    }
    return at;
  }

  @Property(tries = 300)
  void reachesWhatTheLayoutsReach(@ForAll("extents") List<Integer> extents, @ForAll int seed) {
    Shape shape = Shape.of(extents.stream().mapToLong(i -> i).toArray());
    Layout plain = Layout.contiguous(shape);
    Layout turned = turned(shape, seed);
    Layout repeated = Layout.contiguous(shape.rank() == 0 ? shape : shape.with(Math.floorMod(seed, shape.rank()), 1));
    Walk walk = Walk.of(shape, plain, turned, repeated);
    assertThat(walk.fits()).isTrue();
    for (long i = 0; i < shape.size(); i++) {
      assertThat(at(walk.pack(), 0, i)).isEqualTo(i);
      assertThat(at(walk.pack(), 1, i)).isEqualTo(at(turned, i));
      assertThat(at(walk.pack(), 2, i)).isEqualTo(at(repeated.expand(shape), i));
    }
  }

  /** The shape over memory whose dimensions lie in another order, with gaps. */
  private static Layout turned(Shape shape, int seed) {
    Integer[] order = new Integer[shape.rank()];
    Arrays.setAll(order, i -> i);
    Arrays.sort(order, (a, b) -> Integer.compare(a * seed, b * seed));
    long[] strides = new long[shape.rank()];
    long next = 2;
    for (int d : order) {
      strides[d] = next;
      next *= shape.dim(d) + (seed & 1);
    }
    return Layout.of(shape, strides, 0);
  }

  @Test
  void contiguousOperandsAreOneDimension() {
    Layout layout = Layout.contiguous(Shape.of(2, 1, 3, 4));
    assertThat(Walk.of(layout.shape(), layout, layout).dims()).containsExactly(24);
  }

  @Test
  void neighborsThatStayNeighborsAreTakenInGroups() {
    Shape shape = Shape.of(3, 8);
    Layout dense = Layout.contiguous(shape);
    Layout row = Layout.of(shape, new long[] {0, 1}, 0);
    Layout wide = Layout.of(shape, new long[] {12, 1}, 0);
    Walk grouped = Walk.of(shape, dense, row, wide).grouped(4).orElseThrow();
    assertThat(grouped.size()).isEqualTo(6);
    assertThat(grouped.dims()).containsExactly(3, 2);
    assertThat(grouped.strides()).isDeepEqualTo(new long[][] {{2, 1}, {0, 1}, {3, 1}});

    assertThat(Walk.of(shape, dense).grouped(5)).as("a group across the end").isEmpty();
    assertThat(Walk.of(shape, dense, Layout.of(shape, new long[] {9, 1}, 0)).grouped(4)).as("rows that begin within a group").isEmpty();
    assertThat(Walk.of(shape, dense, Layout.of(shape, new long[] {1, 3}, 0)).grouped(4)).as("no neighbors").isEmpty();
    assertThat(Walk.of(Shape.of(), Layout.contiguous(Shape.of())).grouped(2)).as("a single element").isEmpty();
  }

  @Test
  void refusesWhatKernelsCannotIndex() {
    Layout huge = Layout.contiguous(Shape.of(1L << 20, 1L << 12));
    assertThat(Walk.of(huge.shape(), huge).fits()).isFalse();
    Shape seven = Shape.of(2, 2, 2, 2, 2, 2, 2);
    Layout scattered = Layout.of(seven, new long[] {1, 3, 7, 15, 31, 63, 127}, 0);
    assertThat(Walk.of(seven, scattered).fits()).isFalse();
  }
}
