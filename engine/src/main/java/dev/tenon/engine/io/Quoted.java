package dev.tenon.engine.io;

/** Makes text from a foreign file fit for a one-line message: quoted, printable and short. */
final class Quoted {
  private static final int LONGEST = 80;

  private Quoted() {}

  static String of(String text) {
    StringBuilder s = new StringBuilder("'");
    for (int i = 0; i < Math.min(text.length(), LONGEST); i++) {
      char c = text.charAt(i);
      s.append(Character.isISOControl(c) || Character.isSurrogate(c) ? '?' : c);
    }
    return s.append(text.length() > LONGEST ? "…'" : "'").toString();
  }
}
