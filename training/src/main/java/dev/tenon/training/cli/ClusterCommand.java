package dev.tenon.training.cli;

import dev.tenon.engine.Backend;
import dev.tenon.engine.Scope;
import dev.tenon.engine.Tensor;
import dev.tenon.model.adapter.BalancedKMeans;
import dev.tenon.model.adapter.Clustering;
import dev.tenon.model.adapter.ExpertOrder;
import dev.tenon.model.vit.Vit;
import dev.tenon.model.vit.VitFile;
import dev.tenon.model.vit.VitOptions;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** Does the offline part of EMTAL on its own: finds the experts of a pretrained network and makes their channels neighbors. */
@Command(
    name = "cluster",
    description = {
      "Sort the hidden channels of pretrained weights into experts of equal size.",
      "The result is a plain ViT of the same function. Training sorts by itself; with the result it need not:"
          + " --set method.cluster-restarts=0."
    })
final class ClusterCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;

  @Parameters(paramLabel = "WEIGHTS", description = "Pretrained ViT: safetensors, or npz as AugReg's.")
  private Path weights;

  @Option(names = {"-o", "--output"}, paramLabel = "OUT", required = true, description = "Where to write the sorted weights.")
  private Path output;

  @Option(names = "--experts", paramLabel = "K", defaultValue = "16",
      description = "Experts a block; divides the hidden width (default: 16).")
  private int experts;

  @Option(names = "--restarts", paramLabel = "N", defaultValue = "10",
      description = "Starts of the k-means, of which the best is kept (default: 10).")
  private int restarts;

  @Option(names = "--seed", paramLabel = "SEED", defaultValue = "42", description = "Seed of the starts (default: 42).")
  private long seed;

  @Mixin private NamesOption names;
  @Mixin private DeviceOptions device;

  @Override
  public Integer call() {
    PrintWriter out = spec.commandLine().getOut();
    try (Backend backend = device.open(); Scope _ = Scope.open(backend)) {
      Vit plain = VitFile.load(weights, VitOptions.DEFAULT);
      List<Clustering> blocks = ExpertOrder.find(plain, BalancedKMeans.of(experts, seed).withRestarts(restarts));
      for (int i = 0; i < blocks.size(); i++) {
        Clustering block = blocks.get(i);
        out.printf(Locale.ROOT, "block %-2d  inertia %.3f  %d moves%s%n", i, block.inertia(), block.iterations(),
            block.converged() ? "" : ", not at rest yet");
      }
      Map<String, Tensor> changed = ExpertOrder.sorted(plain, blocks);
      changed.keySet().removeIf(ExpertOrder::isOrder);
      Vit sorted = new Vit(plain.weights().with(changed), plain.config());
      return new Equality(out).save(plain, sorted, output, () -> VitFile.save(output, sorted, names.scheme()));
    }
  }
}
