package dev.tenon.engine.io;

import dev.tenon.engine.TenonException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.function.Function;

/**
 * Reads the JSON of a header straight from mapped bytes. The caller asks for what must come next, so nothing
 * is built but what it wants, and nesting costs no stack: whatever is deeper than expected is an error at
 * once.
 */
final class JsonReader {
  private static final int END = -1;

  private final MemorySegment text;
  private final Function<String, TenonException> refusal;
  private long at;
  private boolean first;

  /** Reads {@code text}; {@code refusal} turns the description of a fault into the exception to throw. */
  JsonReader(MemorySegment text, Function<String, TenonException> refusal) {
    this.text = text;
    this.refusal = refusal;
  }

  /** Enters an object; {@link #nextKey} then walks it. */
  void beginObject() {
    expect('{');
    first = true;
  }

  /** The next key of the object, with the reader before its value; null once the object has ended. */
  String nextKey() {
    if (ended('}')) {
      return null;
    }
    String key = string();
    expect(':');
    return key;
  }

  /** Enters an array; {@link #nextElement} then walks it. */
  void beginArray() {
    expect('[');
    first = true;
  }

  /** Whether another element follows, with the reader before it; false once the array has ended. */
  boolean nextElement() {
    return !ended(']');
  }

  /** Makes sure that nothing but white space is left. */
  void end() {
    if (peek() != END) {
      throw fault("unexpected content after the end of the JSON");
    }
  }

  /** A whole number from 0 to 2^63-1. */
  long natural() {
    int c = peek();
    if (c < '0' || c > '9') {
      throw fault(c == '-' ? "a negative number" : "expected a whole number");
    }
    long start = at;
    long value = 0;
    while ((c = byteAt(at)) >= '0' && c <= '9') {
      if (value > (Long.MAX_VALUE - (c - '0')) / 10) {
        throw fault("a number beyond 2^63-1");
      }
      value = value * 10 + (c - '0');
      at++;
    }
    if (c == '.' || c == 'e' || c == 'E' || at - start > 1 && byteAt(start) == '0') {
      throw fault("a number that is not written as a plain whole number");
    }
    return value;
  }

  /** A string, unescaped. */
  String string() {
    expect('"');
    long start = at;
    long end = closingQuote();
    // Unescaping only ever shortens, so the raw length is enough and is bounded by the file.
    ByteBuffer bytes = ByteBuffer.allocate(Math.toIntExact(end - start));
    while (at < end) {
      int c = byteAt(at++);
      if (c == '\\') {
        unescape(bytes, end);
      } else {
        bytes.put((byte) c);
      }
    }
    at = end + 1;
    try {
      return StandardCharsets.UTF_8.newDecoder().decode(bytes.flip()).toString();
    } catch (CharacterCodingException _) {
      throw fault("a string that is not valid UTF-8");
    }
  }

  private long closingQuote() {
    for (long i = at; ; i++) {
      int c = byteAt(i);
      if (c == '"') {
        return i;
      } else if (c == END) {
        throw fault("a string that never ends");
      } else if (c < ' ') {
        throw fault("an unescaped control character in a string");
      } else if (c == '\\') {
        i++;
      }
    }
  }

  private void unescape(ByteBuffer bytes, long end) {
    int c = byteAt(at++);
    switch (c) {
      case '"', '\\', '/' -> bytes.put((byte) c);
      case 'b' -> bytes.put((byte) '\b');
      case 'f' -> bytes.put((byte) '\f');
      case 'n' -> bytes.put((byte) '\n');
      case 'r' -> bytes.put((byte) '\r');
      case 't' -> bytes.put((byte) '\t');
      case 'u' -> bytes.put(Character.toString(codePoint(end)).getBytes(StandardCharsets.UTF_8));
      default -> throw fault("an unknown escape in a string");
    }
  }

  private int codePoint(long end) {
    char high = hex(end);
    if (!Character.isSurrogate(high)) {
      return high;
    }
    if (byteAt(at) == '\\' && byteAt(at + 1) == 'u') {
      at += 2;
      char low = hex(end);
      if (Character.isSurrogatePair(high, low)) {
        return Character.toCodePoint(high, low);
      }
    }
    throw fault("an unpaired surrogate in a string");
  }

  private char hex(long end) {
    int value = 0;
    for (int i = 0; i < 4; i++) {
      int digit = at < end ? Character.digit(byteAt(at), 16) : -1;
      if (digit < 0) {
        throw fault("an incomplete \\u escape in a string");
      }
      value = value << 4 | digit;
      at++;
    }
    return (char) value;
  }

  /** Consumes {@code close}, or the comma that must precede anything but the first item. */
  private boolean ended(char close) {
    if (peek() == close) {
      at++;
      first = false;
      return true;
    }
    if (!first) {
      expect(',');
      if (peek() == close) {
        throw fault("a comma before '" + close + "'");
      }
    }
    first = false;
    return false;
  }

  private void expect(char wanted) {
    if (peek() != wanted) {
      throw fault("expected '" + wanted + "'");
    }
    at++;
  }

  private int peek() {
    int c = byteAt(at);
    while (c == ' ' || c == '\n' || c == '\r' || c == '\t') {
      c = byteAt(++at);
    }
    return c;
  }

  private int byteAt(long i) {
    return i < text.byteSize() ? Byte.toUnsignedInt(text.get(ValueLayout.JAVA_BYTE, i)) : END;
  }

  private TenonException fault(String what) {
    return refusal.apply(what + " at byte " + at + " of the header");
  }
}
