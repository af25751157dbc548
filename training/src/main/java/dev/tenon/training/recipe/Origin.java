package dev.tenon.training.recipe;

/**
 * Where a value was written, so that a refusal can point at it: a line of a file, or an option of the
 * command line.
 */
record Origin(String source, int line) {

  static Origin option(String assignment) {
    return new Origin("--set " + assignment, 0);
  }

  @Override
  public String toString() {
    return line > 0 ? source + ":" + line : source;
  }
}
