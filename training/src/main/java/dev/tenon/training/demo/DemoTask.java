package dev.tenon.training.demo;

import java.util.List;
import java.util.Locale;

/**
 * A question about the demo's world: one label an image. The tasks look at the same things and ask for
 * different properties, so that what one learns helps the others. Labels do not change when an image is
 * flipped.
 */
public enum DemoTask {
  /** Which thing with which pattern; many classes, to pretrain on. */
  FORMS(Composition::forms, classesOfForms()),
  /** How many corners or tips: classes that differ in detail only. */
  POINTS(Composition::points, List.of("triangle", "square", "pentagon", "star-4", "star-5", "star-6")),
  /** Which pattern, and how wide, whatever it is on. */
  GRAIN(Composition::grain, List.of("striped-fine", "striped-coarse", "dotted-fine", "dotted-coarse",
      "checked-fine", "checked-coarse")),
  /** How many things there are. */
  COUNT(Composition::count, List.of("one", "two", "three", "four", "five", "six")),
  /** Which part of the color circle the thing is from. */
  COLOR(Composition::color, List.of("fire", "sun", "leaf", "sea", "dusk", "bloom")),
  /** What two things have in common; the hardest. */
  PAIR(Composition::pair, List.of("twins", "same-form", "same-color", "strangers"));

  private final Composition composition;
  private final List<String> classes;

  DemoTask(Composition composition, List<String> classes) {
    this.composition = composition;
    this.classes = classes;
  }

  /** The task's name in folders and reports. */
  public String title() {
    return name().toLowerCase(Locale.ROOT);
  }

  /** The class names; a label is an index into them. */
  public List<String> classes() {
    return classes;
  }

  Composition composition() {
    return composition;
  }

  private static List<String> classesOfForms() {
    return List.of("disc", "square", "triangle", "star", "cross", "heart", "moon").stream()
        .flatMap(form -> List.of("plain", "striped", "dotted", "checked").stream()
            .map(texture -> texture + "-" + form))
        .toList();
  }
}
