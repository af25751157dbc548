package dev.tenon.model.swin;

import dev.tenon.engine.Shape;
import java.util.List;
import java.util.stream.IntStream;

/** The sizes that Swins are published in (Liu et al., 2021): patches of 4×4, windows of 7×7, 32 channels a head, MLP ratio 4. */
public enum SwinPreset {
  TINY(96, 6),
  SMALL(96, 18),
  BASE(128, 18);

  private static final int WINDOW = 7;

  private final int dim;
  private final int thirdDepth;

  SwinPreset(int dim, int thirdDepth) {
    this.dim = dim;
    this.thirdDepth = thirdDepth;
  }

  /** A Swin for RGB images with sides of 224 pixels or more. */
  public SwinSizes sizes(int classes) {
    List<SwinSizes.Stage> stages = IntStream.range(0, 4)
        .mapToObj(i -> new SwinSizes.Stage(i == 2 ? thirdDepth : 2, (dim << i) / 32, WINDOW)).toList();
    return new SwinSizes(Shape.of(3, 4, 4), dim, stages, 4, classes);
  }
}
