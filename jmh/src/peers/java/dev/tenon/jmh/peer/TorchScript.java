package dev.tenon.jmh.peer;

import ai.djl.MalformedModelException;
import ai.djl.Model;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.nn.Block;
import ai.djl.training.ParameterStore;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.stream.Collectors;
import java.util.zip.CRC32;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;

/**
 * A function in PyTorch's own language, which reaches every operator of PyTorch, where DJL's arrays reach a few. Written as the archive
 * that {@code torch.jit.save} would write for a module without weights.
 */
final class TorchScript implements AutoCloseable {
  private static final byte[] NO_CONSTANTS = {(byte) 0x80, 2, ')', '.'};

  private final Model model = Model.newInstance("net", "PyTorch");
  private final Block block;
  private final ParameterStore store;

  /**
   * Compiles a function.
   *
   * @param parameters their names, all tensors
   * @param result its type, such as {@code Tensor}
   * @param body statements, one a line
   */
  TorchScript(NDManager manager, List<String> parameters, String result, String body) {
    String signature = parameters.stream().map(p -> ", " + p + ": Tensor").collect(Collectors.joining());
    String code = "class Net(Module):\n  __parameters__ = []\n  __buffers__ = []\n  training : bool\n"
        + "  def forward(self: __torch__.Net" + signature + ") -> " + result + ":\n" + body.indent(4);
    try {
      model.load(new ByteArrayInputStream(archive(code)));
    } catch (IOException | MalformedModelException e) {
      throw new IllegalStateException("PyTorch does not take\n" + code, e);
    }
    block = model.getBlock();
    store = new ParameterStore(manager, false);
  }

  /** Runs it; {@code training} lets gradients flow. */
  NDList run(NDList arguments, boolean training) {
    return block.forward(store, arguments, training);
  }

  private static byte[] archive(String code) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (ZipOutputStream zip = new ZipOutputStream(bytes)) {
      zip.setMethod(ZipOutputStream.STORED);
      put(zip, "data.pkl", module());
      put(zip, "code/__torch__.py", code.getBytes(StandardCharsets.UTF_8));
      put(zip, "constants.pkl", NO_CONSTANTS);
      put(zip, "version", "3\n".getBytes(StandardCharsets.UTF_8));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return bytes.toByteArray();
  }

  /** A pickled object of the class Net whose only attribute says that it is not training. */
  private static byte[] module() {
    ByteArrayOutputStream pickle = new ByteArrayOutputStream();
    pickle.writeBytes(new byte[] {(byte) 0x80, 2});
    pickle.writeBytes("c__torch__\nNet\n)".getBytes(StandardCharsets.US_ASCII));
    pickle.writeBytes(new byte[] {(byte) 0x81, '}', 'X', 8, 0, 0, 0});
    pickle.writeBytes("training".getBytes(StandardCharsets.US_ASCII));
    pickle.writeBytes(new byte[] {(byte) 0x89, 's', 'b', '.'});
    return pickle.toByteArray();
  }

  private static void put(ZipOutputStream zip, String name, byte[] data) throws IOException {
    ZipEntry entry = new ZipEntry("net/" + name);
    CRC32 crc = new CRC32();
    crc.update(data);
    entry.setSize(data.length);
    entry.setCrc(crc.getValue());
    zip.putNextEntry(entry);
    zip.write(data);
    zip.closeEntry();
  }

  @Override
  public void close() {
    model.close();
  }
}
