package dev.tenon.training.demo;

import java.util.List;
import java.util.stream.IntStream;

/** The colors of the demo's world: a dozen distinct hues for things, quiet ones for what lies behind. */
final class Palette {
  static final Rgb INK = Rgb.of(0x1D2433);
  static final Rgb CREAM = Rgb.of(0xFFF6E4);

  /** In the order of the color circle, so that neighbors look alike. */
  private static final List<Rgb> THINGS = colors(
      0xD7443E, 0xEE7B30, 0xF2B632, 0xB5C334, 0x5FA845, 0x2E9E83,
      0x2FA9C4, 0x2F74C0, 0x4B4FB5, 0x8450B0, 0xC5539B, 0xE6718A);

  /**
   * What lies behind the things, shades of one paper in a row, so that a task can be told by the paper it is on. All are light, so that
   * things are darker than what lies behind them: then an outline can be learned from few images.
   */
  private static final List<List<Rgb>> PAPERS = List.of(
      colors(0xF4E6C4, 0xEFDDB0), colors(0xC9DDF0, 0xBBD2E8), colors(0xD0E4C6, 0xC2D9B6), colors(0xEDEDED, 0xE0E0E2),
      colors(0xF1D3DA, 0xE8C4CD));

  private Palette() {}

  /** A shade of any paper. */
  static Rgb ground(Dice dice) {
    return dice.pick(dice.pick(PAPERS));
  }

  /** A shade of the paper with that number. */
  static Rgb ground(int paper, Dice dice) {
    return dice.pick(PAPERS.get(paper));
  }

  /** The hue of a thing that stands out from the ground. */
  static int hueOn(Rgb ground, Dice dice) {
    return dice.pick(visibleOn(ground).boxed().toList());
  }

  /** A hue that stands out from the ground and lies at least a quarter of the circle from {@code hue}. */
  static int hueApart(int hue, Rgb ground, Dice dice) {
    int hues = THINGS.size();
    return dice.pick(visibleOn(ground)
        .filter(other -> Math.abs(Math.floorMod(other - hue + hues / 2, hues) - hues / 2) >= hues / 4)
        .boxed()
        .toList());
  }

  private static IntStream visibleOn(Rgb ground) {
    return IntStream.range(0, THINGS.size())
        .filter(hue -> stands(THINGS.get(hue), ground));
  }

  private static boolean stands(Rgb color, Rgb ground) {
    return Math.abs(color.luma() - ground.luma()) > 0.13;
  }

  static Rgb thing(int hue) {
    return THINGS.get(hue);
  }

  /** What goes with a color in a texture: its light or its dark relative, whichever is farther. */
  static Rgb accentOf(Rgb color) {
    return color.luma() > 0.5 ? color.mix(INK, 0.6) : color.mix(CREAM, 0.75);
  }

  private static List<Rgb> colors(int... hex) {
    return IntStream.of(hex).mapToObj(Rgb::of).toList();
  }
}
