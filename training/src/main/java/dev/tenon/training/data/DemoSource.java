package dev.tenon.training.data;

import dev.tenon.training.demo.DemoSet;
import dev.tenon.training.demo.DemoWorld;
import java.util.ArrayList;
import java.util.List;

/** A task of the demo's own images, drawn when they are wanted. */
public record DemoSource(DemoWorld world, DemoSet set) implements DataSource {
  @Override
  public TaskData load(String taskName) {
    return new TaskData(
        taskName, set.task().classes(), samples(DemoWorld.Split.TRAIN), samples(DemoWorld.Split.TEST));
  }

  private List<Sample> samples(DemoWorld.Split split) {
    int classes = set.task().classes().size();
    List<Sample> samples = new ArrayList<>();
    for (int i = 0; i < set.images(split); i++) {
      int label = i % classes;
      samples.add(new Sample(new SampleImage.OfDemo(world, set.task(), split, label, i / classes), label));
    }
    return samples;
  }
}
