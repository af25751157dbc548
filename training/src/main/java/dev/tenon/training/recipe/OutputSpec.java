package dev.tenon.training.recipe;

import java.nio.file.Path;

/**
 * What a run leaves behind.
 *
 * @param dir folder of the run
 * @param checkpointEvery epochs between two checkpoints
 * @param tensorboard whether to write an event file
 * @param report whether to write report.html
 */
public record OutputSpec(Path dir, int checkpointEvery, boolean tensorboard, boolean report) {

  static OutputSpec defaultsFor(String recipeName) {
    return new OutputSpec(Path.of("runs", recipeName), 1, true, true);
  }

  static OutputSpec visit(Section s, OutputSpec d) {
    var spec = new OutputSpec(
        s.path("dir", d.dir),
        s.integer("checkpoint-every", d.checkpointEvery, 1, 1_000_000),
        s.flag("tensorboard", d.tensorboard),
        s.flag("report", d.report));
    s.check(!spec.dir.toString().isEmpty(), "dir", "is empty; name the folder of the run");
    return spec;
  }
}
