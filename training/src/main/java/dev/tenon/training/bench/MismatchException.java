package dev.tenon.training.bench;

/** A result that differs from its definition by more than rounding explains: what is wrong is not timed. */
public final class MismatchException extends RuntimeException {
  private static final long serialVersionUID = 1;

  MismatchException(String message) {
    super(message);
  }
}
