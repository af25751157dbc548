package dev.tenon.training.report;

import dev.tenon.engine.TenonException;
import dev.tenon.training.proto.ProtoMessage;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.InstantSource;

/** Writes scalars as TensorBoard reads them: an event file of framed protobuf messages. */
public final class TensorBoardWriter implements AutoCloseable {
  private static final String FILE_VERSION = "brain.Event:2";
  private static final int SESSION_START = 1;

  /**
   * Fields of {@code Event}, {@code Summary}, {@code Summary.Value} and {@code SessionLog} in TensorFlow's
   * protos.
   */
  private static final int EVENT_WALL_TIME = 1;
  private static final int EVENT_STEP = 2;
  private static final int EVENT_FILE_VERSION = 3;
  private static final int EVENT_SUMMARY = 5;
  private static final int EVENT_SESSION_LOG = 7;
  private static final int SUMMARY_VALUE = 1;
  private static final int VALUE_TAG = 1;
  private static final int VALUE_SIMPLE = 2;
  private static final int SESSION_STATUS = 1;

  private final Path file;
  private final InstantSource clock;
  private final OutputStream out;

  private TensorBoardWriter(Path folder, InstantSource clock) {
    this.clock = clock;
    this.file = freshFile(folder, clock.instant().getEpochSecond());
    try {
      this.out = Files.newOutputStream(file, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE);
    } catch (IOException e) {
      throw failure(e);
    }
    write(event().text(EVENT_FILE_VERSION, FILE_VERSION));
  }

  /** Starts an event file in {@code folder}. */
  public static TensorBoardWriter create(Path folder, InstantSource clock) {
    return new TensorBoardWriter(folder, clock);
  }

  /**
   * Starts a further event file, which tells TensorBoard to forget what earlier ones hold after {@code
   * step}.
   */
  public static TensorBoardWriter resume(Path folder, InstantSource clock, long step) {
    var writer = new TensorBoardWriter(folder, clock);
    writer.write(writer.event()
        .varint(EVENT_STEP, step + 1)
        .message(EVENT_SESSION_LOG, new ProtoMessage().varint(SESSION_STATUS, SESSION_START)));
    return writer;
  }

  /** Appends one point of the curve named {@code tag}; slashes in it make groups. */
  public void scalar(String tag, long step, double value) {
    var point = new ProtoMessage().text(VALUE_TAG, tag).float32(VALUE_SIMPLE, (float) value);
    write(event()
        .varint(EVENT_STEP, step)
        .message(EVENT_SUMMARY, new ProtoMessage().message(SUMMARY_VALUE, point)));
  }

  @Override
  public void close() {
    try {
      out.close();
    } catch (IOException e) {
      throw failure(e);
    }
  }

  private ProtoMessage event() {
    return new ProtoMessage().float64(EVENT_WALL_TIME, clock.millis() / 1000.0);
  }

  private void write(ProtoMessage event) {
    try {
      out.write(RecordFrame.around(event.toBytes()));
    } catch (IOException e) {
      throw failure(e);
    }
  }

  /** TensorBoard reads a folder's files in the order of their names, so a later one must sort behind. */
  private static Path freshFile(Path folder, long second) {
    Path file;
    int number = 0;
    do {
      file = folder.resolve(String.format("events.out.tfevents.%010d.tenon.%02d", second, number));
      number++;
    } while (Files.exists(file));
    return file;
  }

  private TenonException failure(IOException e) {
    return new TenonException(
        file + ": the event file cannot be written (" + e + "); check the folder and the free space.", e);
  }
}
