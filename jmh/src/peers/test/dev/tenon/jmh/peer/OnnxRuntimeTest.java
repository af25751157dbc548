package dev.tenon.jmh.peer;

import dev.tenon.jmh.Job;
import dev.tenon.jmh.Network;
import dev.tenon.model.vit.VitPreset;
import dev.tenon.training.bench.VitWork;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What Tenon exports says in ONNX Runtime what it says in Tenon. */
class OnnxRuntimeTest {
  @ParameterizedTest
  @ValueSource(ints = {1, 3})
  void theExportedNetworkHasTheSameLogits(int batch) {
    try (Job job = new OnnxRuntime().open(new Network(new VitWork(VitPreset.TINY, batch)), 1)) {
      job.run();
    }
  }
}
