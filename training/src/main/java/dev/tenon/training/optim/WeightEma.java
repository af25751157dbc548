package dev.tenon.training.optim;

import dev.tenon.engine.DType;
import dev.tenon.engine.Shape;
import dev.tenon.engine.Tensor;
import dev.tenon.engine.op.Average;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** A running average of the weights, which often generalizes better than the last of them (Polyak and Juditsky 1992). */
public final class WeightEma {
  private final Tensor rate;
  private final Map<String, Tensor> parameters;
  private final Map<String, Tensor> averages = new LinkedHashMap<>();

  /**
   * An average that starts at the present weights and lives in the current scope.
   *
   * @param decay what the average keeps of itself at each update, such as 0.9998
   */
  public WeightEma(double decay, Map<String, Tensor> parameters) {
    this.rate = Tensor.of(DType.F32, Shape.of(1), 1 - decay);
    this.parameters = new LinkedHashMap<>(parameters);
    parameters.forEach((name, parameter) -> averages.put(name, parameter.copy()));
  }

  /** {@code average = decay·average + (1 − decay)·parameter}, in place. */
  public void update() {
    List<Tensor> operands = new ArrayList<>(List.of(rate));
    averages.forEach((name, average) -> operands.addAll(List.of(average, parameters.get(name).detach())));
    new Average().applyAll(operands);
  }

  /** The averages by the names of the parameters. */
  public Map<String, Tensor> averages() {
    return Collections.unmodifiableMap(averages);
  }
}
