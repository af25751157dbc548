package dev.tenon.training.data;

import dev.tenon.training.demo.DemoTask;
import dev.tenon.training.demo.DemoWorld;
import dev.tenon.training.image.Image;
import dev.tenon.training.image.ImageDecoder;
import java.nio.file.Path;

/** Where the pixels of a sample come from when they are wanted. */
public sealed interface SampleImage {
  /** What messages and reports call the image. */
  String name();

  /**
   * The image at its stored size.
   *
   * @throws dev.tenon.engine.TenonException when it cannot be read
   */
  Image load(ImageDecoder decoder);

  /** An image file. */
  record OfFile(Path file) implements SampleImage {
    @Override
    public String name() {
      return file.toString();
    }

    @Override
    public Image load(ImageDecoder decoder) {
      return decoder.decode(file);
    }
  }

  /** An image of a file that holds many. */
  record OfIdx(IdxFile images, int index) implements SampleImage {
    @Override
    public String name() {
      return images.file() + " image " + index;
    }

    @Override
    public Image load(ImageDecoder decoder) {
      return images.image(index);
    }
  }

  /** An image that the program draws itself. */
  record OfDemo(DemoWorld world, DemoTask task, DemoWorld.Split split, int label, int index)
      implements SampleImage {
    @Override
    public String name() {
      return task.title() + " " + split.title() + " " + task.classes().get(label) + " " + index;
    }

    @Override
    public Image load(ImageDecoder decoder) {
      return new Image(world.size(), world.size(), world.render(task, split, label, index));
    }
  }
}
