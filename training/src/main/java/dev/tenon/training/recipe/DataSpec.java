package dev.tenon.training.recipe;

import java.nio.file.Path;
import java.util.List;

/**
 * What a run learns from.
 *
 * @param source layout of the tasks that do not name their own
 * @param root folder that holds the tasks; empty only for the demo's own images
 * @param tasks in union order; empty takes every task folder found below {@code root}, by name
 * @param classOrder in which the class folders of the source {@code folder} become labels
 * @param exif whether images are turned as the camera noted
 * @param cacheMb room in MB for decoded images; never changes the result
 * @param cacheShortSide images are reduced to this short side in pixels before anything else; 0 keeps them
 * @param shots images a class for few-shot runs; 0 takes all
 * @param batchSize images a step, all tasks mixed; the rest of an epoch is dropped
 * @param workers threads that decode and augment; 0 chooses by the machine and never changes the result
 * @param seed of the few-shot draw and of images the program draws itself
 * @param augment from image to network input
 */
public record DataSpec(
    SourceType source,
    Path root,
    List<TaskSpec> tasks,
    ClassOrder classOrder,
    Exif exif,
    int cacheMb,
    int cacheShortSide,
    int shots,
    int batchSize,
    int workers,
    long seed,
    AugmentSpec augment) {

  /** Order of names. */
  public enum ClassOrder {
    /** 2 before 10. */
    NATURAL,
    /** 10 before 2, as torchvision does. */
    LEXICOGRAPHIC
  }

  /** Use of the orientation that a camera noted in a JPEG. */
  public enum Exif {
    APPLY,
    /** As EMTAL's reference code does. */
    IGNORE
  }

  static final DataSpec DEFAULT = new DataSpec(
      SourceType.FOLDER,
      Path.of(""),
      List.of(),
      ClassOrder.NATURAL,
      Exif.APPLY,
      256,
      0,
      0,
      32,
      0,
      42,
      AugmentSpec.DEFAULT);

  static DataSpec visit(Section s, DataSpec d) {
    var source = s.choice("source", d.source);
    var spec = new DataSpec(
        source,
        s.path("root", d.root),
        s.items("tasks", d.tasks, new TaskSpec("", source, ""), "name", TaskSpec::visit),
        s.choice("class-order", d.classOrder),
        s.choice("exif", d.exif),
        s.integer("cache-mb", d.cacheMb, 0, 1_000_000),
        s.integer("cache-short-side", d.cacheShortSide, 0, 65_536),
        s.integer("shots", d.shots, 0, 1_000_000),
        s.integer("batch-size", d.batchSize, 1, 65_536),
        s.integer("workers", d.workers, 0, 1024),
        s.longInteger("seed", d.seed),
        s.section("augment", d.augment, AugmentSpec::visit));
    long distinct = spec.tasks.stream().map(TaskSpec::name).distinct().count();
    s.check(distinct == spec.tasks.size(), "tasks", "names one task twice; rename one of them");
    return spec;
  }

  /** Whether any task reads files, so that {@code root} must be given. */
  boolean needsRoot() {
    return tasks.isEmpty()
        ? source != SourceType.DEMO
        : tasks.stream().anyMatch(task -> task.source() != SourceType.DEMO);
  }
}
