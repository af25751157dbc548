package dev.tenon.training.recipe;

import dev.tenon.engine.TenonException;
import java.io.StringReader;
import java.util.ArrayList;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Set;
import java.util.function.IntFunction;
import org.yaml.snakeyaml.DumperOptions.ScalarStyle;
import org.yaml.snakeyaml.LoaderOptions;
import org.yaml.snakeyaml.Yaml;
import org.yaml.snakeyaml.constructor.SafeConstructor;
import org.yaml.snakeyaml.error.MarkedYAMLException;
import org.yaml.snakeyaml.error.YAMLException;
import org.yaml.snakeyaml.nodes.MappingNode;
import org.yaml.snakeyaml.nodes.Node;
import org.yaml.snakeyaml.nodes.NodeTuple;
import org.yaml.snakeyaml.nodes.ScalarNode;
import org.yaml.snakeyaml.nodes.SequenceNode;

/**
 * Turns YAML text into recipe nodes, so that the rest of the package knows lines and keys but not the
 * library.
 */
final class YamlSource {
  private static final int MAX_DEPTH = 16;

  private final IntFunction<Origin> origins;
  private final Set<Node> seen = Collections.newSetFromMap(new IdentityHashMap<>());

  private YamlSource(IntFunction<Origin> origins) {
    this.origins = origins;
  }

  /** A whole recipe; an empty file is an empty section. */
  static RecipeNode.Mapping document(String source, String text) {
    IntFunction<Origin> origins = line -> new Origin(source, line);
    var node = parse(origins, text);
    return switch (node) {
      case RecipeNode.Mapping mapping -> mapping;
      case RecipeNode.Scalar s when s.plain() && s.text().isEmpty() ->
          new RecipeNode.Mapping(origins.apply(1), new LinkedHashMap<>());
      default -> throw new TenonException(
          node.origin() + ": a recipe is 'key: value' lines, found a single " + describe(node) + ".");
    };
  }

  /** The value of one {@code --set key=value}, read as YAML: {@code 3}, {@code [a, b]} or {@code {x: 1}}. */
  static RecipeNode value(Origin option, String text) {
    return parse(_ -> option, text);
  }

  static String describe(RecipeNode node) {
    return switch (node) {
      case RecipeNode.Scalar s -> s.text().isEmpty() ? "nothing" : "'" + s.text() + "'";
      case RecipeNode.Sequence _ -> "list";
      case RecipeNode.Mapping _ -> "section";
    };
  }

  private static RecipeNode parse(IntFunction<Origin> origins, String text) {
    var options = new LoaderOptions();
    options.setNestingDepthLimit(MAX_DEPTH);
    try {
      var root = new Yaml(new SafeConstructor(options)).compose(new StringReader(text));
      return root == null
          ? new RecipeNode.Scalar(origins.apply(1), "", true)
          : new YamlSource(origins).convert(root);
    } catch (MarkedYAMLException e) {
      var mark = e.getProblemMark();
      var origin = origins.apply(mark == null ? 1 : mark.getLine() + 1);
      throw new TenonException(origin + ": not readable as YAML: " + e.getProblem() + ".", e);
    } catch (YAMLException e) {
      throw new TenonException(origins.apply(1) + ": not readable as YAML: " + e.getMessage() + ".", e);
    }
  }

  private RecipeNode convert(Node node) {
    var origin = originOf(node);
    if (!seen.add(node)) {
      throw new TenonException(origin + ": YAML anchors are not used in recipes; use 'extends: other.yaml'.");
    }
    return switch (node) {
      case ScalarNode s ->
          new RecipeNode.Scalar(origin, s.getValue(), s.getScalarStyle() == ScalarStyle.PLAIN);
      case SequenceNode s -> new RecipeNode.Sequence(origin, items(s));
      case MappingNode m -> mapping(origin, m);
      default -> throw new TenonException(origin + ": this YAML construct has no place in a recipe.");
    };
  }

  private List<RecipeNode> items(SequenceNode sequence) {
    var items = new ArrayList<RecipeNode>();
    for (Node item : sequence.getValue()) {
      items.add(convert(item));
    }
    return items;
  }

  private RecipeNode.Mapping mapping(Origin origin, MappingNode node) {
    var entries = new LinkedHashMap<String, RecipeNode>();
    for (NodeTuple tuple : node.getValue()) {
      if (!(tuple.getKeyNode() instanceof ScalarNode key)) {
        throw new TenonException(originOf(tuple.getKeyNode()) + ": a key must be a single word.");
      }
      if (entries.put(key.getValue(), convert(tuple.getValueNode())) != null) {
        throw new TenonException(originOf(key) + ": key '" + key.getValue() + "' is given twice; keep one.");
      }
    }
    return new RecipeNode.Mapping(origin, entries);
  }

  private Origin originOf(Node node) {
    return origins.apply(node.getStartMark().getLine() + 1);
  }
}
