package dev.tenon.training.data;

import dev.tenon.engine.TenonException;
import dev.tenon.training.demo.DemoSet;
import dev.tenon.training.demo.DemoWorld;
import dev.tenon.training.image.ColorJitter;
import dev.tenon.training.image.ExifOrientation;
import dev.tenon.training.image.ImageDecoder;
import dev.tenon.training.image.Interpolation;
import dev.tenon.training.image.Normalize;
import dev.tenon.training.image.Preprocessing;
import dev.tenon.training.image.RandomResizedCrop;
import dev.tenon.training.image.Resize;
import dev.tenon.training.image.ResizeTo;
import dev.tenon.training.image.Transform;
import dev.tenon.training.recipe.AugmentSpec;
import dev.tenon.training.recipe.DataSpec;
import dev.tenon.training.recipe.TaskSpec;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** From what a recipe says about data to the data. */
public final class RecipeData {
  private static final long MEGABYTE = 1 << 20;

  private RecipeData() {}

  /**
   * All tasks of a recipe, few-shot where it asks for that.
   *
   * @param imageSize side of the network's input; the demo's images are drawn at it
   * @throws TenonException when a data set is missing or damaged
   */
  public static MultiTask tasks(DataSpec spec, int imageSize) {
    List<TaskData> tasks = new ArrayList<>();
    for (TaskSpec task : taskSpecs(spec)) {
      tasks.add(source(task, spec, imageSize).load(task.name()));
    }
    var all = new MultiTask(tasks);
    return spec.shots() > 0 ? all.fewShot(spec.shots(), spec.seed()) : all;
  }

  /** The tasks that a recipe names, or those that are found where it names none. */
  public static List<TaskSpec> taskSpecs(DataSpec spec) {
    if (!spec.tasks().isEmpty()) {
      return spec.tasks();
    }
    List<String> names = switch (spec.source()) {
      case DEMO -> DemoSet.defaults().stream().map(set -> set.task().title()).toList();
      case FOLDER -> FolderSource.tasksBelow(spec.root());
      default -> throw new TenonException("the recipe names no tasks; list them under data.tasks, which only the"
          + " sources folder and demo can do without");
    };
    return names.stream().map(name -> new TaskSpec(name, spec.source(), name)).toList();
  }

  private static DataSource source(TaskSpec task, DataSpec spec, int imageSize) {
    Path root = spec.root().resolve(task.path());
    return switch (task.source()) {
      case FOLDER -> new FolderSource(root, order(spec.classOrder()));
      case CUB -> new CubSource(root);
      case CARS -> new CarsSource(root);
      case AIRCRAFT -> new AircraftSource(root);
      case FLOWERS -> new FlowersSource(root);
      case DOGS -> new DogsSource(root);
      case NABIRDS -> new NabirdsSource(root);
      case PETS -> new PetsSource(root);
      case DTD -> new DtdSource(root);
      case VTAB -> new VtabSource(root);
      case IDX -> new IdxSource(root);
      case DEMO -> demo(task, new DemoWorld(spec.seed(), imageSize));
    };
  }

  private static ClassOrder order(DataSpec.ClassOrder order) {
    return switch (order) {
      case NATURAL -> ClassOrder.NATURAL;
      case LEXICOGRAPHIC -> ClassOrder.LEXICOGRAPHIC;
    };
  }

  /** Where a recipe's images are read, and kept while there is room. */
  public static ImageCache images(DataSpec spec) {
    ExifOrientation exif = switch (spec.exif()) {
      case APPLY -> ExifOrientation.APPLY;
      case IGNORE -> ExifOrientation.IGNORE;
    };
    return new ImageCache(new ImageDecoder(exif), spec.cacheShortSide(), spec.cacheMb() * MEGABYTE);
  }

  private static DataSource demo(TaskSpec task, DemoWorld world) {
    for (DemoSet set : DemoSet.defaults()) {
      if (set.task().title().equals(task.path())) {
        return new DemoSource(world, set);
      }
    }
    List<String> known = DemoSet.defaults().stream().map(set -> set.task().title()).toList();
    throw new TenonException("task '" + task.name() + "': the demo draws no '" + task.path() + "'; choose from "
        + String.join(", ", known));
  }

  /** What a recipe does to an image in training. */
  public static Preprocessing train(AugmentSpec spec, int imageSize) {
    List<Resize> resizes = spec.interpolation() == AugmentSpec.Interpolation.RANDOM
        ? List.of(resize(spec, AugmentSpec.Interpolation.BILINEAR), resize(spec, AugmentSpec.Interpolation.BICUBIC))
        : List.of(resize(spec, spec.interpolation()));
    Transform geometry = switch (spec.crop()) {
      case RANDOM_RESIZED -> new RandomResizedCrop(
          imageSize,
          spec.scale().get(0),
          spec.scale().get(1),
          spec.ratio().get(0),
          spec.ratio().get(1),
          resizes);
      case SQUASH -> new ResizeTo(imageSize, resizes.getLast());
      case CENTER -> test(spec, imageSize).transform();
    };
    double jitter = spec.colorJitter();
    ColorJitter colors = jitter > 0 ? new ColorJitter(jitter, jitter, jitter, 0) : null;
    return Preprocessing.train(imageSize, geometry, spec.flip(), colors, normalize(spec));
  }

  /** What a recipe does to an image in evaluation. */
  public static Preprocessing test(AugmentSpec spec, int imageSize) {
    Resize resize = resize(spec, spec.testInterpolation());
    return switch (spec.testCrop()) {
      case CENTER -> Preprocessing.test(imageSize, spec.testCropPercent(), resize, normalize(spec));
      case SQUASH -> Preprocessing.squash(imageSize, resize, normalize(spec));
    };
  }

  private static Resize resize(AugmentSpec spec, AugmentSpec.Interpolation interpolation) {
    Interpolation filter = interpolation == AugmentSpec.Interpolation.BILINEAR
        ? Interpolation.BILINEAR
        : Interpolation.BICUBIC;
    return new Resize(filter, spec.antialias());
  }

  private static Normalize normalize(AugmentSpec spec) {
    return new Normalize(spec.mean(), spec.std());
  }
}
