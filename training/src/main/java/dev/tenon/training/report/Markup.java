package dev.tenon.training.report;

import java.util.ArrayDeque;
import java.util.Deque;

/** Writes HTML and SVG that are also well-formed XML: text is escaped, and every element gets closed. */
final class Markup {
  private final StringBuilder out = new StringBuilder();
  private final Deque<String> open = new ArrayDeque<>();

  /**
   * Opens an element.
   *
   * @param attributes names and values in turn
   */
  Markup open(String tag, String... attributes) {
    start(tag, attributes);
    out.append('>');
    open.push(tag);
    return this;
  }

  /** Closes the element opened last. */
  Markup close() {
    out.append("</").append(open.pop()).append(">\n");
    return this;
  }

  /** An element that holds nothing but text. */
  Markup leaf(String tag, String text, String... attributes) {
    start(tag, attributes);
    out.append('>');
    text(text);
    out.append("</").append(tag).append('>');
    return this;
  }

  /** An element that holds nothing. */
  Markup empty(String tag, String... attributes) {
    start(tag, attributes);
    out.append("/>");
    return this;
  }

  Markup text(String text) {
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      switch (c) {
        case '&' -> out.append("&amp;");
        case '<' -> out.append("&lt;");
        case '>' -> out.append("&gt;");
        case '"' -> out.append("&quot;");
        default -> out.append(isXml(c) ? c : '\uFFFD');
      }
    }
    return this;
  }

  @Override
  public String toString() {
    if (!open.isEmpty()) {
      throw new IllegalStateException("element " + open.peek() + " is not closed");
    }
    return out.toString();
  }

  private void start(String tag, String... attributes) {
    out.append('<').append(tag);
    for (int i = 0; i < attributes.length; i += 2) {
      out.append(' ').append(attributes[i]).append("=\"");
      text(attributes[i + 1]);
      out.append('"');
    }
  }

  private static boolean isXml(char c) {
    return c >= ' ' && c != '\uFFFE' && c != '\uFFFF' || c == '\n' || c == '\t';
  }
}
