package dev.tenon.training.image;

import java.util.List;

/**
 * Turns pixels into the network's numbers, {@code (value / 255 - mean) / std}, channel by channel and in
 * float arithmetic as PyTorch does it.
 *
 * @param mean of red, green and blue on [0, 1]
 * @param std of red, green and blue
 */
public record Normalize(List<Double> mean, List<Double> std) {
  /** What AugReg backbones were trained with. */
  public static final Normalize HALF =
      new Normalize(List.of(0.5, 0.5, 0.5), List.of(0.5, 0.5, 0.5));

  public Normalize {
    mean = List.copyOf(mean);
    std = List.copyOf(std);
    if (mean.size() != Image.CHANNELS || std.size() != Image.CHANNELS) {
      throw new IllegalArgumentException("mean and std need three numbers each, not " + mean + " and " + std);
    }
  }

  /** The image as {@code [3, height, width]}. */
  public float[] apply(Image image) {
    float[] chw = new float[image.rgb().length];
    apply(image, chw, 0);
    return chw;
  }

  /** Writes the image as {@code [3, height, width]} into {@code target} from {@code offset} on. */
  public void apply(Image image, float[] target, int offset) {
    byte[] rgb = image.rgb();
    int plane = image.width() * image.height();
    for (int c = 0; c < Image.CHANNELS; c++) {
      float[] table = table(c);
      int to = offset + c * plane;
      for (int i = 0, from = c; i < plane; i++, from += Image.CHANNELS) {
        target[to + i] = table[rgb[from] & 0xFF];
      }
    }
  }

  private float[] table(int channel) {
    float m = mean.get(channel).floatValue();
    float s = std.get(channel).floatValue();
    float[] table = new float[256];
    for (int v = 0; v < table.length; v++) {
      table[v] = (v / 255f - m) / s;
    }
    return table;
  }
}
