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
  /** How many corners or tips: classes that differ in fine detail only. */
  POINTS(Composition::points, List.of("triangle", "square", "pentagon", "hexagon",
      "star-4", "star-5", "star-6", "star-7")),
  /** How the stripes run, and how wide they are, whatever they are on. */
  GRAIN(Composition::grain, List.of("level-fine", "level-coarse", "shallow-fine", "shallow-coarse",
      "steep-fine", "steep-coarse", "upright-fine", "upright-coarse")),
  /** How many things there are. */
  COUNT(Composition::count, List.of("one", "two", "three", "four", "five", "six")),
  /** What two things have in common. */
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
