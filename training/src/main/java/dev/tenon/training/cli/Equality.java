package dev.tenon.training.cli;

import dev.tenon.engine.Scope;
import dev.tenon.engine.Shape;
import dev.tenon.engine.Tensor;
import dev.tenon.engine.random.Philox;
import dev.tenon.model.adapter.Adapters;
import dev.tenon.model.adapter.Merge;
import dev.tenon.model.vit.Vit;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.Locale;

/**
 * The check before a rewritten network is saved: on random images its outputs stay within the rounding that EMTAL's contract allows in
 * single precision, and every image keeps its class.
 */
record Equality(PrintWriter out) {
  private static final double LARGEST_DRIFT = 1e-4;
  private static final int IMAGES = 8;

  /** Compares, reports, and saves by {@code write} if the two agree; answers the exit code. */
  int save(Vit before, Vit after, Path file, Runnable write) {
    Merge.Drift drift;
    try (Scope _ = Scope.open()) {
      drift = Merge.drift(before, after, images(before));
    }
    out.printf(Locale.ROOT, "outputs on %d random images: largest difference %.1e, %s%n", IMAGES, drift.largest(),
        drift.sameClasses() ? "the same classes" : "not the same classes");
    boolean equal = drift.largest() <= LARGEST_DRIFT && drift.sameClasses();
    if (equal) {
      write.run();
      out.printf("%,d parameters written to %s%n", after.weights().parameters(), file);
    } else {
      out.printf(Locale.ROOT, "nothing written: at most %.0e and the same classes were expected%n", LARGEST_DRIFT);
    }
    out.flush();
    return equal ? ExitCode.OK : ExitCode.MISMATCH;
  }

  /** As many patches as the position embedding is for; how they lie does not matter here. */
  private static Tensor images(Vit vit) {
    long patches = vit.weights().get("pos_embed").dim(1) - vit.prefix();
    long rows = (long) Math.sqrt(patches);
    while (patches % rows != 0) {
      rows--;
    }
    Shape shape = Shape.of(IMAGES, vit.weights().get("patch_embed.proj.weight").dim(1), rows * vit.patch().dim(0),
        patches / rows * vit.patch().dim(1));
    return Adapters.filled(vit.weights().get("pos_embed").dtype(), shape, Philox.of(0).split("images")::normal);
  }
}
