package dev.tenon.jmh.peer;

import ai.djl.engine.Engine;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.training.GradientCollector;
import dev.tenon.engine.Tensor;
import dev.tenon.model.vit.Vit;
import dev.tenon.training.bench.EmtalWork;
import dev.tenon.training.data.Batch;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;

/** EMTAL's training step in PyTorch: the same network, loss, bank and AdamW (the fused one) as in Tenon. */
final class TorchEmtal implements AutoCloseable {
  private final NDList arguments;
  private final List<NDArray> learning = new ArrayList<>();
  private final NDList state = new NDList();
  private final TorchScript forward;
  private final TorchScript update;

  TorchEmtal(NDManager manager, EmtalWork work) {
    Vit vit = work.vit();
    Batch batch = work.images();
    long side = Math.round(Math.sqrt(batch.pixels().length / 3.0 / batch.count()));
    NDArray losses = manager.full(new Shape(EmtalWork.TASKS), 10f);
    arguments = new NDList(
        manager.create(batch.pixels(), new Shape(batch.count(), 3, side, side)),
        manager.create(Arrays.stream(batch.labels()).asLongStream().toArray()),
        manager.create(Arrays.stream(batch.tasks()).asLongStream().toArray()),
        manager.zeros(new Shape(work.classes(), 2, work.classes())), losses);
    List<String> parameters = new ArrayList<>(List.of("images", "labels", "tasks", "bank", "losses"));
    List<Boolean> decays = new ArrayList<>();
    for (Map.Entry<String, Tensor> weight : vit.weights().asMap().entrySet()) {
      NDArray array = manager.create(weight.getValue().toFloats(), new Shape(weight.getValue().shape().toArray()));
      parameters.add(TorchVit.parameter(weight.getKey()));
      arguments.add(array);
      if (weight.getValue().requiresGrad()) {
        array.setRequiresGradient(true);
        learning.add(array);
        decays.add(weight.getValue().rank() > 1);
      }
    }
    learning.forEach(p -> state.addAll(new NDList(manager.zeros(p.getShape()), manager.zeros(p.getShape()),
        manager.zeros(new Shape(), DataType.FLOAT32))));
    forward = new TorchScript(manager, parameters, "Tuple[Tensor, Tensor, Tensor]",
        new TorchVit(vit).logits() + loss(EmtalWork.SMOOTHING));
    update = new TorchScript(manager, updateParameters(), "Tuple[" + "List[Tensor], ".repeat(4) + "List[Tensor]]", update(decays));
  }

  /** One step; answers its loss. */
  NDArray step() {
    try (GradientCollector collector = Engine.getEngine("PyTorch").newGradientCollector()) {
      NDList results = forward.run(arguments, true);
      collector.backward(results.head());
      NDList changing = new NDList(arguments.get(1), arguments.get(3), arguments.get(4), results.get(1), results.get(2));
      changing.addAll(learning);
      NDList gradients = new NDList(learning.stream().map(NDArray::getGradient).toList());
      changing.addAll(gradients);
      changing.addAll(state);
      update.run(changing, false).close();
      gradients.close();
      results.get(1).close();
      results.get(2).close();
      return results.head();
    }
  }

  private static String loss(double smoothing) {
    return """
        log_p = torch.log_softmax(torch.div(z, 2.), -1)
        said = torch.div(torch.index_select(bank, 0, labels), 2.)
        log_q = torch.log_softmax(said, -1)
        kl = torch.sum(torch.mul(torch.exp(log_q), torch.sub(log_q, torch.unsqueeze(log_p, 1))), [1, 2])
        ce = torch.cross_entropy_loss(torch.detach(z), labels, None, 0, -100, 0.)
        sums = torch.index_add(torch.zeros_like(losses), 0, tasks, ce)
        counts = torch.index_add(torch.zeros_like(losses), 0, tasks, torch.ones_like(ce))
        moved = torch.add(torch.mul(losses, 0.95), torch.mul(torch.div(sums, torch.clamp(counts, 1)), 0.05))
        now = torch.where(torch.gt(counts, 0), moved, losses)
        weight = torch.mul(torch.reciprocal(torch.clamp(torch.index_select(now, 0, tasks), 0.001)), 4.)
        loss = torch.add(torch.cross_entropy_loss(z, labels, None, 1, -100, %s), torch.mean(torch.mul(kl, weight)))
        return (loss, z, now)
        """.formatted(smoothing);
  }

  private List<String> updateParameters() {
    List<String> names = new ArrayList<>(List.of("labels", "bank", "losses", "z", "now"));
    IntStream.range(0, learning.size()).forEach(i -> names.add("p" + i));
    IntStream.range(0, learning.size()).forEach(i -> names.add("g" + i));
    IntStream.range(0, learning.size()).forEach(i -> names.addAll(List.of("m" + i, "v" + i, "s" + i)));
    return names;
  }

  /**
   * AdamW on matrices and on vectors, which do not decay; then the bank and the tasks' losses move on. PyTorch's compiler drops calls that
   * write into lists nobody reads afterwards, and with them the whole update: so the lists are part of the result.
   */
  private String update(List<Boolean> decays) {
    StringBuilder body = new StringBuilder();
    for (boolean decay : new boolean[] {true, false}) {
      List<Integer> group = IntStream.range(0, learning.size()).filter(i -> decays.get(i) == decay).boxed().toList();
      String parameters = String.join(", ", group.stream().map(i -> "torch.detach(p" + i + ")").toList());
      body.append("""
          g_%1$s = %2$s
          s_%1$s = %3$s
          torch._foreach_add_(s_%1$s, 1)
          torch._fused_adamw_([%4$s], g_%1$s, %5$s, %6$s, annotate(List[Tensor], []), s_%1$s, lr=%7$s, beta1=0.9, beta2=0.999, \
          weight_decay=%8$s, eps=1e-08, amsgrad=False, maximize=False)
          torch._foreach_zero_(g_%1$s)
          """.formatted(decay, list("g", group), list("s", group), parameters, list("m", group), list("v", group), EmtalWork.LR,
          decay ? EmtalWork.WEIGHT_DECAY : 0.0));
    }
    return body + """
        last = torch.index_select(torch.select(bank, 1, 1), 0, labels)
        a = torch.index_copy_(torch.select(bank, 1, 0), 0, labels, last)
        b = torch.index_copy_(torch.select(bank, 1, 1), 0, labels, torch.detach(z))
        return (g_true, s_true, g_false, s_false, [a, b, torch.copy_(losses, torch.detach(now))])
        """;
  }

  private static String list(String name, List<Integer> group) {
    return "[" + String.join(", ", group.stream().map(i -> name + i).toList()) + "]";
  }

  @Override
  public void close() {
    forward.close();
    update.close();
  }
}
