package dev.tenon.training.model;

import dev.tenon.engine.DType;
import dev.tenon.engine.Scope;
import dev.tenon.engine.TenonException;
import dev.tenon.engine.Tensor;
import dev.tenon.engine.io.Safetensors;
import dev.tenon.engine.io.SafetensorsFile;
import dev.tenon.engine.io.TensorEntry;
import dev.tenon.model.Weights;
import dev.tenon.model.adapter.Adapters;
import dev.tenon.model.adapter.ExpertOrder;
import dev.tenon.model.adapter.Merge;
import dev.tenon.model.vit.NameScheme;
import dev.tenon.model.vit.Vit;
import dev.tenon.model.vit.VitConfig;
import dev.tenon.model.vit.VitFile;
import dev.tenon.model.vit.VitOptions;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * A trained network with its card, as it is handed on: whole, or as an adapter that needs the base weights it was trained on.
 *
 * @param card of the kind {@code MODEL} when the network is plain, else {@code ADAPTER}
 */
public record TrainedModel(Vit vit, ModelCard card) {
  /**
   * Checks that the card belongs to the network.
   *
   * @throws TenonException when the head has another number of outputs than the card names classes
   */
  public TrainedModel {
    long outputs = vit.weights().get("head.weight").dim(0);
    if (outputs != card.classCount()) {
      throw new TenonException("the head has " + outputs + " outputs, but the model's description names " + card.classCount()
          + " classes; the two do not belong together");
    }
    boolean plain = vit.weights().asMap().keySet().stream().noneMatch(n -> n.contains("lora"));
    card = card.with(plain ? ModelCard.Kind.MODEL : ModelCard.Kind.ADAPTER);
  }

  /**
   * Reads a whole model into the current scope.
   *
   * @throws TenonException when the file is damaged, or an adapter, which needs its base
   */
  public static TrainedModel load(Path file) {
    try (SafetensorsFile open = Safetensors.open(file)) {
      ModelCard card = CardText.parse(file, open.metadata());
      if (card.kind() != ModelCard.Kind.MODEL) {
        throw new TenonException(file + ": this is an adapter, which works only on the weights it was trained on; name them (--base) or"
            + " merge the two first");
      }
      Vit named = VitFile.of(file.toString(), tensors(open), open.metadata(), VitOptions.DEFAULT);
      return new TrainedModel(new Vit(named.weights(), card.network()), card);
    }
  }

  /**
   * Reads an adapter into the current scope and puts it on the pretrained weights in {@code base}, under whatever names they are.
   *
   * @throws TenonException when either file is damaged or not what it should be, or the adapter was trained on other weights
   */
  public static TrainedModel load(Path adapter, Path base) {
    ModelCard card = ModelCard.read(adapter);
    VitConfig network = card.network();
    int size = card.input().imageSize();
    VitOptions options = VitOptions.DEFAULT.withImageSize(size, size).withHeads(network.heads()).withEps(network.eps())
        .with(network.pooling());
    return load(adapter, VitFile.load(base, options));
  }

  /**
   * Reads an adapter into the current scope and puts it on {@code base}.
   *
   * @param base the pretrained network for the card's image size; its own head does not matter
   * @throws TenonException when the file is damaged or no adapter, or was trained on other weights
   */
  public static TrainedModel load(Path adapter, Vit base) {
    try (SafetensorsFile open = Safetensors.open(adapter)) {
      ModelCard card = CardText.parse(adapter, open.metadata());
      if (card.kind() != ModelCard.Kind.ADAPTER) {
        throw new TenonException(adapter + ": this is a whole model, which needs no base; use it as it is");
      }
      if (!card.base().equals(BaseHash.of(base.weights()))) {
        throw new TenonException(adapter + ": this adapter was trained on other base weights than those given (their SHA-256 should be "
            + card.base() + "); name the file the training run started from");
      }
      Map<String, Tensor> own = tensors(open);
      Map<String, Tensor> all = new LinkedHashMap<>(base.weights().asMap());
      all.keySet().removeIf(name -> name.startsWith("head"));
      for (int i = 0; i < base.depth(); i++) {
        Tensor order = ExpertOrder.of(new Weights(own), i).orElse(null);
        if (order != null) {
          requirePermutation(adapter, order, base.weights().get("blocks." + i + ".mlp.fc1.weight").dim(0));
          all.putAll(ExpertOrder.sorted(base.weights(), i, order));
        }
      }
      all.putAll(own);
      return new TrainedModel(new Vit(new Weights(all).map(Tensor::detach), card.network()), card);
    }
  }

  /**
   * Writes the whole network, which must be plain, under timm's names.
   *
   * @throws TenonException when the file cannot be written; it is as before then
   */
  public void save(Path file) {
    save(file, NameScheme.TIMM);
  }

  /**
   * Writes the whole network, which must be plain, under anybody's names.
   *
   * @throws TenonException when these names have none for a part of it, or the file cannot be written; it is as before then
   */
  public void save(Path file, NameScheme names) {
    if (card.kind() != ModelCard.Kind.MODEL) {
      throw new TenonException("cannot write " + file + " as a whole model, for the network still has adapters; merge it first");
    }
    VitFile.save(file, vit, names, CardText.of(card));
  }

  /**
   * Writes what was trained beside frozen weights, and nothing of those.
   *
   * @throws TenonException when the method changed the base weights themselves, or the file cannot be written
   */
  public void saveAdapter(Path file) {
    vit.weights().asMap().forEach((name, t) -> {
      if (t.requiresGrad() && !Adapters.isTrained(name)) {
        throw new TenonException("cannot write " + file + " because training changed the base weights themselves (" + name
            + "); save the whole model instead");
      }
    });
    List<TensorEntry> entries = new ArrayList<>();
    try (Scope _ = Scope.open()) {
      vit.weights().asMap().forEach((name, t) -> {
        if (Adapters.isTrained(name) || ExpertOrder.isOrder(name)) {
          entries.add(new TensorEntry(name, t.dtype(), t.shape(), t.detach().contiguous().bytes()));
        }
      });
      Safetensors.write(file, entries, CardText.of(card.with(ModelCard.Kind.ADAPTER)));
    }
  }

  /**
   * The plain network this one has become, in the current scope.
   *
   * @throws TenonException when its routers are not fully faded
   */
  public TrainedModel merged() {
    return new TrainedModel(Merge.merge(vit, card.alpha()), card);
  }

  private static Map<String, Tensor> tensors(SafetensorsFile file) {
    Map<String, Tensor> tensors = new LinkedHashMap<>();
    for (String name : file.names()) {
      TensorEntry entry = file.entry(name);
      tensors.put(name, Tensor.of(entry.dtype(), entry.shape(), entry.data()));
    }
    return tensors;
  }

  private static void requirePermutation(Path file, Tensor order, long hidden) {
    BitSet seen = new BitSet();
    if (order.dtype() == DType.I64 && order.rank() == 1 && order.size() == hidden) {
      for (double channel : order.toDoubles()) {
        if (channel >= 0 && channel < hidden) {
          seen.set((int) channel);
        }
      }
    }
    if (seen.cardinality() != hidden) {
      throw new TenonException(file + ": the order of the experts' channels is damaged, for it does not name each of " + hidden
          + " channels once; write the file again");
    }
  }
}
