package dev.tenon.training.image;

/** Resampling filters. */
public enum Interpolation {
  BILINEAR,
  BICUBIC
}
