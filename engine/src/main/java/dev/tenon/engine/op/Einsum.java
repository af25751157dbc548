package dev.tenon.engine.op;

import dev.tenon.engine.Shape;
import dev.tenon.engine.TenonException;
import dev.tenon.engine.Tensor;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/**
 * Einstein's summation over named dimensions, such as {@code bhnd,bhmd->bhnm}, carried out as sums, permutations and one matrix
 * product for each further operand. A letter may not occur twice in one operand.
 */
public final class Einsum {
  private Einsum() {}

  /** A tensor whose dimensions have names. */
  private record Named(Tensor tensor, String names) {
    long extent(char name) {
      return tensor.dim(names.indexOf(name));
    }

    /** Without the dimensions that are not in {@code kept}. */
    Named sumTo(String kept) {
      int[] gone = IntStream.range(0, names.length()).filter(i -> kept.indexOf(names.charAt(i)) < 0).toArray();
      return gone.length == 0 ? this : new Named(tensor.sum(gone), common(names, kept));
    }

    Tensor ordered(String order) {
      return tensor.permute(order.chars().map(names::indexOf).toArray());
    }

    Shape extents(String of) {
      return Shape.of(of.chars().mapToLong(c -> extent((char) c)).toArray());
    }
  }

  /**
   * Applies the equation.
   *
   * @throws TenonException when the equation does not name the operands' dimensions
   */
  public static Tensor apply(String equation, Tensor... operands) {
    String[] sides = equation.replace(" ", "").split("->", -1);
    List<String> names = List.of(sides[0].split(",", -1));
    boolean fits = sides.length == 2 && names.size() == operands.length
        && IntStream.range(0, operands.length).allMatch(i -> names.get(i).length() == operands[i].rank());
    if (!fits) {
      throw new TenonException("einsum: the equation " + equation + " must look like ab,bc->ac and name each dimension of the "
          + operands.length + " operands");
    }
    Named result = new Named(operands[0], names.getFirst());
    for (int i = 1; i < operands.length; i++) {
      String later = String.join("", names.subList(i + 1, names.size())) + sides[1];
      result = multiply(result, new Named(operands[i], names.get(i)), later);
    }
    return result.sumTo(sides[1]).ordered(sides[1]);
  }

  /** The product of two operands, summed over the dimensions that {@code later} does not name. */
  private static Named multiply(Named first, Named second, String later) {
    Named a = first.sumTo(second.names + later);
    Named b = second.sumTo(first.names + later);
    String shared = common(a.names, b.names);
    String batch = common(shared, later);
    String inner = without(shared, later);
    String rows = without(a.names, shared);
    String columns = without(b.names, shared);
    long batches = a.extents(batch).size();
    long depth = a.extents(inner).size();
    Tensor left = a.ordered(batch + rows + inner).reshape(Shape.of(batches, a.extents(rows).size(), depth));
    Tensor right = b.ordered(batch + inner + columns).reshape(Shape.of(batches, depth, b.extents(columns).size()));
    Shape shape = a.extents(batch + rows).concat(b.extents(columns));
    return new Named(left.matmul(right).reshape(shape), batch + rows + columns);
  }

  private static String common(String names, String others) {
    return filter(names, others, true);
  }

  private static String without(String names, String others) {
    return filter(names, others, false);
  }

  private static String filter(String names, String others, boolean contained) {
    return names.chars().filter(c -> others.indexOf(c) >= 0 == contained)
        .mapToObj(Character::toString).collect(Collectors.joining());
  }
}
