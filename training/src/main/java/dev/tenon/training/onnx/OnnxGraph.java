package dev.tenon.training.onnx;

import dev.tenon.engine.DType;
import dev.tenon.engine.Shape;
import dev.tenon.engine.Tensor;
import dev.tenon.training.proto.ProtoMessage;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * A graph of ONNX operators under construction. Each operator is called like a function: names of values in, the name of its
 * result out. Constants must live until the graph is written.
 */
final class OnnxGraph {
  /** Field numbers of onnx.proto. */
  private static final int NODE = 1;
  private static final int NAME = 2;
  private static final int INITIALIZER = 5;
  private static final int INPUT = 11;
  private static final int OUTPUT = 12;

  private static final int FLOAT = 1;
  private static final int INT64 = 7;

  private final ProtoMessage graph = new ProtoMessage();
  private int count;

  /** The attributes of an operator, in order. */
  static final class Attributes {
    private static final int TYPE_FLOAT = 1;
    private static final int TYPE_INT = 2;
    private static final int TYPE_INTS = 7;

    private final Map<String, ProtoMessage> all = new LinkedHashMap<>();

    static Attributes none() {
      return new Attributes();
    }

    static Attributes ints(String name, long... values) {
      return new Attributes().andInts(name, values);
    }

    static Attributes integer(String name, long value) {
      return new Attributes().andInteger(name, value);
    }

    Attributes andInts(String name, long... values) {
      ProtoMessage message = start(name, TYPE_INTS);
      Arrays.stream(values).forEach(v -> message.varint(8, v));
      return this;
    }

    Attributes andInteger(String name, long value) {
      start(name, TYPE_INT).varint(3, value);
      return this;
    }

    Attributes andNumber(String name, double value) {
      start(name, TYPE_FLOAT).float32(2, (float) value);
      return this;
    }

    private ProtoMessage start(String name, int type) {
      ProtoMessage message = new ProtoMessage().text(1, name).varint(20, type);
      all.put(name, message);
      return message;
    }
  }

  OnnxGraph(String name) {
    graph.text(NAME, name);
  }

  /** An F32 input whose first dimension is free. */
  String input(String name, Shape perItem) {
    graph.message(INPUT, value(name, perItem));
    return name;
  }

  /** Makes the value {@code source} an output called {@code name}, F32, whose first dimension is free. */
  void output(String name, String source, Shape perItem) {
    node("Identity", name, Attributes.none(), source);
    graph.message(OUTPUT, value(name, perItem));
  }

  /** The result of an operator. */
  String call(String operator, Attributes attributes, String... operands) {
    return node(operator, operator.toLowerCase(Locale.ROOT) + "_" + count++, attributes, operands);
  }

  String call(String operator, String... operands) {
    return call(operator, Attributes.none(), operands);
  }

  private String node(String operator, String result, Attributes attributes, String... operands) {
    ProtoMessage node = new ProtoMessage();
    Arrays.stream(operands).forEach(operand -> node.text(1, operand));
    node.text(2, result).text(3, result).text(4, operator);
    attributes.all.values().forEach(attribute -> node.message(5, attribute));
    graph.message(NODE, node);
    return result;
  }

  /** A contiguous F32 tensor in host memory as the constant {@code name}. */
  String constant(String name, Tensor tensor) {
    if (tensor.dtype() != DType.F32) {
      throw new IllegalArgumentException("constant " + name + " is " + tensor.dtype() + ", not F32");
    }
    return initializer(name, FLOAT, tensor.shape().toArray(), tensor.bytes().asByteBuffer());
  }

  /** A scalar F32 constant. */
  String constant(double value) {
    ByteBuffer bytes = ByteBuffer.allocate(Float.BYTES).order(ByteOrder.LITTLE_ENDIAN).putFloat(0, (float) value);
    return initializer("scalar_" + count++, FLOAT, new long[0], bytes);
  }

  /** A vector of I64, as shapes and indices are given. */
  String longs(long... values) {
    ByteBuffer bytes = ByteBuffer.allocate(values.length * Long.BYTES).order(ByteOrder.LITTLE_ENDIAN);
    bytes.asLongBuffer().put(values);
    return initializer("longs_" + count++, INT64, new long[] {values.length}, bytes);
  }

  /** A scalar I64. */
  String index(long value) {
    ByteBuffer bytes = ByteBuffer.allocate(Long.BYTES).order(ByteOrder.LITTLE_ENDIAN).putLong(0, value);
    return initializer("index_" + count++, INT64, new long[0], bytes);
  }

  private String initializer(String name, int type, long[] dims, ByteBuffer data) {
    ProtoMessage tensor = new ProtoMessage();
    Arrays.stream(dims).forEach(dim -> tensor.varint(1, dim));
    graph.message(INITIALIZER, tensor.varint(2, type).text(8, name).bytes(9, data));
    return name;
  }

  private static ProtoMessage value(String name, Shape perItem) {
    ProtoMessage shape = new ProtoMessage().message(1, new ProtoMessage().text(2, "batch"));
    for (long dim : perItem.toArray()) {
      shape.message(1, new ProtoMessage().varint(1, dim));
    }
    ProtoMessage tensor = new ProtoMessage().varint(1, FLOAT).message(2, shape);
    return new ProtoMessage().text(1, name).message(2, new ProtoMessage().message(1, tensor));
  }

  /** The whole model: the graph, the operator set it needs, and facts for whoever opens it. */
  ProtoMessage model(int opset, Map<String, String> metadata) {
    int irVersion = 8;
    ProtoMessage model = new ProtoMessage().varint(1, irVersion).text(2, "tenon").message(7, graph);
    model.message(8, new ProtoMessage().text(1, "").varint(2, opset));
    metadata.forEach((key, fact) -> model.message(14, new ProtoMessage().text(1, key).text(2, fact)));
    return model;
  }

  /** Values joined along {@code axis}. */
  String concat(int axis, List<String> values) {
    return call("Concat", Attributes.integer("axis", axis), values.toArray(String[]::new));
  }
}
