package dev.tenon.model.swin;

import dev.tenon.engine.DType;
import dev.tenon.engine.Scope;
import dev.tenon.engine.TenonException;
import dev.tenon.engine.Tensor;
import dev.tenon.engine.autograd.Tape;
import dev.tenon.engine.io.Safetensors;
import dev.tenon.engine.io.SafetensorsFile;
import dev.tenon.engine.io.TensorEntry;
import dev.tenon.model.NamedTensors;
import dev.tenon.model.Weights;
import java.nio.file.Path;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.Map;

/** Reads Swin Transformers under the names that Microsoft, timm, torchvision and Hugging Face publish them with. */
public final class SwinFile {
  private SwinFile() {}

  /** As {@link #load(Path, DType, int)}, of the first version. */
  public static Swin load(Path file, DType dtype) {
    return load(file, dtype, 0);
  }

  /**
   * The Swin in a safetensors file, in the current scope.
   *
   * @param dtype of the weights in memory
   * @param window side of a window, which the tensors of V2 do not tell; 0 for V1
   * @throws TenonException when the file is damaged, follows no known naming, lacks tensors, has others or some of a wrong shape
   */
  public static Swin load(Path file, DType dtype, int window) {
    Swin read;
    try (SafetensorsFile tensors = Safetensors.open(file); Scope inner = Scope.open(); var _ = Tape.pause()) {
      Dialect dialect = dialect(file.toString(), tensors.names());
      Map<String, Tensor> sources = new LinkedHashMap<>();
      for (String name : tensors.names()) {
        if (!dialect.table().isUnused(name)) {
          TensorEntry entry = tensors.entry(name);
          sources.put(name, Tensor.of(entry.dtype(), entry.shape(), entry.data()).cast(dtype));
        }
      }
      read = assemble(dialect, sources, file.toString(), window);
      read.weights().asMap().values().forEach(inner::keep);
    }
    // Anew, since a network may hold tensors that it has made of its weights.
    return read.with(read.weights());
  }

  /** As {@link #of(String, Map, int)}, of the first version. */
  public static Swin of(String title, Map<String, Tensor> tensors) {
    return of(title, tensors, 0);
  }

  /**
   * The Swin that tensors under anybody's names make up, as {@link #load(Path, DType, int)} does with those of a file; differentiable.
   *
   * @param title names the origin in messages
   * @param window side of a window, which the tensors of V2 do not tell; 0 for V1
   */
  public static Swin of(String title, Map<String, Tensor> tensors, int window) {
    return assemble(dialect(title, tensors.keySet()), tensors, title, window);
  }

  private static Dialect dialect(String title, Collection<String> names) {
    return Dialect.of(names).orElseThrow(() -> new TenonException(title + " holds no Swin: none of its " + names.size()
        + " tensors has a name of Microsoft, timm, torchvision or Hugging Face; name a file of Swin weights"));
  }

  private static Swin assemble(Dialect dialect, Map<String, Tensor> sources, String title, int window) {
    NamedTensors named = new NamedTensors(title, "Swin", dialect.library(), dialect.table(), sources);
    Weights weights = new Weights(named.assemble(shapes -> SwinSizes.of(shapes).tensors()));
    return new Swin(weights, new SwinConfig(SwinConfig.DEFAULT.eps(), window, dialect.shifting()));
  }
}
