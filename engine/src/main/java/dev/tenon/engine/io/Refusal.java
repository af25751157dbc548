package dev.tenon.engine.io;

import dev.tenon.engine.TenonException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** The one sentence with which every reader turns a file down. */
final class Refusal {
  private Refusal() {}

  /** A file whose content is not what {@code format} demands. */
  static TenonException of(Path file, String format, String what) {
    return new TenonException(
        "cannot read " + file + " as " + format + " (" + what + "); copy or download the file again");
  }

  /** A file the system would not read. */
  static TenonException of(Path file, String format, IOException cause) {
    String reason = cause.getMessage() == null ? cause.getClass().getSimpleName() : cause.getMessage();
    return new TenonException("cannot read " + file + " as " + format + " (" + reason
        + "); check that it exists and is readable", cause);
  }

  /**
   * Turns down what is not a plain file before it is opened: reading a pipe or a terminal could wait for
   * ever.
   */
  static void unlessRegularFile(Path file, String format) {
    if (!Files.isRegularFile(file)) {
      throw new TenonException("cannot read " + file + " as " + format + " because "
          + (Files.exists(file) ? "it is not a file; name a file" : "it does not exist; check the path"));
    }
  }
}
