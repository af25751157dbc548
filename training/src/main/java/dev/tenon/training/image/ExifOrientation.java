package dev.tenon.training.image;

/** What to do about the orientation that a camera noted beside the pixels. */
public enum ExifOrientation {
  /** Turn the image as a viewer shows it. */
  APPLY,
  /** Take the pixels as they are stored, as the reference code of EMTAL does. */
  IGNORE
}
