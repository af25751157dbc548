package dev.tenon.training.report;

import java.io.Console;
import java.io.PrintStream;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.Locale;
import java.util.Optional;
import me.tongfei.progressbar.ConsoleProgressBarConsumer;
import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarBuilder;
import me.tongfei.progressbar.ProgressBarStyle;

/** Shows how far a run is: a moving bar on a terminal, a plain line now and then anywhere else. */
public sealed interface Progress extends AutoCloseable {

  /**
   * Begins to count.
   *
   * @param out the error stream, so that results can be piped
   * @param what the work, in a word
   * @param images how many the whole run will see
   * @param done how many of them an earlier, interrupted run has seen
   */
  static Progress start(PrintStream out, String what, long images, long done) {
    return onTerminal()
        ? new Bar(out, what, images, done)
        : new Lines(out, what, images, done, InstantSource.system());
  }

  /**
   * The launcher says whether the error stream is a terminal, for it stands between the two; else the
   * console does.
   */
  private static boolean onTerminal() {
    var said = System.getProperty("tenon.stderr.terminal");
    return said != null
        ? Boolean.parseBoolean(said)
        : Optional.ofNullable(System.console()).filter(Console::isTerminal).isPresent();
  }

  /**
   * Counts images as seen.
   *
   * @param note what to show beside the count, such as the loss
   */
  void advance(long images, String note);

  /** Prints a line that stays, without tearing the bar. */
  void say(String line);

  @Override
  void close();

  /** The bar. */
  final class Bar implements Progress {
    private static final int UPDATE_MILLIS = 200;

    private final PrintStream out;
    private final ProgressBar bar;

    private Bar(PrintStream out, String what, long images, long done) {
      this.out = out;
      this.bar = new ProgressBarBuilder()
          .setTaskName(what)
          .setInitialMax(images)
          .startsFrom(done, Duration.ZERO)
          .setUnit(" images", 1)
          .showSpeed()
          .setStyle(ProgressBarStyle.COLORFUL_UNICODE_BLOCK)
          .setUpdateIntervalMillis(UPDATE_MILLIS)
          .setConsumer(new ConsoleProgressBarConsumer(out))
          .build();
    }

    @Override
    public void advance(long images, String note) {
      bar.stepBy(images);
      bar.setExtraMessage(" " + note);
    }

    @Override
    public void say(String line) {
      out.print("\r\033[K" + line + System.lineSeparator());
      bar.refresh();
    }

    @Override
    public void close() {
      bar.close();
    }
  }

  /** The plain lines. */
  final class Lines implements Progress {
    private static final Duration PAUSE = Duration.ofSeconds(10);

    private final PrintStream out;
    private final String what;
    private final long images;
    private final long before;
    private final InstantSource clock;
    private final Instant begin;
    private Instant last;
    private long done;
    private String note = "";

    Lines(PrintStream out, String what, long images, long done, InstantSource clock) {
      this.out = out;
      this.what = what;
      this.images = images;
      this.before = done;
      this.done = done;
      this.clock = clock;
      this.begin = clock.instant();
      this.last = begin;
    }

    @Override
    public void advance(long count, String newNote) {
      done += count;
      note = newNote;
      if (Duration.between(last, clock.instant()).compareTo(PAUSE) >= 0) {
        last = clock.instant();
        out.println(line());
      }
    }

    @Override
    public void say(String line) {
      out.println(line);
    }

    @Override
    public void close() {
      out.println(line());
    }

    private String line() {
      double seconds = Duration.between(begin, clock.instant()).toMillis() / 1000.0;
      double rate = seconds > 0 ? (done - before) / seconds : 0;
      var left = rate > 0 ? clock(Math.round((images - done) / rate)) : "unknown";
      return String.format(Locale.ROOT, "%s %3.0f%% %d/%d images, %.1f images/s, %s left %s",
          what, images == 0 ? 100.0 : 100.0 * done / images, done, images, rate, left, note).stripTrailing();
    }

    private static String clock(long seconds) {
      return String.format(Locale.ROOT, "%d:%02d:%02d", seconds / 3600, seconds / 60 % 60, seconds % 60);
    }
  }
}
