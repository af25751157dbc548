package dev.tenon.training.recipe;

/**
 * One task of the union.
 *
 * @param name as it appears in reports
 * @param source layout on disk; the data section's unless the task names its own
 * @param path folder of the task below {@code data.root}
 */
public record TaskSpec(String name, SourceType source, String path) {

  static TaskSpec visit(Section s, TaskSpec d) {
    var name = s.text("name", d.name);
    var source = s.choice("source", d.source);
    var spec = new TaskSpec(name, source, s.text("path", d.path.isEmpty() ? name : d.path));
    s.check(!name.isBlank(), "name", "is missing; every task needs one");
    s.check(!spec.path.startsWith("/"), "path", "must lie below data.root; write it without the leading '/'");
    return spec;
  }
}
