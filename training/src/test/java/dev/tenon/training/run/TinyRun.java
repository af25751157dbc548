package dev.tenon.training.run;

import dev.tenon.engine.io.Safetensors;
import dev.tenon.engine.io.SafetensorsFile;
import dev.tenon.training.recipe.Recipe;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.io.UncheckedIOException;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Consumer;

/** Two little tasks on disk and recipes that learn them within a second. */
record TinyRun(Path root) {
  static final String EMTAL = "{kind: emtal, rank: 2, experts: 4, cluster-restarts: 2}";
  private static final PrintStream NOWHERE = new PrintStream(OutputStream.nullOutputStream(), false, StandardCharsets.UTF_8);
  private static final int SIDE = 16;
  private static final int TRAIN = 10;
  private static final int TEST = 3;

  /** Writes the images: {@code hue} with three classes and {@code shade} with two. */
  static TinyRun create(Path root) {
    TinyRun run = new TinyRun(root);
    for (int image = 0; image < TRAIN + TEST; image++) {
      String split = image < TRAIN ? "train" : "test";
      run.write("data/hue/" + split + "/red/" + image + ".ppm", 200, 40, 40, image);
      run.write("data/hue/" + split + "/green/" + image + ".ppm", 40, 200, 40, image);
      run.write("data/hue/" + split + "/blue/" + image + ".ppm", 40, 40, 200, image);
      run.write("data/shade/" + split + "/dark/" + image + ".ppm", 30, 30, 30, image);
      run.write("data/shade/" + split + "/light/" + image + ".ppm", 220, 220, 220, image);
    }
    return run;
  }

  void write(String name, int red, int green, int blue, int seed) {
    byte[] header = ("P6 " + SIDE + " " + SIDE + " 255\n").getBytes(StandardCharsets.US_ASCII);
    byte[] file = Arrays.copyOf(header, header.length + SIDE * SIDE * 3);
    for (int i = 0; i < SIDE * SIDE * 3; i++) {
      int base = i % 3 == 0 ? red : i % 3 == 1 ? green : blue;
      file[header.length + i] = (byte) (base + (i * 31 + seed * 17) % 29);
    }
    try {
      Files.createDirectories(root.resolve(name).getParent());
      Files.write(root.resolve(name), file);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** A recipe of five epochs of six steps for {@code method}; the run's folder is {@code name}. */
  String yaml(String name, String method) {
    return """
        name: tiny
        model: {format: none, image-size: 16, patch: 8, dim: 16, depth: 2, heads: 2, mlp-ratio: 2}
        data: {root: %s, batch-size: 8, augment: {scale: [0.5, 1], test-crop-percent: 1}}
        method: %s
        optimizer: {lr: 0.01, weight-ema: 0.9}
        schedule: {epochs: 4, warmup-epochs: 1, cooldown-epochs: 1, warmup-lr: 0.001}
        eval: {every: 2}
        output: {dir: %s}
        """.formatted(root.resolve("data"), method, root.resolve(name));
  }

  Recipe recipe(String name, String method, String... changes) {
    return Recipe.parse("tiny", yaml(name, method), List.of(changes));
  }

  static RunResult train(Recipe recipe, RunFolder.Start start) {
    return train(recipe, start, _ -> {});
  }

  static RunResult train(Recipe recipe, RunFolder.Start start, Consumer<RunEvent> watcher) {
    return new Trainer(recipe, start, NOWHERE, watcher).run();
  }

  /** The command line in a process of its own. */
  static ProcessBuilder java(String... arguments) {
    List<String> command = new ArrayList<>(List.of(
        Path.of(System.getProperty("java.home"), "bin", "java").toString(), "-XX:-UsePerfData", "--add-modules", "jdk.incubator.vector",
        "--enable-native-access=ALL-UNNAMED", "-cp", System.getProperty("java.class.path"), "dev.tenon.training.cli.Main"));
    command.addAll(List.of(arguments));
    return new ProcessBuilder(command);
  }

  /** All tensors of a file, as bytes that can be compared. */
  static Map<String, List<Byte>> tensors(Path file) {
    Map<String, List<Byte>> tensors = new TreeMap<>();
    try (SafetensorsFile open = Safetensors.open(file)) {
      for (String name : open.names()) {
        List<Byte> bytes = new ArrayList<>();
        for (byte b : open.entry(name).data().toArray(ValueLayout.JAVA_BYTE)) {
          bytes.add(b);
        }
        tensors.put(name, bytes);
      }
    }
    return tensors;
  }
}
