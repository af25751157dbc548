package dev.tenon.jmh.peer;

import dev.tenon.engine.op.Attention;
import dev.tenon.engine.op.AttentionGrad;
import dev.tenon.engine.op.Binary;
import dev.tenon.engine.op.Conv2d;
import dev.tenon.engine.op.Conv2dGradInput;
import dev.tenon.engine.op.Conv2dGradWeight;
import dev.tenon.engine.op.LayerNorm;
import dev.tenon.engine.op.LayerNormGrad;
import dev.tenon.engine.op.Linear;
import dev.tenon.engine.op.LogSoftmax;
import dev.tenon.engine.op.LoraLinear;
import dev.tenon.engine.op.MatMul;
import dev.tenon.engine.op.Op;
import dev.tenon.engine.op.Softmax;
import dev.tenon.engine.op.SoftmaxGrad;
import dev.tenon.engine.op.Sum;
import dev.tenon.engine.op.Unary;
import dev.tenon.engine.op.UnaryGrad;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/**
 * An op as PyTorch spells it: the same operands in the same order.
 *
 * @param result the type of what it gives
 * @param results how many of Tenon's results it gives, the first ones
 */
record TorchCall(List<String> parameters, String result, int results, String body) {
  private static final String TWO = "Tuple[Tensor, Tensor]";
  private static final String THREE = "Tuple[Tensor, Tensor, Tensor]";

  private static Optional<TorchCall> of(List<String> parameters, String result, int results, String body) {
    return Optional.of(new TorchCall(parameters, result, results, body));
  }

  /** Empty for what is not compared with PyTorch; products are with OpenBLAS, which is faster. */
  static Optional<TorchCall> of(Op op) {
    return switch (op) {
      case LoraLinear(boolean bias, double scale) when bias && scale == 1 -> of(List.of("x", "w", "b", "la", "lb"), "Tensor", 1,
          "return torch.add(torch.linear(x, w, b), torch.matmul(torch.matmul(x, la), lb))");
      case LayerNorm(int dims, boolean affine, double eps) when dims == 1 && affine -> of(List.of("x", "w", "b"), THREE, 1,
          "return torch.native_layer_norm(x, [torch.size(w, 0)], w, b, " + eps + ")");
      case LayerNormGrad(int dims, boolean affine) when dims == 1 && affine -> of(List.of("g", "x", "mean", "rstd", "w"), THREE, 3, """
          mean1 = torch.unsqueeze(mean, -1)
          rstd1 = torch.unsqueeze(rstd, -1)
          return torch.native_layer_norm_backward(g, x, [torch.size(w, 0)], mean1, rstd1, w, w, [True, True, True])""");
      case Softmax(int axis) -> of(List.of("x"), "Tensor", 1, "return torch.softmax(x, " + axis + ")");
      case SoftmaxGrad(int axis) -> of(List.of("y", "g"), "Tensor", 1, "return torch._softmax_backward_data(g, y, " + axis + ", 6)");
      case Unary(Unary.Fn fn, double _, double _) when fn == Unary.Fn.GELU -> of(List.of("x"), "Tensor", 1, "return torch.gelu(x)");
      case UnaryGrad(Unary.Fn fn, double _, double _) when fn == Unary.Fn.GELU ->
          of(List.of("x", "g"), "Tensor", 1, "return torch.gelu_backward(g, x)");
      case Attention(double scale, boolean causal, boolean bias) when !causal && !bias && scale == 0.125 ->
          of(List.of("q", "k", "v"), TWO, 2, """
          o, lse = torch._scaled_dot_product_flash_attention_for_cpu(%s)
          return (torch.transpose(o, 1, 2), lse)""".formatted(heads("q", "k", "v")));
      case AttentionGrad(double scale, boolean causal, boolean bias) when !causal && !bias && scale == 0.125 ->
          of(List.of("g", "q", "k", "v", "o", "lse"), THREE, 3, """
          gq, gk, gv = torch._scaled_dot_product_flash_attention_for_cpu_backward(%s, lse, 0., False)
          return (torch.transpose(gq, 1, 2), torch.transpose(gk, 1, 2), torch.transpose(gv, 1, 2))"""
              .formatted(heads("g", "q", "k", "v", "o")));
      case Conv2d conv when !conv.bias() ->
          of(List.of("x", "w"), "Tensor", 1, "return torch.conv2d(x, w, None, " + geometry(conv) + ", " + conv.groups() + ")");
      case Conv2dGradInput grad -> of(List.of("g", "w"), "Tensor", 1, """
          x = torch.expand(torch.slice(torch.slice(g, 0, 0, 1), 1, 0, 1), [torch.size(g, 0), torch.size(w, 1) * %d, %d, %d])
          a, b, c = torch.convolution_backward(g, x, w, None, %s, False, [0, 0], %d, [True, False, False])
          return a""".formatted(grad.conv().groups(), grad.height(), grad.width(), geometry(grad.conv()), grad.conv().groups()));
      case Conv2dGradWeight grad -> of(List.of("g", "x"), "Tensor", 1, """
          w = torch.zeros([torch.size(g, 1), torch.floordiv(torch.size(x, 1), %d), %d, %d])
          a, b, c = torch.convolution_backward(g, x, w, None, %s, False, [0, 0], %d, [False, True, False])
          return b""".formatted(grad.conv().groups(), grad.kernelH(), grad.kernelW(), geometry(grad.conv()), grad.conv().groups()));
      case Unary(Unary.Fn fn, double _, double _) -> function(fn).map(f -> new TorchCall(List.of("x"), "Tensor", 1, "return torch." + f));
      case Binary(Binary.Fn fn) -> of(List.of("x", "y"), "Tensor", 1, "return torch." + function(fn) + "(x, y)");
      case MatMul _ -> of(List.of("x", "y"), "Tensor", 1, "return torch.matmul(x, y)");
      case Linear(boolean bias) when bias -> of(List.of("x", "w", "b"), "Tensor", 1, "return torch.linear(x, w, b)");
      case LogSoftmax(int axis) -> of(List.of("x"), "Tensor", 1, "return torch.log_softmax(x, " + axis + ")");
      case Sum(List<Integer> dims, boolean keep) ->
          of(List.of("x"), "Tensor", 1, "return torch.sum(x, " + dims + ", " + (keep ? "True" : "False") + ")");
      default -> Optional.empty();
    };
  }

  /** A call of the function of x; empty for what PyTorch has under another name or with a parameter. */
  private static Optional<String> function(Unary.Fn fn) {
    return switch (fn) {
      case EXP, LOG, SQRT, RSQRT, SQUARE, RECIPROCAL, ABS, SIN, COS, ACOS, ERF, TANH, SIGMOID, RELU, RELU6, SILU ->
          Optional.of(fn.name().toLowerCase(Locale.ROOT) + "(x)");
      case HARD_SIGMOID, HARD_SWISH -> Optional.of(fn.name().toLowerCase(Locale.ROOT).replace("_", "") + "(x)");
      case GELU_TANH -> Optional.of("gelu(x, approximate=\"tanh\")");
      default -> Optional.empty();
    };
  }

  private static String function(Binary.Fn fn) {
    return switch (fn) {
      case ADD, SUB, MUL, DIV, POW -> fn.name().toLowerCase(Locale.ROOT);
      case MAX -> "maximum";
      case MIN -> "minimum";
    };
  }

  /** [B, N, H, d] as PyTorch wants it, [B, H, N, d]: views, nothing moves. */
  private static String heads(String... names) {
    return String.join(", ", List.of(names).stream().map(n -> "torch.transpose(" + n + ", 1, 2)").toList());
  }

  private static String geometry(Conv2d conv) {
    return "[%d, %d], [%d, %d], [%d, %d]".formatted(
        conv.strideH(), conv.strideW(), conv.padH(), conv.padW(), conv.dilationH(), conv.dilationW());
  }
}
