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

  /** Light, so that things are darker than what lies behind them: then an outline can be learned from few images. */
  private static final List<Rgb> GROUNDS = colors(
      0xF4E9D5, 0xE9DCC9, 0xDDE5DF, 0xD3DFE8, 0xE8D9DC, 0xC9CFC1, 0xF2F0EC, 0xDFE6D2, 0xD8D3E4, 0xEFE3B8);

  private Palette() {}

  static Rgb ground(Dice dice) {
    return dice.pick(GROUNDS);
  }

  /** A ground that a thing of that color stands out from. */
  static Rgb groundFor(Rgb color, Dice dice) {
    return dice.pick(GROUNDS.stream().filter(ground -> stands(color, ground)).toList());
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
    return Math.abs(color.luma() - ground.luma()) > 0.15;
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
