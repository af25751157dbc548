package dev.tenon.training.recipe;

import dev.tenon.engine.Backends;
import dev.tenon.engine.Device;
import dev.tenon.engine.Precision;
import dev.tenon.engine.TenonException;
import java.nio.file.Path;
import java.util.List;

/**
 * Everything that decides a run, in one immutable value; what a recipe file leaves out is as in the paper
 * (EMTAL §3.2 and its published scripts).
 *
 * @param name of the run; the file's name unless it says otherwise
 * @param seed of weights, order and augmentation
 * @param device to compute on
 * @param threads for computing; 0 takes all cores and never changes the result
 */
public record Recipe(
    String name,
    long seed,
    Device device,
    int threads,
    Precision precision,
    ModelSpec model,
    DataSpec data,
    MethodSpec method,
    OptimizerSpec optimizer,
    ScheduleSpec schedule,
    EvalSpec eval,
    OutputSpec output) {

  /**
   * Reads a recipe file, what it extends, and the assignments laid over both.
   *
   * @param assignments as of the command line, {@code schedule.epochs=20}
   * @throws TenonException when anything is unknown, mistyped, out of range, contradictory or missing
   */
  public static Recipe load(Path file, List<String> assignments) {
    return draft(file, assignments).requireComplete();
  }

  /** As {@link #load}, but paths that only the user can know may still be missing. */
  public static Recipe draft(Path file, List<String> assignments) {
    return read(RecipeFile.load(file, assignments), RecipeFile.stem(file));
  }

  /**
   * Reads a recipe from text, as a run folder keeps it.
   *
   * @param source what error messages call the text
   */
  public static Recipe parse(String source, String text, List<String> assignments) {
    var node = YamlSource.document(source, text).overlaidBy(RecipeFile.overlay(assignments));
    return read(node, "run").requireComplete();
  }

  /** The recipe with every default written out; reading it gives an equal recipe. */
  public String toYaml() {
    return SectionWriter.write(this, Recipe::visit);
  }

  private static Recipe read(RecipeNode.Mapping node, String name) {
    return SectionReader.read(node, defaults(name), Recipe::visit);
  }

  private Recipe requireComplete() {
    requirePath("model.weights", model.weights(), model.format() != ModelSpec.WeightFormat.NONE);
    requirePath("data.root", data.root(), data.needsRoot());
    return this;
  }

  private void requirePath(String key, Path path, boolean needed) {
    if (needed && path.toString().isEmpty()) {
      throw new TenonException(
          "recipe " + name + ": '" + key + "' is not given; add it or pass --set " + key + "=PATH.");
    }
  }

  private static Recipe defaults(String name) {
    return new Recipe(
        name,
        42,
        Device.CPU,
        0,
        Precision.FP32,
        ModelSpec.DEFAULT,
        DataSpec.DEFAULT,
        MethodSpec.Emtal.DEFAULT,
        OptimizerSpec.DEFAULT,
        ScheduleSpec.DEFAULT,
        EvalSpec.DEFAULT,
        OutputSpec.defaultsFor(name));
  }

  private static Recipe visit(Section s, Recipe d) {
    var name = s.text("name", d.name);
    var output = name.equals(d.name) ? d.output : OutputSpec.defaultsFor(name);
    var recipe = new Recipe(
        name,
        s.longInteger("seed", d.seed),
        s.parsed("device", d.device, Backends::find),
        s.integer("threads", d.threads, 0, 4096),
        s.choice("precision", d.precision),
        s.section("model", d.model, ModelSpec::visit),
        s.section("data", d.data, DataSpec::visit),
        s.section("method", d.method, MethodSpec::visit),
        s.section("optimizer", d.optimizer, OptimizerSpec::visit),
        s.section("schedule", d.schedule, ScheduleSpec::visit),
        s.section("eval", d.eval, EvalSpec::visit),
        s.section("output", output, OutputSpec::visit));
    s.check(name.matches("[A-Za-z0-9][A-Za-z0-9._-]*"), "name",
        "is '" + name + "'; use letters, digits, '.', '_' and '-' only, for it names a folder");
    return recipe;
  }
}
