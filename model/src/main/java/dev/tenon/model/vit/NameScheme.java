package dev.tenon.model.vit;

/** Whose names the tensors of a ViT have in a file. */
public enum NameScheme {
  /** timm, DeiT, DINO, and Tenon itself. */
  TIMM("timm"),
  /** Hugging Face transformers: ViT, DeiT, DINOv2 and CLIP's vision tower. */
  HUGGINGFACE("Hugging Face"),
  TORCHVISION("torchvision"),
  /** The {@code .npz} files of the Vision Transformer's authors; read, never written. */
  AUGREG("AugReg");

  private final String title;

  NameScheme(String title) {
    this.title = title;
  }

  @Override
  public String toString() {
    return title;
  }
}
