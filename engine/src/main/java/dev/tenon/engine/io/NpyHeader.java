package dev.tenon.engine.io;

import dev.tenon.engine.Shape;
import dev.tenon.engine.TenonException;
import java.util.Arrays;
import java.util.function.Function;

/**
 * The dictionary, written as a Python literal, that precedes the data of a {@code .npy} file.
 *
 * @param descr byte order, kind and width of an element, such as {@code <f4}
 * @param fortranOrder whether the first index runs fastest
 * @param shape extents as NumPy shows them
 */
record NpyHeader(String descr, boolean fortranOrder, Shape shape) {
  private static final int HIGHEST_RANK = 64;

  /** Parses {@code text}; {@code refusal} turns the description of a fault into the exception to throw. */
  static NpyHeader parse(String text, Function<String, TenonException> refusal) {
    return new Parser(text, refusal).header();
  }

  private static final class Parser {
    private final String text;
    private final Function<String, TenonException> refusal;
    private int at;

    Parser(String text, Function<String, TenonException> refusal) {
      this.text = text;
      this.refusal = refusal;
    }

    NpyHeader header() {
      String descr = null;
      Boolean fortranOrder = null;
      Shape shape = null;
      expect('{');
      while (peek() != '}') {
        String key = string();
        expect(':');
        boolean repeated = switch (key) {
          case "descr" -> descr != null;
          case "fortran_order" -> fortranOrder != null;
          case "shape" -> shape != null;
          default -> throw refusal.apply("its header has the unknown key " + Quoted.of(key));
        };
        if (repeated) {
          throw refusal.apply("its header has the key '" + key + "' twice");
        }
        switch (key) {
          case "descr" -> descr = descr();
          case "fortran_order" -> fortranOrder = bool();
          default -> shape = shape();
        }
        if (peek() != '}') {
          expect(',');
        }
      }
      expect('}');
      if (peek() != 0) {
        throw fault("nothing after the dictionary");
      }
      if (descr == null || fortranOrder == null || shape == null) {
        throw refusal.apply("its header lacks descr, fortran_order or shape");
      }
      return new NpyHeader(descr, fortranOrder, shape);
    }

    private String descr() {
      if (peek() == '[' || peek() == '(') {
        throw refusal.apply("its elements are structures, of which each field should be saved by itself");
      }
      return string();
    }

    private String string() {
      char quote = peek();
      if (quote != '\'' && quote != '"') {
        throw fault("a string");
      }
      int end = text.indexOf(quote, at + 1);
      if (end < 0) {
        throw fault("a closing quote");
      }
      String value = text.substring(at + 1, end);
      at = end + 1;
      return value;
    }

    private boolean bool() {
      peek();
      for (boolean value : new boolean[] {true, false}) {
        String literal = value ? "True" : "False";
        if (text.startsWith(literal, at)) {
          at += literal.length();
          return value;
        }
      }
      throw fault("True or False");
    }

    private Shape shape() {
      long[] dims = new long[4];
      int rank = 0;
      boolean comma = true;
      expect('(');
      while (peek() != ')') {
        if (!comma) {
          throw fault("a comma");
        }
        if (rank == HIGHEST_RANK) {
          throw refusal.apply("its shape has more than " + HIGHEST_RANK + " dimensions");
        }
        if (rank == dims.length) {
          dims = Arrays.copyOf(dims, 2 * rank);
        }
        dims[rank++] = natural();
        comma = peek() == ',';
        at += comma ? 1 : 0;
      }
      expect(')');
      if (rank == 1 && !comma) {
        throw refusal.apply("its shape is not a tuple");
      }
      return Shape.of(Arrays.copyOf(dims, rank));
    }

    private long natural() {
      peek();
      int end = at;
      while (end < text.length() && text.charAt(end) >= '0' && text.charAt(end) <= '9') {
        end++;
      }
      if (end == at) {
        throw fault("a number from 0");
      }
      try {
        long value = Long.parseLong(text, at, end, 10);
        at = end;
        return value;
      } catch (NumberFormatException _) {
        throw fault("a number up to 2^63-1");
      }
    }

    private void expect(char wanted) {
      if (peek() != wanted) {
        throw fault("'" + wanted + "'");
      }
      at++;
    }

    /** The next character that is not white space; 0 at the end. */
    private char peek() {
      while (at < text.length() && " \t\r\n".indexOf(text.charAt(at)) >= 0) {
        at++;
      }
      return at < text.length() ? text.charAt(at) : 0;
    }

    private TenonException fault(String wanted) {
      return refusal.apply("its header should have " + wanted + " at character " + at);
    }
  }
}
