package dev.tenon.model.affinity;

import dev.tenon.engine.Tensor;
import dev.tenon.engine.op.Unary;
import dev.tenon.model.SameConv;
import dev.tenon.model.Weights;
import java.util.ArrayList;
import java.util.List;

/** What CTAL is compared with: each task adds what gates let through of every other one's features (PAD-Net, arXiv:1805.04409). */
public final class Distillation {
  private final AffinityConfig config;
  private final List<List<Message>> messages;

  /** From the task with number {@code from}. */
  private record Message(int from, SameConv conv, SameConv gate) {
    Tensor of(List<Tensor> features) {
      Tensor x = features.get(from);
      return conv.apply(x).mul(gate.apply(x).map(Unary.Fn.SIGMOID));
    }
  }

  /** The module whose tensors' names start with {@code prefix}. */
  public Distillation(Weights weights, String prefix, AffinityConfig config) {
    this.config = config;
    this.messages = config.tasks().stream().map(to -> messages(weights, prefix + "self_attention." + to + ".", to, config)).toList();
  }

  private static List<Message> messages(Weights weights, String prefix, String to, AffinityConfig config) {
    List<Message> all = new ArrayList<>();
    for (String from : config.tasks()) {
      if (!from.equals(to)) {
        all.add(new Message(config.tasks().indexOf(from), SameConv.of(weights, prefix + from + ".conv"),
            SameConv.of(weights, prefix + from + ".attention.0")));
      }
    }
    return all;
  }

  /** A tensor [B, C, H, W] for each task → as many of the same shape. */
  public List<Tensor> apply(List<Tensor> features) {
    config.check(features, features.isEmpty() ? 0 : features.getFirst().dim(1));
    List<Tensor> outputs = new ArrayList<>();
    for (int t = 0; t < config.tasks().size(); t++) {
      Tensor sum = features.get(t);
      for (Message message : messages.get(t)) {
        sum = sum.add(message.of(features));
      }
      outputs.add(sum);
    }
    return outputs;
  }
}
