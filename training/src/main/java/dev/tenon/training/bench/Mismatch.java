package dev.tenon.training.bench;

/** A result that differs from its definition by more than rounding explains: what is wrong is not timed. */
final class Mismatch extends RuntimeException {
  private static final long serialVersionUID = 1;

  Mismatch(String message) {
    super(message);
  }
}
