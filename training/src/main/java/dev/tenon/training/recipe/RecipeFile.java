package dev.tenon.training.recipe;

import dev.tenon.engine.TenonException;
import java.io.IOException;
import java.nio.charset.CharacterCodingException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Gathers a recipe's text: the file, the files it extends, and the assignments of the command line. */
final class RecipeFile {
  private static final String EXTENDS = "extends";

  private final Deque<Path> chain = new ArrayDeque<>();

  private RecipeFile() {}

  static RecipeNode.Mapping load(Path file, List<String> assignments) {
    return new RecipeFile().load(file).overlaidBy(overlay(assignments));
  }

  /** The file's name without folder and ending. */
  static String stem(Path file) {
    var name = file.toAbsolutePath().getFileName().toString();
    int dot = name.lastIndexOf('.');
    return dot > 0 ? name.substring(0, dot) : name;
  }

  static RecipeNode.Mapping overlay(List<String> assignments) {
    var all = new RecipeNode.Mapping(new Origin("--set", 0), Map.of());
    for (String assignment : assignments) {
      all = all.overlaidBy(assignment(assignment));
    }
    return all;
  }

  private static RecipeNode.Mapping assignment(String assignment) {
    var origin = Origin.option(assignment);
    int equals = assignment.indexOf('=');
    if (equals <= 0) {
      throw new TenonException(origin + ": write it as key=value, for example --set schedule.epochs=20.");
    }
    var keys = assignment.substring(0, equals).strip().split("\\.", -1);
    var value = YamlSource.value(origin, assignment.substring(equals + 1));
    for (int i = keys.length - 1; i >= 0; i--) {
      if (keys[i].isBlank()) {
        throw new TenonException(origin + ": a part of the key is empty; write it like schedule.epochs=20.");
      }
      value = new RecipeNode.Mapping(origin, Map.of(keys[i], value));
    }
    return (RecipeNode.Mapping) value;
  }

  private RecipeNode.Mapping load(Path file) {
    var real = file.toAbsolutePath().normalize();
    if (chain.contains(real)) {
      throw new TenonException(file + ": the recipe extends itself; break the circle of 'extends'.");
    }
    chain.push(real);
    var node = YamlSource.document(file.toString(), text(file));
    var base = node.entries().get(EXTENDS);
    if (base != null) {
      node = load(resolve(file, base)).overlaidBy(without(node));
    }
    chain.pop();
    return node;
  }

  private static Path resolve(Path file, RecipeNode base) {
    if (!(base instanceof RecipeNode.Scalar s) || s.text().isBlank()) {
      throw new TenonException(base.origin() + ": 'extends' expects the name of another recipe, found "
          + YamlSource.describe(base) + ".");
    }
    var resolved = file.resolveSibling(s.text());
    if (!Files.isRegularFile(resolved)) {
      throw new TenonException(base.origin() + ": 'extends' names " + resolved
          + ", which is not there; the name is relative to the recipe that extends it.");
    }
    return resolved;
  }

  private static RecipeNode.Mapping without(RecipeNode.Mapping node) {
    var entries = new LinkedHashMap<>(node.entries());
    entries.remove(EXTENDS);
    return new RecipeNode.Mapping(node.origin(), entries);
  }

  private static String text(Path file) {
    try {
      return Files.readString(file);
    } catch (NoSuchFileException e) {
      throw new TenonException(file + ": there is no such recipe; Tenon's own lie in recipes/.", e);
    } catch (CharacterCodingException e) {
      throw new TenonException(file + ": a recipe is YAML text in UTF-8, and this file is not.", e);
    } catch (IOException e) {
      throw new TenonException(file + ": the recipe cannot be read: " + e.getMessage() + ".", e);
    }
  }
}
