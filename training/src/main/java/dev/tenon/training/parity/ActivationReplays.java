package dev.tenon.training.parity;

import dev.tenon.engine.Tensor;
import dev.tenon.engine.op.Unary;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Stream;

/** Activation functions, each found by its name among the engine's functions of one element. */
final class ActivationReplays {
  static final String PREFIX = "op_act_";
  private static final double LEAKY_SLOPE = 0.01;

  private ActivationReplays() {}

  static Map<String, Tensor> run(GoldenCase c) {
    String wanted = plain(c.name().substring(PREFIX.length()).replace("_erf", ""));
    double parameter = wanted.equals("LEAKYRELU") ? LEAKY_SLOPE : 1;
    return Stream.of(Unary.Fn.values())
        .filter(fn -> plain(fn.name()).equals(wanted))
        .findFirst()
        .map(fn -> Map.of("y", new Unary(fn, parameter, 0).apply(c.in("x"))))
        .orElse(Map.of());
  }

  private static String plain(String name) {
    return name.replace("_", "").toUpperCase(Locale.ROOT);
  }
}
