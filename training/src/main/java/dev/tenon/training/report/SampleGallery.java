package dev.tenon.training.report;

import dev.tenon.training.report.RunReport.Guess;
import dev.tenon.training.report.RunReport.Sample;
import java.awt.image.BufferedImage;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.Base64;
import java.util.List;
import java.util.Locale;
import javax.imageio.ImageIO;

/** Shows test images with what the model takes them for. */
record SampleGallery(List<Sample> samples) {
  private static final int GUESSES = 3;

  void draw(Markup out) {
    if (samples.isEmpty()) {
      return;
    }
    out.leaf("h2", "Samples").leaf("p", "Test images and the three likeliest answers.", "class", "note");
    out.open("div", "class", "samples");
    samples.forEach(sample -> draw(out, sample));
    out.close();
  }

  private static void draw(Markup out, Sample sample) {
    boolean right = !sample.guesses().isEmpty() && sample.guesses().getFirst().label().equals(sample.truth());
    out.open("figure", "class", right ? "sample right" : "sample wrong");
    out.empty("img", "src", dataUri(sample.image()), "alt", sample.truth());
    out.open("figcaption").leaf("span", sample.task(), "class", "task");
    out.leaf("strong", (right ? "✓ " : "✗ ") + sample.truth()).open("ol");
    for (Guess guess : sample.guesses().subList(0, Math.min(GUESSES, sample.guesses().size()))) {
      out.open("li", "style", String.format(Locale.ROOT, "--p:%.1f%%", 100 * guess.probability()));
      out.leaf("span", guess.label());
      out.leaf("span", String.format(Locale.ROOT, "%.0f", 100 * guess.probability())).close();
    }
    out.close().close().close();
  }

  private static String dataUri(BufferedImage image) {
    var png = new ByteArrayOutputStream();
    try {
      ImageIO.write(image, "png", png);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return "data:image/png;base64," + Base64.getEncoder().encodeToString(png.toByteArray());
  }
}
