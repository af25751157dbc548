package dev.tenon.engine;

/** A failure the user can act on: one sentence that names what is wrong and what to do about it. */
public final class TenonException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  public TenonException(String message) {
    super(message);
  }

  public TenonException(String message, Throwable cause) {
    super(message, cause);
  }
}
