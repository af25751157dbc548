package dev.tenon.model;

import dev.tenon.engine.Shape;
import dev.tenon.engine.TenonException;
import dev.tenon.engine.Tensor;
import dev.tenon.engine.op.Concat;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.SequencedMap;
import java.util.TreeMap;
import java.util.function.UnaryOperator;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * How another library calls and lays out the tensors of a model. A table has a row for each of ours:
 *
 * <pre>
 * blocks.#.attn.qkv.* &lt;- ~layer.#.query.*, ~layer.#.key.*, ~layer.#.value.*
 * cls_token &lt;- ~class_embedding : row
 * - &lt;- ~pooler.**
 * </pre>
 *
 * {@code #} is a number, {@code *} stands for weight and bias, {@code ~} for one of the table's prefixes. Several sources are stacked
 * by rows. A word after a colon says how a source is turned into ours. A row without an arrow keeps the name; a source whose row starts
 * with a dash is not used, and there {@code **} is any ending. Of two rows for one tensor of ours, the first is written.
 */
public final class NameTable {
  private static final Pattern LINE = Pattern.compile("(?<name>\\S+)(?: <- (?<sources>[^:]+?)(?: : (?<form>[a-z ]+))?)?");

  private final List<String> prefixes;
  private final List<Row> rows = new ArrayList<>();
  private final List<Pattern> unused = new ArrayList<>();

  /** One tensor of ours, and what it is made of. */
  private record Row(String name, Pattern own, List<String> sources, List<Pattern> patterns, Form form) {}

  /** Ways in which a source differs from ours in layout. */
  private enum Form {
    SAME(t -> t, t -> t),
    /** A vector that is ours as [1, 1, n]. */
    ROW(t -> t.reshape(1, 1, t.dim(0)), t -> t.reshape(t.dim(2))),
    /** A matrix that is ours as [1, m, n]. */
    MATRIX(t -> t.reshape(t.shape().insert(0, 1)), t -> t.reshape(t.shape().without(0))),
    /** A linear layer as [in, out]. */
    TRANSPOSED(t -> t.transpose(0, 1), t -> t.transpose(0, 1)),
    /** A convolution as [height, width, in, out]. */
    HWIO(t -> t.permute(3, 2, 0, 1), t -> t.permute(2, 3, 1, 0)),
    /** A linear layer into heads, [in, heads, headDim]. */
    INTO_HEADS(t -> t.reshape(t.dim(0), -1).transpose(0, 1), null),
    /** A linear layer out of heads, [heads, headDim, out]. */
    OUT_OF_HEADS(t -> t.reshape(-1, t.dim(-1)).transpose(0, 1), null),
    /** A bias as [heads, headDim]. */
    FLAT(t -> t.reshape(Shape.of(t.size())), null);

    private final UnaryOperator<Tensor> read;
    private final UnaryOperator<Tensor> write;

    Form(UnaryOperator<Tensor> read, UnaryOperator<Tensor> write) {
      this.read = read;
      this.write = write;
    }
  }

  /**
   * What reading came to.
   *
   * @param tensors by our names
   * @param unexpected sources that are in no row
   * @param missing sources without which another one in their row is of no use
   */
  public record Reading(SequencedMap<String, Tensor> tensors, List<String> unexpected, List<String> missing) {}

  private NameTable(List<String> prefixes) {
    this.prefixes = prefixes;
  }

  /**
   * Reads a table.
   *
   * @param prefixes what {@code ~} may stand for; the first is used for writing
   */
  public static NameTable parse(List<String> prefixes, String text) {
    NameTable table = new NameTable(prefixes);
    for (String line : text.lines().filter(l -> !l.isBlank()).toList()) {
      Matcher m = LINE.matcher(line.strip());
      if (!m.matches()) {
        throw new IllegalArgumentException("not a row of a name table: " + line);
      }
      String name = m.group("name");
      String sources = m.group("sources") == null ? name : m.group("sources");
      Form form = m.group("form") == null ? Form.SAME : Form.valueOf(m.group("form").toUpperCase(Locale.ROOT).replace(' ', '_'));
      Stream<String> kinds = name.endsWith("*") ? Stream.of("weight", "bias") : Stream.of("");
      kinds.forEach(kind -> table.row(name.replace("*", kind), sources, kind, form));
    }
    return table;
  }

  private void row(String name, String sources, String kind, Form form) {
    List<String> names = Stream.of(sources.split(", ")).map(s -> name.equals("-") ? s : s.replace("*", kind)).toList();
    List<Pattern> patterns = names.stream().map(this::pattern).toList();
    if (name.equals("-")) {
      unused.addAll(patterns);
    } else {
      rows.add(new Row(name, pattern(name), names, patterns, form));
    }
  }

  private Pattern pattern(String source) {
    String prefix = "(?:" + String.join("|", prefixes.stream().map(Pattern::quote).toList()) + ")";
    return Pattern.compile(
        source.replace(".", "\\.").replace("**", ".+").replace("#", "(\\d{1,4})").replace("~", prefix));
  }

  /** How many of {@code names} this table has a use for. */
  public long recognized(Collection<String> names) {
    return names.stream().filter(name -> find(name).isPresent()).count();
  }

  /** Where a source name belongs. */
  private record Place(Row row, int part, String index) {
    String name() {
      return row.name.replace("#", index);
    }
  }

  private Optional<Place> find(String source) {
    for (Row row : rows) {
      for (int part = 0; part < row.patterns.size(); part++) {
        Matcher matcher = row.patterns.get(part).matcher(source);
        if (matcher.matches()) {
          return Optional.of(new Place(row, part, matcher.groupCount() > 0 ? matcher.group(1) : ""));
        }
      }
    }
    return Optional.empty();
  }

  /** Whether reading leaves the source of that name alone. */
  public boolean isUnused(String source) {
    return unused.stream().anyMatch(p -> p.matcher(source).matches());
  }

  /**
   * Our tensors out of those of another library; differentiable.
   *
   * @param title names the origin in messages
   * @throws TenonException when sources of one tensor do not fit together
   */
  public Reading read(String title, Map<String, Tensor> sources) {
    Map<String, Place> places = new LinkedHashMap<>();
    Map<String, Map<Integer, Tensor>> parts = new LinkedHashMap<>();
    List<String> unexpected = new ArrayList<>();
    sources.forEach((source, tensor) -> find(source).ifPresentOrElse(place -> {
      places.put(place.name(), place);
      parts.computeIfAbsent(place.name(), _ -> new TreeMap<>()).put(place.part, tensor);
    }, () -> {
      if (!isUnused(source)) {
        unexpected.add(source);
      }
    }));
    SequencedMap<String, Tensor> ours = new LinkedHashMap<>();
    List<String> missing = new ArrayList<>();
    String prefix = prefix(sources.keySet());
    places.forEach((name, place) -> {
      Map<Integer, Tensor> found = parts.get(name);
      List<String> needed = place.row.sources;
      for (int i = 0; i < needed.size(); i++) {
        if (!found.containsKey(i)) {
          missing.add(sourceName(needed.get(i), prefix, place.index));
        }
      }
      if (found.size() == needed.size()) {
        ours.put(name, joined(title, name, place.row, found.values()));
      }
    });
    return new Reading(ours, unexpected, missing);
  }

  private static Tensor joined(String title, String name, Row row, Collection<Tensor> sources) {
    try {
      List<Tensor> read = sources.stream().map(row.form.read).map(Tensor::contiguous).toList();
      return read.size() == 1 ? read.getFirst() : new Concat(0).applyAll(read).getFirst();
    } catch (TenonException | IllegalArgumentException e) {
      throw new TenonException(title + ": what should make up " + name + " has shapes "
          + sources.stream().map(Tensor::shape).toList() + ", which do not fit; name a complete file", e);
    }
  }

  /** The prefix that is used in {@code names}. */
  private String prefix(Collection<String> names) {
    return prefixes.stream()
        .filter(prefix -> !prefix.isEmpty() && names.stream().anyMatch(name -> name.startsWith(prefix)))
        .findFirst()
        .orElse("");
  }

  private static String sourceName(String source, String prefix, String index) {
    return source.replace("#", index).replace("~", prefix);
  }

  /** What this table calls the tensor {@code name} of ours under the prefix of {@code others}; empty when it has no word for it. */
  public List<String> sources(String name, Collection<String> others) {
    return sources(name, prefix(others));
  }

  private List<String> sources(String name, String prefix) {
    return row(name).map(row -> {
      Matcher own = row.own.matcher(name);
      String index = own.matches() && own.groupCount() > 0 ? own.group(1) : "";
      return row.sources.stream().map(s -> sourceName(s, prefix, index)).toList();
    }).orElse(List.of());
  }

  private Optional<Row> row(String name) {
    return rows.stream().filter(row -> row.own.matcher(name).matches()).findFirst();
  }

  /** Whether {@link #write} can express a tensor of that name. */
  public boolean writes(String name) {
    return row(name).filter(row -> row.form.write != null).isPresent();
  }

  /** Our tensors as another library calls them, of each of which {@link #writes} holds. */
  public SequencedMap<String, Tensor> write(Map<String, Tensor> ours) {
    SequencedMap<String, Tensor> sources = new LinkedHashMap<>();
    ours.forEach((name, tensor) -> {
      Row row = row(name).orElseThrow();
      List<String> names = sources(name, prefixes.getFirst());
      long height = names.size() == 1 ? 0 : tensor.dim(0) / names.size();
      for (int i = 0; i < names.size(); i++) {
        Tensor part = names.size() == 1 ? tensor : tensor.slice(0, i * height, (i + 1) * height);
        sources.put(names.get(i), row.form.write.apply(part).contiguous());
      }
    });
    return sources;
  }
}
