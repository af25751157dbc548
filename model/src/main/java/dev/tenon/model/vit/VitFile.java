package dev.tenon.model.vit;

import dev.tenon.engine.Scope;
import dev.tenon.engine.Shape;
import dev.tenon.engine.TenonException;
import dev.tenon.engine.Tensor;
import dev.tenon.engine.autograd.Tape;
import dev.tenon.engine.io.Npz;
import dev.tenon.engine.io.Safetensors;
import dev.tenon.engine.io.SafetensorsFile;
import dev.tenon.engine.io.TensorEntry;
import dev.tenon.engine.io.TensorFile;
import dev.tenon.model.NamedTensors;
import dev.tenon.model.Weights;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import java.util.TreeMap;

/** Reads and writes Vision Transformers in the files and under the names that others publish them with. */
public final class VitFile {
  private VitFile() {}

  /**
   * The ViT in {@code file} (safetensors, or {@code .npz} as AugReg's), in the current scope.
   *
   * @throws TenonException when the file is damaged, follows no known naming, lacks tensors, has others or some of a wrong shape
   */
  public static Vit load(Path file, VitOptions options) {
    try (TensorFile tensors = file.toString().endsWith(".npz") ? Npz.open(file) : Safetensors.open(file);
        Scope inner = Scope.open(); var _ = Tape.pause()) {
      Dialect dialect = dialect(file.toString(), tensors.names(), options);
      Map<String, Tensor> sources = new LinkedHashMap<>();
      for (String name : tensors.names()) {
        if (!dialect.table().isUnused(name)) {
          TensorEntry entry = tensors.entry(name);
          sources.put(name, Tensor.of(entry.dtype(), entry.shape(), entry.data()).cast(options.dtype()));
        }
      }
      Map<String, String> metadata = tensors instanceof SafetensorsFile s ? s.metadata() : Map.of();
      Vit vit = assemble(dialect, sources, new Settings(file.toString(), metadata, configBeside(file)), file.toString(), options);
      vit.weights().asMap().values().forEach(inner::keep);
      return vit;
    }
  }

  /**
   * The ViT that tensors under anybody's names make up, as {@link #load} does with those of a file; differentiable.
   *
   * @param title names the origin in messages
   * @param metadata as a file would have it; {@code config} may be JSON
   */
  public static Vit of(String title, Map<String, Tensor> tensors, Map<String, String> metadata, VitOptions options) {
    return assemble(dialect(title, tensors.keySet(), options), tensors, new Settings(title, metadata, ""), title, options);
  }

  private static Dialect dialect(String title, Collection<String> names, VitOptions options) {
    return Dialect.of(names, options.names()).orElseThrow(() -> new TenonException(title
        + " holds no ViT: none of its " + names.size() + " tensors has a name of "
        + options.names().map(Object::toString).orElse("timm, Hugging Face, torchvision or AugReg")
        + "; name a file of ViT weights"));
  }

  private static String configBeside(Path file) {
    Path config = file.resolveSibling("config.json");
    try {
      return Files.isRegularFile(config) ? Files.readString(config) : "";
    } catch (IOException e) {
      throw new TenonException("cannot read " + config + " (" + e.getMessage() + "); mend or remove it", e);
    }
  }

  private static Vit assemble(
      Dialect dialect, Map<String, Tensor> sources, Settings settings, String title, VitOptions options) {
    SequencedMap<String, Tensor> ours = new NamedTensors(title, "ViT", dialect.scheme().toString(), dialect.table(), sources)
        .assemble(shapes -> VitSizes.of(shapes).tensors());
    Map<String, Shape> shapes = new LinkedHashMap<>();
    ours.forEach((name, t) -> shapes.put(name, t.shape()));
    return resized(new Vit(new Weights(ours), config(dialect, shapes, settings, options)), settings, dialect, options);
  }

  private static VitConfig config(Dialect dialect, Map<String, Shape> shapes, Settings settings, VitOptions options) {
    VitSizes sizes = VitSizes.of(shapes);
    VitConfig.Pooling pooling = sizes.parts().contains(VitSizes.Part.WIDE_HEAD)
        ? VitConfig.Pooling.TOKEN_AND_AVERAGE
        : sizes.parts().contains(VitSizes.Part.FEATURE_NORM) || !sizes.parts().contains(VitSizes.Part.CLASS_TOKEN)
            ? VitConfig.Pooling.AVERAGE
            : VitConfig.Pooling.TOKEN;
    return new VitConfig(
        options.heads().orElseGet(() -> settings.heads().orElse((int) Math.max(1, sizes.dim() / 64))),
        options.eps().orElseGet(() -> settings.eps().orElse(dialect.eps())),
        options.pooling().or(settings::pooling).orElse(pooling),
        options.activation().or(settings::activation).orElse(dialect.activation()),
        VitConfig.timm(1).routerTemperature());
  }

  /** For the wanted image size; the grid that the file was made for is as its image size says, or else square. */
  private static Vit resized(Vit vit, Settings settings, Dialect dialect, VitOptions options) {
    int height = options.imageHeight();
    int width = options.imageWidth();
    if (height == 0) {
      return vit;
    }
    Shape patch = vit.patch();
    if (height % patch.dim(0) != 0 || width % patch.dim(1) != 0) {
      throw new TenonException("images of " + height + "×" + width + " cannot be cut into patches of " + patch.dim(0) + "×" + patch.dim(1)
          + "; choose multiples");
    }
    long patches = vit.weights().get("pos_embed").dim(1) - vit.prefix();
    int side = (int) Math.sqrt(patches);
    int[] from = settings.imageSize()
        .map(s -> new int[] {(int) (s[0] / patch.dim(0)), (int) (s[1] / patch.dim(1))})
        .filter(grid -> (long) grid[0] * grid[1] == patches)
        .orElse(new int[] {side, side});
    return vit.withGrid(from[0], from[1], (int) (height / patch.dim(0)), (int) (width / patch.dim(1)),
        options.resize().orElse(dialect.resize()));
  }

  /**
   * Writes a plain ViT to {@code file} as safetensors, whole or not at all, with what its tensors do not say as metadata.
   *
   * @throws TenonException when these names have none for a part of {@code vit}, or the file cannot be written
   */
  public static void save(Path file, Vit vit, NameScheme names) {
    save(file, vit, names, Map.of());
  }

  /** As {@link #save(Path, Vit, NameScheme)}, with {@code more} metadata. */
  public static void save(Path file, Vit vit, NameScheme names, Map<String, String> more) {
    Map<String, Tensor> ours = vit.weights().asMap();
    Dialect dialect = Dialect.toWrite(ours.keySet(), names);
    ours.keySet().stream().filter(name -> !dialect.table().writes(name)).findFirst().ifPresent(name -> {
      throw new TenonException("cannot write " + file + ": " + names + " has no name for " + name
          + "; merge the network's adapters first, or choose other names");
    });
    Map<String, String> metadata = new TreeMap<>(Settings.describe(vit.config()));
    metadata.put("format", "pt");
    metadata.put("names", names.toString());
    metadata.putAll(more);
    try (Scope _ = Scope.open(); var _ = Tape.pause()) {
      List<TensorEntry> entries = new ArrayList<>();
      dialect.table().write(ours).forEach((name, t) -> entries.add(new TensorEntry(name, t.dtype(), t.shape(), t.bytes())));
      Safetensors.write(file, entries, metadata);
    }
  }
}
