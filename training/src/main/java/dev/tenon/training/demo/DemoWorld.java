package dev.tenon.training.demo;

import dev.tenon.engine.TenonException;
import dev.tenon.engine.random.Philox;
import java.awt.image.BufferedImage;
import java.awt.image.DataBufferByte;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;

/**
 * Renders the demo's own small labelled images, so that a first run needs no download and no data. An image
 * is a function of the world's seed, task, split, label and index, in any order and on any thread.
 *
 * @param seed of everything that is not the label
 * @param size width and height of the images in pixels, at least 16
 */
public record DemoWorld(long seed, int size) {
  private static final int SMALLEST = 16;

  /** Images to learn from and images to be judged by, which never coincide. */
  public enum Split {
    TRAIN,
    TEST;

    /** The split's name in folders. */
    public String title() {
      return name().toLowerCase(Locale.ROOT);
    }
  }

  /**
   * Checks the size.
   *
   * @throws TenonException when the images would be too small to show anything
   */
  public DemoWorld {
    if (size < SMALLEST) {
      throw new TenonException("demo images of size " + size + " are too small to see anything on; choose "
          + SMALLEST + " or more");
    }
  }

  /**
   * The image of class {@code label} with running number {@code index}: {@code [size][size][3]} RGB bytes.
   *
   * @throws IndexOutOfBoundsException when the task has no such label
   */
  public byte[] render(DemoTask task, Split split, int label, int index) {
    if (label < 0 || label >= task.classes().size()) {
      throw new IndexOutOfBoundsException(
          "task " + task.title() + " has labels 0 to " + (task.classes().size() - 1) + ", not " + label);
    }
    Philox random = Philox.of(seed).split(task.title()).split(split.ordinal(), label, index);
    Scene scene = task.composition().compose(label, new Dice(random.split(0)));
    return Painter.paint(scene, size, random.split(1));
  }

  /** As {@link #render}, as an image to look at or to write. */
  BufferedImage image(DemoTask task, Split split, int label, int index) {
    byte[] rgb = render(task, split, label, index);
    BufferedImage image = new BufferedImage(size, size, BufferedImage.TYPE_3BYTE_BGR);
    byte[] bgr = ((DataBufferByte) image.getRaster().getDataBuffer()).getData();
    for (int i = 0; i < rgb.length; i += 3) {
      bgr[i] = rgb[i + 2];
      bgr[i + 1] = rgb[i + 1];
      bgr[i + 2] = rgb[i];
    }
    return image;
  }

  /**
   * Writes {@code folder/<task>/<train|test>/<class>/<number>.png}, all of it or nothing.
   *
   * @throws TenonException when the folder is there already and not empty, or cannot be written
   */
  public void writeTo(Path folder, List<DemoSet> sets) {
    new DemoFolder(this, folder.toAbsolutePath()).write(sets);
  }
}
