package dev.tenon.training.image;

import dev.tenon.engine.random.Philox;
import java.util.List;

/** Transforms one after the other, each with a random stream of its own. */
public record Sequence(List<Transform> steps) implements Transform {
  public Sequence {
    steps = List.copyOf(steps);
  }

  /** The steps in the order given. */
  public static Sequence of(Transform... steps) {
    return new Sequence(List.of(steps));
  }

  @Override
  public Image apply(Image image, Philox random) {
    Image current = image;
    for (int i = 0; i < steps.size(); i++) {
      current = steps.get(i).apply(current, random.split(i));
    }
    return current;
  }
}
