package dev.tenon.training.report;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import dev.tenon.engine.TenonException;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * A run's numbers as they come, one JSON object a line, so that a killed run loses at most the line in
 * flight.
 */
public final class MetricsLog implements AutoCloseable {
  private static final JsonMapper JSON = new JsonMapper();
  private static final String STEP = "step";

  private final Path file;
  private final OutputStream out;

  private MetricsLog(Path file, StandardOpenOption mode) {
    this.file = file;
    try {
      this.out = Files.newOutputStream(file, StandardOpenOption.CREATE, StandardOpenOption.WRITE, mode);
    } catch (IOException e) {
      throw failure(e);
    }
  }

  /** Starts a log, replacing what {@code file} held. */
  public static MetricsLog create(Path file) {
    return new MetricsLog(file, StandardOpenOption.TRUNCATE_EXISTING);
  }

  /**
   * Continues the log of a run that goes on after {@code step}: later lines, and a half-written one, are
   * cut off.
   */
  public static MetricsLog resume(Path file, long step) {
    var log = new MetricsLog(file, StandardOpenOption.APPEND);
    try (var channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
      channel.truncate(lengthUpTo(Files.readAllBytes(file), step));
    } catch (IOException e) {
      log.close();
      throw log.failure(e);
    }
    return log;
  }

  /**
   * Appends one line and hands it to the operating system.
   *
   * @param values numbers, texts, lists or maps of them; they follow {@code step} in the given order
   */
  public void write(long step, Map<String, ?> values) {
    var line = new LinkedHashMap<String, Object>();
    line.put(STEP, step);
    line.putAll(values);
    try {
      out.write((JSON.writeValueAsString(line) + "\n").getBytes(StandardCharsets.UTF_8));
    } catch (IOException e) {
      throw failure(e);
    }
  }

  @Override
  public void close() {
    try {
      out.close();
    } catch (IOException e) {
      throw failure(e);
    }
  }

  private static long lengthUpTo(byte[] bytes, long step) {
    int kept = 0;
    for (int i = 0; i < bytes.length; i++) {
      if (bytes[i] == '\n') {
        if (!belongs(new String(bytes, kept, i - kept, StandardCharsets.UTF_8), step)) {
          return kept;
        }
        kept = i + 1;
      }
    }
    return kept;
  }

  private static boolean belongs(String line, long step) {
    try {
      JsonNode number = JSON.readTree(line).path(STEP);
      return number.isIntegralNumber() && number.longValue() <= step;
    } catch (JsonProcessingException e) {
      return false;
    }
  }

  private TenonException failure(IOException e) {
    return new TenonException(
        file + ": the metrics cannot be written (" + e + "); check the folder and the free space.", e);
  }
}
