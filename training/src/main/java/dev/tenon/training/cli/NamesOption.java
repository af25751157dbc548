package dev.tenon.training.cli;

import dev.tenon.model.vit.NameScheme;
import picocli.CommandLine.Option;

/** Whose tensor names a written file has; a mixin for commands that write weights. */
final class NamesOption {
  /** The schemes that files are written under. */
  enum Names {
    TIMM(NameScheme.TIMM),
    HUGGINGFACE(NameScheme.HUGGINGFACE),
    TORCHVISION(NameScheme.TORCHVISION);

    private final NameScheme scheme;

    Names(NameScheme scheme) {
      this.scheme = scheme;
    }
  }

  @Option(names = "--names", paramLabel = "NAMES", defaultValue = "TIMM",
      description = "Whose tensor names to write: timm (default), huggingface or torchvision.")
  private Names names;

  NameScheme scheme() {
    return names.scheme;
  }
}
