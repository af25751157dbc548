package dev.tenon.training.onnx;

import dev.tenon.engine.DType;
import dev.tenon.engine.Shape;
import dev.tenon.engine.Tensor;
import dev.tenon.engine.op.Concat;
import dev.tenon.engine.op.Conv2d;
import dev.tenon.engine.op.LayerNorm;
import dev.tenon.engine.op.Softmax;
import dev.tenon.engine.op.Unary;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.LongStream;

/** Reads an ONNX file's bytes and runs its graph, operator by operator as the specification defines them. */
final class OnnxRuntime {
  private final Fields graph;
  private final Map<String, Tensor> values = new HashMap<>();

  OnnxRuntime(byte[] file) {
    graph = Fields.of(file).messages(7).getFirst();
    graph.messages(5).forEach(t -> values.put(t.text(8), tensor(t)));
  }

  /** The output of that name when {@code input} is given. */
  Tensor run(String inputName, Tensor input, String output) {
    values.put(inputName, input);
    for (Fields node : graph.messages(1)) {
      List<Tensor> operands = node.texts(1).stream().map(values::get).toList();
      Map<String, Fields> attributes = new HashMap<>();
      node.messages(5).forEach(a -> attributes.put(a.text(1), a));
      values.put(node.text(2), call(node.text(4), operands, attributes));
    }
    return values.get(output);
  }

  private static Tensor call(String operator, List<Tensor> x, Map<String, Fields> a) {
    Tensor first = x.getFirst();
    return switch (operator) {
      case "Identity" -> first;
      case "Add" -> first.add(x.get(1));
      case "Mul" -> first.mul(x.get(1));
      case "Div" -> first.div(x.get(1));
      case "Erf" -> first.map(Unary.Fn.ERF);
      case "MatMul" -> first.matmul(x.get(1));
      case "Softmax" -> new Softmax((int) a.get("axis").number(3)).apply(first);
      case "Transpose" -> first.permute(a.get("perm").numbers(8).mapToInt(i -> (int) i).toArray());
      case "Concat" -> new Concat((int) a.get("axis").number(3)).apply(x.toArray(Tensor[]::new));
      case "Expand" -> first.expand(longs(x.get(1)));
      case "Shape" -> Tensor.of(new long[] {first.dim((int) a.get("start").number(3))}, 1);
      case "Reshape" -> reshape(first, longs(x.get(1)));
      case "Gather" -> first.select(a.containsKey("axis") ? (int) a.get("axis").number(3) : 0, (long) x.get(1).item());
      case "Slice" -> first.slice((int) longs(x.get(3))[0], longs(x.get(1))[0], first.dim((int) longs(x.get(3))[0]));
      case "ReduceMean" -> first.mean(a.get("axes").numbers(8).mapToInt(i -> (int) i).toArray());
      case "LayerNormalization" -> new LayerNorm(1, true, a.get("epsilon").single(2)).apply(first, x.get(1), x.get(2));
      case "Conv" -> {
        long[] stride = a.get("strides").numbers(8).toArray();
        yield new Conv2d((int) stride[0], (int) stride[1], 0, 0, 1, 1, 1, true).apply(first, x.get(1), x.get(2));
      }
      default -> throw new AssertionError("the export uses " + operator + ", which this test does not know");
    };
  }

  /** 0 keeps an extent, −1 is found from the others. */
  private static Tensor reshape(Tensor x, long[] target) {
    for (int i = 0; i < target.length; i++) {
      target[i] = target[i] == 0 ? x.dim(i) : target[i];
    }
    return x.reshape(target);
  }

  private static long[] longs(Tensor t) {
    return Arrays.stream(t.toDoubles()).mapToLong(d -> (long) d).toArray();
  }

  private static Tensor tensor(Fields t) {
    long[] dims = t.numbers(1).toArray();
    ByteBuffer data = ByteBuffer.wrap(t.bytes(9)).order(ByteOrder.LITTLE_ENDIAN);
    double[] v = new double[(int) Shape.of(dims).size()];
    boolean f32 = t.number(2) == 1;
    for (int i = 0; i < v.length; i++) {
      // Slice ends at the largest integer, which doubles cannot hold; it is not read.
      v[i] = f32 ? data.getFloat(i * 4) : data.getLong(i * 8);
    }
    return Tensor.of(f32 ? DType.F32 : DType.I64, Shape.of(dims), v);
  }

  /** A decoded protobuf message: field number to values in order. */
  private record Fields(Map<Integer, List<Object>> all) {
    static Fields of(byte[] bytes) {
      Map<Integer, List<Object>> all = new HashMap<>();
      ByteBuffer in = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
      while (in.hasRemaining()) {
        long key = varint(in);
        Object value = switch ((int) key & 7) {
          case 0 -> varint(in);
          case 1 -> in.getDouble();
          case 2 -> {
            byte[] part = new byte[(int) varint(in)];
            in.get(part);
            yield part;
          }
          case 5 -> in.getFloat();
          default -> throw new AssertionError("wire type " + (key & 7));
        };
        all.computeIfAbsent((int) (key >> 3), _ -> new ArrayList<>()).add(value);
      }
      return new Fields(all);
    }

    private static long varint(ByteBuffer in) {
      long value = 0;
      for (int shift = 0; ; shift += 7) {
        byte b = in.get();
        value |= (b & 0x7fL) << shift;
        if (b >= 0) {
          return value;
        }
      }
    }

    List<Fields> messages(int field) {
      return all.getOrDefault(field, List.of()).stream().map(o -> of((byte[]) o)).toList();
    }

    byte[] bytes(int field) {
      return (byte[]) all.get(field).getFirst();
    }

    List<String> texts(int field) {
      return all.getOrDefault(field, List.of()).stream().map(o -> new String((byte[]) o, StandardCharsets.UTF_8)).toList();
    }

    String text(int field) {
      return texts(field).getFirst();
    }

    LongStream numbers(int field) {
      return all.getOrDefault(field, List.of()).stream().mapToLong(o -> (long) o);
    }

    long number(int field) {
      return numbers(field).findFirst().orElseThrow();
    }

    float single(int field) {
      return (float) all.get(field).getFirst();
    }
  }
}
