package dev.tenon.model.swin;

/**
 * What the tensors of a Swin do not say themselves; depths, widths, heads and mostly windows are read off their shapes.
 *
 * @param eps of every layer norm
 * @param window side of a window where tensors do not tell it, as in V2; else 0
 * @param shifting which windows are moved, and how, where a map is not made of whole ones
 */
public record SwinConfig(double eps, int window, Shifting shifting) {
  /** As all its libraries build a Swin, but for what they make of maps that are not made of whole windows. */
  public static final SwinConfig DEFAULT = new SwinConfig(1e-5, 0, Shifting.PADDED);

  /** In which ways libraries move the windows of every second block. */
  public enum Shifting {
    /** torchvision: zeros are put to the map before it is moved, along each side that has several windows. */
    PADDED,
    /** timm: zeros are put to the map after it has been moved, along each side that has several windows. */
    MOVED_FIRST,
    /** Microsoft and Hugging Face: as torchvision, but only where both sides have several windows. */
    BOTH_SIDES
  }
}
