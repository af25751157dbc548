package dev.tenon.training.run;

import dev.tenon.engine.TenonException;
import dev.tenon.engine.io.AtomicFile;
import dev.tenon.training.recipe.Recipe;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;

/** The folder of one run: what lies where in it, and whether a run may begin there. */
public record RunFolder(Path dir) {
  private static final String EVENTS = "events.out.tfevents.*";

  /** How a run begins. */
  public enum Start {
    /** In a folder that holds no run yet. */
    FRESH,
    /** From the folder's last checkpoint. */
    RESUME,
    /** In place of the run that the folder holds. */
    OVERWRITE
  }

  /** The recipe with every default written out. */
  public Path recipe() {
    return dir.resolve("recipe.yaml");
  }

  public Path metrics() {
    return dir.resolve("metrics.jsonl");
  }

  public Path checkpoint() {
    return dir.resolve("checkpoint.safetensors");
  }

  /** Adapters and head alone. */
  public Path adapter() {
    return dir.resolve("adapter.safetensors");
  }

  /** The finished plain network. */
  public Path model() {
    return dir.resolve("model.safetensors");
  }

  public Path report() {
    return dir.resolve("report.html");
  }

  /** Whether a run can go on from here; its first checkpoint is written before its first step. */
  public boolean holdsRun() {
    return Files.exists(checkpoint());
  }

  /**
   * Refuses a start that would lose a run or has none to resume. Writes nothing.
   *
   * @throws TenonException with the remedy
   */
  public void require(Start start) {
    if (start == Start.FRESH && holdsRun()) {
      throw new TenonException(dir + " already holds a run; go on with it (--resume), choose another folder (--set output.dir=FOLDER)"
          + " or give it up (--overwrite)");
    }
    if (start == Start.RESUME && !holdsRun()) {
      throw new TenonException(dir + " holds no run to resume, for there is no " + checkpoint().getFileName()
          + " in it; start one without --resume");
    }
  }

  /**
   * Makes the folder, removes what an earlier run left, and writes the recipe.
   *
   * @throws TenonException when any of that is not possible
   */
  public void begin(Recipe canonical) {
    try {
      Files.createDirectories(dir);
      // The checkpoint goes first: without it nobody takes the rest for a run.
      for (Path file : new Path[] {checkpoint(), metrics(), adapter(), model(), report()}) {
        Files.deleteIfExists(file);
      }
      try (DirectoryStream<Path> events = Files.newDirectoryStream(dir, EVENTS)) {
        for (Path file : events) {
          Files.delete(file);
        }
      }
    } catch (IOException e) {
      throw new TenonException("cannot prepare the run folder " + dir + " (" + e + "); choose one that can be written to with"
          + " --set output.dir=FOLDER", e);
    }
    write(canonical);
  }

  /** Writes the recipe. */
  void write(Recipe canonical) {
    byte[] yaml = canonical.toYaml().getBytes(StandardCharsets.UTF_8);
    AtomicFile.write(recipe(), channel -> {
      for (ByteBuffer bytes = ByteBuffer.wrap(yaml); bytes.hasRemaining(); ) {
        channel.write(bytes);
      }
    });
  }
}
