package dev.tenon.engine.io;

import dev.tenon.engine.TenonException;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.UUID;

/** Replaces a file as a whole or not at all, so that a crash or a full disk never leaves half of one. */
public final class AtomicFile {
  /** Writes a file's content. */
  @FunctionalInterface
  public interface Content {
    void writeTo(FileChannel channel) throws IOException;
  }

  private AtomicFile() {}

  /**
   * Writes {@code content} to a temporary file beside {@code target}, forces it to the disk and renames it.
   *
   * @throws TenonException when any of that fails; {@code target} is as before then, and nothing else is left
   */
  public static void write(Path target, Content content) {
    Path absolute = target.toAbsolutePath();
    if (Files.isDirectory(absolute)) {
      throw new TenonException("cannot write " + target + " because it is a folder; name a file inside it");
    }
    Path temporary = absolute.resolveSibling("." + absolute.getFileName() + "." + UUID.randomUUID() + ".tmp");
    try {
      try (FileChannel channel =
          FileChannel.open(temporary, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
        content.writeTo(channel);
        channel.force(true);
      }
      Files.move(temporary, absolute, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    } catch (IOException e) {
      TenonException failure = new TenonException(explain(target, absolute.getParent(), e), e);
      discard(temporary, failure);
      throw failure;
    } catch (RuntimeException | Error e) {
      discard(temporary, e);
      throw e;
    }
  }

  private static String explain(Path target, Path folder, IOException e) {
    return "cannot write " + target + switch (e) {
      case NoSuchFileException _ -> " because the folder " + folder + " does not exist; create it first";
      case AccessDeniedException _ ->
          " because the folder " + folder + " is not writable; choose another one";
      case FileSystemException f when f.getReason() != null ->
          " (" + f.getReason() + "); free some space or choose another folder";
      default -> " (" + e.getMessage() + "); free some space or choose another folder";
    };
  }

  private static void discard(Path temporary, Throwable reason) {
    try {
      Files.deleteIfExists(temporary);
    } catch (IOException e) {
      reason.addSuppressed(e);
    }
  }
}
