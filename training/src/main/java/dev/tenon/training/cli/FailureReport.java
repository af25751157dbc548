package dev.tenon.training.cli;

import dev.tenon.engine.TenonException;
import dev.tenon.engine.io.CacheFolder;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * What a user sees when a command fails: one line, and for a fault of the program the place of its stack
 * trace.
 *
 * @param cache where stack traces are kept
 * @param stackTrace whether to print the stack trace instead
 */
record FailureReport(CacheFolder cache, boolean stackTrace) {

  /** Prints the failure and answers the exit code. */
  int answer(Throwable failure, PrintWriter err) {
    boolean expected = failure instanceof TenonException;
    if (stackTrace) {
      failure.printStackTrace(err);
    } else if (expected) {
      err.println("tenon: " + oneLine(failure.getMessage()));
    } else {
      err.println("tenon: unexpected " + oneLine(failure.toString()) + "; " + whereTheTraceIs(failure));
    }
    err.flush();
    return expected ? ExitCode.FAILURE : ExitCode.FAULT;
  }

  private String whereTheTraceIs(Throwable failure) {
    var trace = new StringWriter();
    failure.printStackTrace(new PrintWriter(trace, true));
    try {
      Files.createDirectories(cache.path());
      Path file = Files.createTempFile(cache.path(), "failure-", ".txt");
      Files.writeString(file, trace.toString());
      return "the stack trace is in " + file + ".";
    } catch (IOException e) {
      return "run again with --stacktrace, for " + cache.path() + " is not writable.";
    }
  }

  private static String oneLine(String message) {
    return message.strip().replaceAll("\\s*\\R\\s*", " ");
  }
}
