package dev.tenon.training.parity;

import com.fasterxml.jackson.databind.JsonNode;
import dev.tenon.engine.DType;
import dev.tenon.engine.Shape;
import dev.tenon.engine.TenonException;
import dev.tenon.engine.Tensor;
import dev.tenon.training.optim.Schedule;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** Learning-rate schedules under the names and options of three other libraries. */
final class ScheduleReplay {
  private ScheduleReplay() {}

  static Map<String, Tensor> run(GoldenCase c) {
    Map<String, Tensor> outputs = new TreeMap<>();
    c.config().properties().forEach(e -> outputs.put(e.getKey(), rates(schedule(e.getKey(), e.getValue()), e.getValue())));
    return outputs;
  }

  private static Tensor rates(Schedule schedule, JsonNode options) {
    int epochs = options.get("n").asInt();
    JsonNode bases = options.get("base_lrs");
    double[] rates = new double[epochs * bases.size()];
    for (int i = 0; i < rates.length; i++) {
      rates[i] = schedule.lr(i / bases.size(), bases.get(i % bases.size()).asDouble());
    }
    return Tensor.of(DType.F64, Shape.of(epochs, bases.size()), rates);
  }

  private static Schedule schedule(String name, JsonNode o) {
    String family = name.substring(0, name.indexOf('_'));
    return switch (family) {
      case "timm" -> timm(name, o);
      case "torch" -> torch(name, o);
      case "mtlora" -> warmedUp(
          o.has("milestones")
              ? new Schedule.MultiStep(milestones(o, "milestones", 0), number(o, "gamma", 0.1))
              : new Schedule.Linear(1, number(o, "lr_min_rate", 0), number(o, "t_initial", 0) - number(o, "warmup_t", 0),
                  false),
          o, !o.has("milestones"));
      default -> throw new TenonException("schedule '" + name + "' is of no family that Tenon knows");
    };
  }

  private static Schedule timm(String name, JsonNode o) {
    double floor = number(o, "lr_min", 0);
    double rate = number(o, "decay_rate", 1);
    if (name.startsWith("timm_cosine")) {
      return warmedUp(new Schedule.Cosine(number(o, "t_initial", 0), floor, (int) number(o, "cycle_limit", 1),
          number(o, "cycle_decay", 1), number(o, "cycle_mul", 1)), o, false);
    }
    if (name.startsWith("timm_poly")) {
      return warmedUp(new Schedule.Polynomial(number(o, "t_initial", 0), floor, number(o, "power", 0.5)), o, false);
    }
    return warmedUp(o.get("decay_t").isArray()
        ? new Schedule.MultiStep(milestones(o, "decay_t", -1), rate) // timm counts the epochs that have ended
        : new Schedule.Step(number(o, "decay_t", 1), rate), o, true);
  }

  private static Schedule torch(String name, JsonNode o) {
    double gamma = number(o, "gamma", 0.1);
    double floor = number(o, "eta_min", 0);
    double length = number(o, "total_iters", 5);
    return switch (name) {
      case "torch_cosine" -> new Schedule.CosineWave(number(o, "T_max", 1), floor);
      case "torch_cosine_wr" -> new Schedule.Cosine(number(o, "T_0", 1), floor, 0, 1, number(o, "T_mult", 1));
      case "torch_step" -> new Schedule.Step(number(o, "step_size", 1), gamma);
      case "torch_multistep" -> new Schedule.MultiStep(milestones(o, "milestones", 0), gamma);
      case "torch_poly" -> new Schedule.Polynomial(length, 0, number(o, "power", 1));
      case "torch_exp" -> new Schedule.Exponential(gamma);
      case "torch_linear_warmup" -> new Schedule.Linear(number(o, "start_factor", 1), number(o, "end_factor", 1),
          length, true);
      default -> throw new TenonException("schedule '" + name + "' is none that Tenon knows");
    };
  }

  private static Schedule warmedUp(Schedule main, JsonNode o, boolean ownClock) {
    return o.has("warmup_t")
        ? new Schedule.WarmUp(main, number(o, "warmup_t", 0), number(o, "warmup_lr_init", 0),
            o.path("warmup_prefix").asBoolean(ownClock))
        : main;
  }

  private static double number(JsonNode o, String key, double otherwise) {
    return o.path(key).asDouble(otherwise);
  }

  private static List<Double> milestones(JsonNode o, String key, double shift) {
    List<Double> epochs = new ArrayList<>();
    o.get(key).forEach(m -> epochs.add(m.asDouble() + shift));
    return epochs;
  }
}
