package dev.tenon.kernels.opencl;

import java.util.Arrays;
import java.util.List;

/** What a kernel's variant means to the compiler: the types, and other choices, that its text leaves open. */
final class ClTypes {
  private static final List<String> REAL = List.of("f32", "f64", "bf16", "f16");

  private ClTypes() {}

  /**
   * For {@code f32}, {@code T} is that type; for {@code f32_f64}, {@code FROM} and {@code TO} are; for 4, {@code T} is any 32 bits.
   * {@code block} or {@code thread} before says who works together, {@code fours} that an item takes four neighbors at once. A variant
   * that begins with a hyphen is options itself.
   */
  static String options(String variant) {
    if (variant.startsWith("-")) {
      return variant;
    }
    List<String> parts = Arrays.asList(variant.split("_"));
    String block = switch (parts.getFirst()) {
      case "block" -> "-DBLOCK=1 ";
      case "thread" -> "-DBLOCK=0 ";
      case "fours" -> "-DFOURS ";
      default -> "";
    };
    List<String> types = block.isEmpty() ? parts : parts.subList(1, parts.size());
    String first = types.getFirst();
    if (Character.isDigit(first.charAt(0))) {
      return block + "-DBITS -DT=bits" + 8 * Integer.parseInt(first);
    }
    return block + (types.size() == 1 ? of(first) : "-DFROM=" + first + " -DTO=" + types.get(1) + literals(types));
  }

  /** For texts in one type. */
  static String of(String type) {
    return "-DT=" + type + (REAL.contains(type) ? " -DIS_REAL" : "") + (type.equals("f64") ? " -DIS_DOUBLE" : "") + literals(List.of(type));
  }

  /** Without doubles among the types, literals are single precision. */
  private static String literals(List<String> types) {
    return types.contains("f64") ? "" : " -cl-single-precision-constant";
  }
}
