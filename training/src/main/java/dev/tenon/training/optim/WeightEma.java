package dev.tenon.training.optim;

import dev.tenon.engine.DType;
import dev.tenon.engine.Scope;
import dev.tenon.engine.Shape;
import dev.tenon.engine.Tensor;
import dev.tenon.engine.op.Sgd;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;

/** A running average of the weights, which often generalizes better than the last of them (Polyak and Juditsky 1992). */
public final class WeightEma {
  private static final Sgd TOWARDS = new Sgd(1, 0, false, 0);

  private final Tensor rates;
  private final Map<String, Tensor> parameters;
  private final Map<String, Tensor> averages = new LinkedHashMap<>();

  /**
   * An average that starts at the present weights and lives in the current scope.
   *
   * @param decay what the average keeps of itself at each update, such as 0.9998
   */
  public WeightEma(double decay, Map<String, Tensor> parameters) {
    this.rates = Tensor.of(DType.F32, Shape.of(2), Sgd.rates(1 - decay, 0, 1));
    this.parameters = new LinkedHashMap<>(parameters);
    parameters.forEach((name, parameter) -> averages.put(name, parameter.copy()));
  }

  /** {@code average = decay·average + (1 − decay)·parameter}, in place. */
  public void update() {
    // A step down the gradient of ½·‖average − parameter‖².
    try (Scope _ = Scope.open()) {
      averages.forEach((name, average) -> TOWARDS.apply(average, average.sub(parameters.get(name).detach()), rates));
    }
  }

  /** The averages by the names of the parameters. */
  public Map<String, Tensor> averages() {
    return Collections.unmodifiableMap(averages);
  }
}
