package dev.tenon.training.parity;

import dev.tenon.engine.DType;
import dev.tenon.engine.Shape;
import dev.tenon.engine.Tensor;
import dev.tenon.engine.op.ArgMax;
import dev.tenon.engine.op.ArgSort;
import dev.tenon.engine.op.Binary;
import dev.tenon.engine.op.Compare;
import dev.tenon.engine.op.CumSum;
import dev.tenon.engine.op.Extremum;
import dev.tenon.engine.op.IndexAdd;
import dev.tenon.engine.op.Prod;
import dev.tenon.engine.op.Selection;
import dev.tenon.engine.op.Statistics;
import dev.tenon.engine.op.Sum;
import dev.tenon.engine.op.Unary;
import dev.tenon.engine.op.Unary.Fn;
import dev.tenon.engine.op.Where;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.StreamSupport;

/** Arithmetic on elements, sums and other reductions of them, and their order. */
final class ElementReplays {
  static final Map<String, Replay> ALL = Map.of(
      "op_elementwise", ElementReplays::arithmetic,
      "op_reductions", ElementReplays::reductions,
      "op_cumsum", ElementReplays::cumulative,
      "op_sort_topk", ElementReplays::ordered,
      "op_argsort_stable", ElementReplays::grouped);

  private ElementReplays() {}

  private static Map<String, Tensor> arithmetic(GoldenCase c) {
    Tensor x = c.in("x");
    Tensor y = c.in("y");
    Tensor positive = x.map(Fn.ABS).add(0.1);
    Tensor larger = new Compare(Compare.Relation.GT).apply(x, y);
    return Map.ofEntries(
        Map.entry("add", x.add(y)),
        Map.entry("sub", x.sub(y)),
        Map.entry("mul", x.mul(y)),
        Map.entry("div", x.div(y.map(Fn.ABS).add(0.5))),
        Map.entry("pow", new Unary(Fn.POW, 1.7, 0).apply(positive)),
        Map.entry("pow3", new Unary(Fn.POW, 3, 0).apply(x)),
        Map.entry("exp", x.map(Fn.EXP)),
        Map.entry("log", positive.map(Fn.LOG)),
        Map.entry("sqrt", positive.map(Fn.SQRT)),
        Map.entry("rsqrt", positive.map(Fn.RSQRT)),
        Map.entry("abs", x.map(Fn.ABS)),
        Map.entry("neg", x.neg()),
        Map.entry("maximum", new Binary(Binary.Fn.MAX).apply(x, y)),
        Map.entry("minimum", new Binary(Binary.Fn.MIN).apply(x, y)),
        Map.entry("clamp", new Unary(Fn.CLAMP, -0.5, 0.8).apply(x)),
        Map.entry("where", new Where().apply(larger, x.mul(2), y.mul(3))),
        Map.entry("sin", x.map(Fn.SIN)),
        Map.entry("cos", y.map(Fn.COS)),
        Map.entry("erf", x.map(Fn.ERF)));
  }

  private static Map<String, Tensor> reductions(GoldenCase c) {
    Tensor x = c.in("x");
    int[] dims = StreamSupport.stream(c.config().get("dims").spliterator(), false).mapToInt(d -> d.asInt()).toArray();
    int axis = dims[0];
    Selection max = Selection.max(x, axis);
    Selection min = Selection.min(x, axis);
    Tensor sum = Sum.over(x.shape(), true, dims).apply(x);
    return Map.ofEntries(
        Map.entry("sum", x.sum(dims)),
        Map.entry("mean", sum.mul((double) sum.size() / x.size())),
        Map.entry("var", Statistics.variance(x, 1, dims)),
        Map.entry("var0", Statistics.variance(x, 0, dims)),
        Map.entry("std", Statistics.standardDeviation(x, 1, dims)),
        Map.entry("amax", Extremum.over(x.shape(), true, false, dims).apply(x)),
        Map.entry("amin", Extremum.over(x.shape(), false, false, dims).apply(x)),
        Map.entry("norm", Statistics.norm(x, dims)),
        Map.entry("l1", x.map(Fn.ABS).sum(dims)),
        Map.entry("logsumexp", Statistics.logSumExp(x, dims)),
        Map.entry("prod", new Prod(axis).apply(x)),
        Map.entry("max_val", max.values()),
        Map.entry("max_idx", max.indices()),
        Map.entry("min_val", min.values()),
        Map.entry("min_idx", min.indices()),
        Map.entry("argmax", new ArgMax(axis, false).apply(x)),
        Map.entry("total", x.sum()),
        Map.entry("mean_all", x.mean()));
  }

  private static Map<String, Tensor> cumulative(GoldenCase c) {
    Map<String, Tensor> outputs = new TreeMap<>();
    c.config().get("dims").forEach(d ->
        outputs.put("y" + d.asInt(), new CumSum(d.asInt(), false).apply(c.in("x"))));
    outputs.put("cumprod", Statistics.cumulativeProduct(c.in("x"), 1));
    return outputs;
  }

  private static Map<String, Tensor> ordered(GoldenCase c) {
    Tensor x = c.in("x");
    int k = c.config().get("k").asInt();
    Selection ascending = Selection.sort(x, -1, false);
    Selection largest = Selection.topK(x, k, -1);
    return Map.of(
        "sorted", ascending.values(),
        "sort_idx", ascending.indices(),
        "topk", largest.values(),
        "topk_idx", largest.indices(),
        "argsort_desc", new ArgSort(-1, true).apply(x),
        "kth", ascending.values().select(-1, k - 1),
        "kth_idx", ascending.indices().select(-1, k - 1));
  }

  private static Map<String, Tensor> grouped(GoldenCase c) {
    Tensor labels = c.in("labels");
    Tensor none = Tensor.zeros(DType.I64, Shape.of(c.config().get("k").asLong()));
    Tensor ones = Tensor.full(DType.I64, labels.shape(), 1);
    return Map.of("idx", new ArgSort(0, false).apply(labels), "counts", new IndexAdd(0).apply(none, labels, ones));
  }
}
