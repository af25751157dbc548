package dev.tenon.training.demo;

import java.util.ArrayList;
import java.util.List;

/**
 * How the images of a task are composed: what makes the label is fixed, all else in the same small world
 * (color, place, size, rotation, background, clutter, occlusion, light, noise) is left to the dice.
 */
@FunctionalInterface
interface Composition {
  /** A scene that shows class {@code label}. */
  Scene compose(int label, Dice dice);

  /** Outlines of everyday things, for tasks in which the outline is not the question. */
  List<Form> FORMS = List.of(Form.disc(), Form.polygon(4), Form.polygon(3), Form.star(5, 0.48),
      Form.cross(), Form.heart(), Form.moon());

  /** Label = outline × texture: what a network learns to see on. */
  static Scene forms(int label, Dice dice) {
    Texture.Kind[] kinds = Texture.Kind.values();
    Form form = FORMS.get(label / kinds.length);
    Texture texture = texture(kinds[label % kinds.length], dice);
    return single(form, texture, dice.between(0.6, 0.85), dice.between(-0.35, 0.35), Palette.ground(dice), dice);
  }

  /** Label = number of corners or tips: 3 to 5 corners, then 4 to 6 tips. */
  static Scene points(int label, Dice dice) {
    Form form = label < 3 ? Form.polygon(label + 3) : Form.star(label + 1, dice.between(0.42, 0.55));
    return single(form, anyTexture(dice), dice.between(0.65, 0.9), dice.between(-0.35, 0.35), Palette.ground(0, dice), dice);
  }

  /** Label = kind of pattern × its width. */
  static Scene grain(int label, Dice dice) {
    Texture.Kind kind = Texture.Kind.values()[1 + label / 2];
    double period = label % 2 == 0 ? dice.between(0.2, 0.27) : dice.between(0.36, 0.46);
    Texture texture = new Texture(kind, period, dice.angle());
    return single(dice.pick(FORMS), texture, dice.between(0.55, 0.85), dice.angle(), Palette.ground(1, dice), dice);
  }

  /** Label = how many things there are, less one. */
  static Scene count(int label, Dice dice) {
    Rgb ground = Palette.ground(2, dice);
    Form form = dice.pick(FORMS);
    boolean mixed = dice.chance(0.5);
    int hue = Palette.hueOn(ground, dice);
    double radius = dice.between(0.2, 0.3);
    List<Thing> things = new ArrayList<>();
    for (double[] place : placesApart(label + 1, 2.15 * radius, 0.95 - radius, dice)) {
      Rgb color = Palette.thing(mixed ? Palette.hueOn(ground, dice) : hue);
      things.add(new Thing(mixed ? dice.pick(FORMS) : form, place[0], place[1],
          radius * dice.between(0.8, 1), dice.angle(), anyTexture(dice), color));
    }
    return scene(ground, things, dice);
  }

  /** Label = what two things have in common: outline and color, the outline, the color, nothing. */
  static Scene pair(int label, Dice dice) {
    Rgb ground = Palette.ground(4, dice);
    int form = dice.below(FORMS.size());
    int hue = Palette.hueOn(ground, dice);
    int otherForm = label < 2 ? form : (form + 1 + dice.below(FORMS.size() - 1)) % FORMS.size();
    int otherHue = label % 2 == 0 ? hue : Palette.hueApart(hue, ground, dice);
    double angle = dice.angle();
    double apart = dice.between(0.46, 0.56);
    double x = apart * Math.cos(angle);
    double y = apart * Math.sin(angle);
    List<Thing> things = List.of(
        new Thing(FORMS.get(form), x, y, dice.between(0.34, 0.43), dice.angle(), anyTexture(dice),
            Palette.thing(hue)),
        new Thing(FORMS.get(otherForm), -x, -y, dice.between(0.34, 0.43), dice.angle(), anyTexture(dice),
            Palette.thing(otherHue)));
    return scene(ground, things, dice);
  }

  /** Label = a sixth of the color circle. */
  static Scene color(int label, Dice dice) {
    Rgb color = Palette.thing(2 * label + dice.below(2));
    return single(dice.pick(FORMS), anyTexture(dice), dice.between(0.4, 0.8), dice.angle(), Palette.ground(3, dice), color, dice);
  }

  private static Scene single(Form form, Texture texture, double radius, double turn, Rgb ground, Dice dice) {
    return single(form, texture, radius, turn, ground, Palette.thing(Palette.hueOn(ground, dice)), dice);
  }

  private static Scene single(Form form, Texture texture, double radius, double turn, Rgb ground, Rgb color, Dice dice) {
    double room = 0.95 - radius;
    double x = dice.between(-room, room);
    double y = dice.between(-room, room);
    List<Thing> things = new ArrayList<>();
    if (dice.chance(0.3)) {
      things.add(bystander(x, y, radius, ground, dice));
    }
    things.add(new Thing(form, x, y, radius, turn, texture, color));
    if (dice.chance(0.25)) {
      things.add(board(x, y, radius, dice));
    }
    return scene(ground, things, dice);
  }

  /** A small disc half behind the thing that matters, on the side where there is room. */
  private static Thing bystander(double x, double y, double radius, Rgb ground, Dice dice) {
    double angle = Math.atan2(-y, -x) + dice.between(-0.8, 0.8);
    double away = 1.1 * radius;
    return new Thing(Form.disc(), x + away * Math.cos(angle), y + away * Math.sin(angle),
        dice.between(0.16, 0.26), 0, Texture.plain(), Palette.thing(Palette.hueOn(ground, dice)));
  }

  /** A board in front that hides some of a thing, but not its middle. */
  private static Thing board(double x, double y, double radius, Dice dice) {
    double angle = dice.angle();
    double away = dice.between(0.5, 0.8) * radius;
    double halfWidth = dice.between(0.05, 0.09);
    double reach = 3;
    return new Thing(Form.board(halfWidth / reach), x + away * Math.cos(angle), y + away * Math.sin(angle),
        reach, angle + Math.PI / 2, Texture.plain(), Palette.ground(dice));
  }

  private static Scene scene(Rgb ground, List<Thing> things, Dice dice) {
    Rgb horizon = ground.mix(dice.chance(0.5) ? Palette.INK : Palette.CREAM, dice.between(0.05, 0.3));
    List<Thing> blots = new ArrayList<>();
    for (int i = dice.below(5); i > 0; i--) {
      Rgb color = ground.mix(Palette.thing(Palette.hueOn(ground, dice)), dice.between(0.15, 0.4));
      blots.add(new Thing(dice.pick(FORMS), dice.between(-1, 1), dice.between(-1, 1),
          dice.between(0.15, 0.5), dice.angle(), Texture.plain(), color));
    }
    Scene.Light light = new Scene.Light(dice.between(0.8, 1.1), dice.between(0, 0.22), dice.angle());
    return new Scene(ground, horizon, blots, things, light, dice.between(0.01, 0.045));
  }

  private static Texture anyTexture(Dice dice) {
    return texture(Texture.Kind.values()[dice.below(Texture.Kind.values().length)], dice);
  }

  private static Texture texture(Texture.Kind kind, Dice dice) {
    return new Texture(kind, dice.between(0.26, 0.38), dice.angle());
  }

  /** Places at least {@code distance} apart; crowded ones start anew, as a late one may find no room. */
  private static List<double[]> placesApart(int count, double distance, double room, Dice dice) {
    List<double[]> places = new ArrayList<>();
    for (int misses = 0; places.size() < count; ) {
      double x = dice.between(-room, room);
      double y = dice.between(-room, room);
      if (places.stream().allMatch(p -> Math.hypot(p[0] - x, p[1] - y) >= distance)) {
        places.add(new double[] {x, y});
      } else if (++misses % 30 == 0) {
        places.clear();
      }
    }
    return places;
  }
}
