package dev.tenon.training.image;

import java.io.IOException;

/** Tells the decoder what is wrong with a file, in a clause that follows the file's name. */
final class CorruptImageException extends IOException {
  private static final long serialVersionUID = 1L;

  CorruptImageException(String message) {
    super(message);
  }
}
