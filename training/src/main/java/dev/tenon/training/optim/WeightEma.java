package dev.tenon.training.optim;

import dev.tenon.engine.Scope;
import dev.tenon.engine.Tensor;
import dev.tenon.engine.op.Sgd;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;

/** A running average of the weights, which often generalizes better than the last of them (Polyak and Juditsky 1992). */
public final class WeightEma {
  private final double decay;
  private final Map<String, Tensor> parameters;
  private final Map<String, Tensor> averages = new LinkedHashMap<>();

  /**
   * An average that starts at the present weights and lives in the current scope.
   *
   * @param decay what the average keeps of itself at each update, such as 0.9998
   */
  public WeightEma(double decay, Map<String, Tensor> parameters) {
    this.decay = decay;
    this.parameters = new LinkedHashMap<>(parameters);
    parameters.forEach((name, parameter) -> averages.put(name, parameter.copy()));
  }

  /** {@code average = decay·average + (1 − decay)·parameter}, in place. */
  public void update() {
    // A step down the gradient of ½·‖average − parameter‖².
    Sgd towards = new Sgd(1 - decay, 0, 0, false, 0, true);
    try (Scope _ = Scope.open()) {
      averages.forEach((name, average) -> towards.apply(average, average.sub(parameters.get(name).detach())));
    }
  }

  /** The averages by the names of the parameters. */
  public Map<String, Tensor> averages() {
    return Collections.unmodifiableMap(averages);
  }
}
