package dev.tenon.training.demo;

import dev.tenon.engine.random.Philox;
import java.util.List;

/** Draws one after the other from an image's own stream, so that a composition reads like a description. */
final class Dice {
  private final Philox random;
  private long next;

  Dice(Philox random) {
    this.random = random;
  }

  /** Uniform on [from, to). */
  double between(double from, double to) {
    return from + (to - from) * random.uniformDouble(next++);
  }

  /** Uniform on 0 … bound-1. */
  int below(int bound) {
    return random.nextInt(next++, bound);
  }

  boolean chance(double probability) {
    return random.uniformDouble(next++) < probability;
  }

  double angle() {
    return between(0, 2 * Math.PI);
  }

  <T> T pick(List<T> choices) {
    return choices.get(below(choices.size()));
  }
}
