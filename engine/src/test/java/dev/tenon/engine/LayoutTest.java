package dev.tenon.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.stream.IntStream;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import org.junit.jupiter.api.Test;

/** Views, whatever was a view of what, reach the cells they should; {@link Cells} says which. */
class LayoutTest {
  private static Shape shape(List<Long> extents) {
    return Shape.of(extents.stream().mapToLong(e -> e).toArray());
  }

  private static Shape anyShape(Random random) {
    return Shape.of(random.ints(random.nextInt(4), random.nextInt(8) == 0 ? 0 : 1, 5).asLongStream().toArray());
  }

  /** Another shape of the same size: the prime factors shared out anew, with some ones. */
  private static Shape regrouped(Shape shape, Random random) {
    List<Long> extents = new ArrayList<>(Collections.nCopies(1 + random.nextInt(4), 1L));
    long rest = shape.size();
    if (rest == 0) {
      extents.set(random.nextInt(extents.size()), 0L);
      return shape(extents);
    }
    for (long factor = 2; rest > 1; factor++) {
      for (; rest % factor == 0; rest /= factor) {
        int at = random.nextInt(extents.size());
        extents.set(at, extents.get(at) * factor);
      }
    }
    return shape(extents);
  }

  /** A layout and what it should reach. */
  private record Pair(Layout layout, Cells cells) {}

  private static Pair changed(Pair from, Random random) {
    Layout layout = from.layout();
    int rank = layout.shape().rank();
    return switch (random.nextInt(4)) {
      case 0 -> {
        List<Integer> order = new ArrayList<>(IntStream.range(0, rank).boxed().toList());
        Collections.shuffle(order, random);
        yield new Pair(
            layout.permute(order.stream().mapToInt(i -> i).toArray()), from.cells().permuted(order));
      }
      case 1 -> {
        if (rank == 0) {
          yield from;
        }
        int axis = random.nextInt(rank);
        long to = random.nextLong(layout.shape().dim(axis) + 1);
        long first = random.nextLong(to + 1);
        long step = 1 + random.nextInt(3);
        yield new Pair(layout.slice(axis, first, to, step), from.cells().sliced(axis, first, to, step));
      }
      case 2 -> {
        Shape target = rank < 4 ? layout.shape().insert(0, 1 + random.nextInt(2)) : layout.shape();
        for (int d = 0; d < target.rank(); d++) {
          target = target.dim(d) == 1 && random.nextBoolean() ? target.with(d, 1 + random.nextInt(3)) : target;
        }
        yield target.size() > 200
            ? from : new Pair(layout.expand(target), from.cells().expanded(Cells.extents(target)));
      }
      default -> {
        Shape target = regrouped(layout.shape(), random);
        yield layout.reshape(target)
            .map(l -> new Pair(l, from.cells().reshaped(Cells.extents(target)))).orElse(from);
      }
    };
  }

  private static Pair anyView(Random random) {
    Layout base = Layout.contiguous(anyShape(random));
    Pair view = new Pair(base, Cells.of(base));
    for (int i = random.nextInt(5); i > 0; i--) {
      view = changed(view, random);
    }
    return view;
  }

  @Property(tries = 1500)
  void chainsOfViewsReachWhatTheyShould(@ForAll long seed) {
    Pair view = anyView(new Random(seed));
    Layout layout = view.layout();
    assertThat(Cells.of(layout)).isEqualTo(view.cells());
    assertThat(layout.isContiguous()).isEqualTo(view.cells().isConsecutive());
    if (!view.cells().cells().isEmpty()) {
      assertThat(layout.start()).isEqualTo(Collections.min(view.cells().cells()));
      assertThat(layout.end()).isEqualTo(Collections.max(view.cells().cells()) + 1);
    }
  }

  @Property(tries = 1500)
  void aReshapeIsAViewExactlyWhereStridesCanSayIt(@ForAll long seed) {
    Random random = new Random(seed);
    Pair view = anyView(random);
    Shape target = regrouped(view.layout().shape(), random);
    Cells expected = view.cells().reshaped(Cells.extents(target));
    Optional<Layout> reshaped = view.layout().reshape(target);
    assertThat(reshaped.isPresent()).as("%s to %s", view.layout(), target).isEqualTo(expected.isStrided());
    reshaped.ifPresent(l -> assertThat(Cells.of(l)).isEqualTo(expected));
  }

  @Property(tries = 500)
  void shapesBroadcastAsInNumPy(@ForAll long seed) {
    Random random = new Random(seed);
    Shape a = anyShape(random);
    Shape b = anyShape(random);
    int rank = Math.max(a.rank(), b.rank());
    List<Long> expected = new ArrayList<>();
    for (int d = 0; d < rank; d++) {
      List<Long> extents = new ArrayList<>();
      for (Shape s : List.of(a, b)) {
        if (d >= rank - s.rank() && s.dim(d - rank) != 1) {
          extents.add(s.dim(d - rank));
        }
      }
      if (extents.stream().distinct().count() > 1) {
        assertThatThrownBy(() -> Shape.broadcast(a, b)).hasMessageContaining(a.toString()).hasMessageContaining(b.toString());
        return;
      }
      expected.add(extents.isEmpty() ? 1 : extents.getFirst());
    }
    Shape broadcast = Shape.broadcast(a, b);
    assertThat(broadcast).isEqualTo(shape(expected)).isEqualTo(Shape.broadcast(b, a));
    assertThat(a.broadcastsTo(broadcast) && b.broadcastsTo(broadcast)).isTrue();
    assertThat(broadcast.broadcastsTo(a)).isEqualTo(broadcast.equals(a));
  }

  @Test
  void aDimensionThatDoesNotExistIsNamed() {
    assertThatThrownBy(() -> Shape.of(2, 3).dim(2)).hasMessage("dimension 2 does not exist in shape [2, 3]");
    assertThatThrownBy(() -> Shape.of(2, 3).dim(-3)).hasMessage("dimension -3 does not exist in shape [2, 3]");
    assertThatThrownBy(() -> Shape.of(2, -1)).hasMessageContaining("negative");
  }
}
