package dev.tenon.training.recipe;

/** Published layouts in which a data set lies on disk. */
public enum SourceType {
  /** {@code <task>/<train|test>/<class>/<image>}. */
  FOLDER,
  /** CUB-200-2011. */
  CUB,
  /** Stanford Cars. */
  CARS,
  /** FGVC-Aircraft, variant level. */
  AIRCRAFT,
  /** Oxford Flowers-102. */
  FLOWERS,
  /** Stanford Dogs. */
  DOGS,
  NABIRDS,
  /** Oxford-IIIT Pets. */
  PETS,
  /** Describable Textures, first split. */
  DTD,
  /** A VTAB-1k task with its list files. */
  VTAB,
  /** The MNIST family's idx files. */
  IDX,
  /** Images drawn by the program itself; needs no folder. */
  DEMO
}
