package dev.tenon.engine;

import java.util.Locale;

/** Where a tensor lives: the CPU, or the {@code index}-th device of a GPU interface. */
public record Device(Kind kind, int index) {
  /** The interfaces kernels are written for. */
  public enum Kind {
    CPU,
    CUDA,
    OPENCL
  }

  public static final Device CPU = new Device(Kind.CPU, 0);

  /**
   * Reads {@code cpu}, {@code cuda}, {@code cuda:1}, {@code opencl:0}.
   *
   * @throws TenonException when the text names no device
   */
  public static Device parse(String text) {
    String[] parts = text.toLowerCase(Locale.ROOT).split(":", -1);
    try {
      Kind kind = Kind.valueOf(parts[0].toUpperCase(Locale.ROOT));
      int index = parts.length > 1 ? Integer.parseInt(parts[1]) : 0;
      if (parts.length <= 2 && index >= 0) {
        return new Device(kind, index);
      }
    } catch (IllegalArgumentException e) {
      throw new TenonException(unknown(text), e);
    }
    throw new TenonException(unknown(text));
  }

  private static String unknown(String text) {
    return "'" + text + "' names no device; use cpu, cuda, cuda:INDEX, opencl or opencl:INDEX";
  }

  @Override
  public String toString() {
    String name = kind.name().toLowerCase(Locale.ROOT);
    return kind == Kind.CPU ? name : name + ":" + index;
  }
}
