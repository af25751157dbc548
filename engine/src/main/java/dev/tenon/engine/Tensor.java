package dev.tenon.engine;

import dev.tenon.engine.autograd.Tape;
import dev.tenon.engine.kernel.Elements;
import dev.tenon.engine.op.Binary;
import dev.tenon.engine.op.Cast;
import dev.tenon.engine.op.Contiguous;
import dev.tenon.engine.op.Expand;
import dev.tenon.engine.op.MatMul;
import dev.tenon.engine.op.Permute;
import dev.tenon.engine.op.Ref;
import dev.tenon.engine.op.Reshape;
import dev.tenon.engine.op.Slice;
import dev.tenon.engine.op.Spec;
import dev.tenon.engine.op.Sum;
import dev.tenon.engine.op.Unary;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.function.Supplier;
import java.util.stream.IntStream;

/**
 * A value: elements of one type on one device, seen through a layout. Never changes identity; operations return new tensors or
 * views. Memory belongs to a {@link Scope}. The fluent methods are one-line sugar over the ops of {@code dev.tenon.engine.op}.
 */
public final class Tensor {
  private final Storage storage;
  private final Layout layout;
  private final DType dtype;
  private final boolean requiresGrad;

  /** A view of {@code storage}; {@code requiresGrad} asks the tape to follow it. */
  public Tensor(Storage storage, Layout layout, DType dtype, boolean requiresGrad) {
    if (layout.start() < 0 || layout.end() * dtype.byteSize() > storage.bytes()) {
      throw new IllegalArgumentException(layout + " of " + dtype + " reaches outside of " + storage);
    }
    this.storage = storage;
    this.layout = layout;
    this.dtype = dtype;
    this.requiresGrad = requiresGrad;
  }

  /** Uninitialised memory in the current scope. */
  public static Tensor empty(DType dtype, Shape shape) {
    Scope scope = Scope.current();
    Storage storage = scope.backend().allocate(new Spec(dtype, shape).bytes());
    scope.adopt(storage);
    return new Tensor(storage, Layout.contiguous(shape), dtype, false);
  }

  public static Tensor zeros(DType dtype, Shape shape) {
    return full(dtype, shape, 0);
  }

  public static Tensor full(DType dtype, Shape shape, double value) {
    if (!Scope.current().backend().device().equals(Device.CPU)) {
      return scalar(dtype, value).expand(shape).contiguous();
    }
    Tensor tensor = empty(dtype, shape);
    Elements.fill(tensor, value);
    return tensor;
  }

  public static Tensor scalar(DType dtype, double value) {
    return of(dtype, Shape.of(), value);
  }

  /** F32 values, row-major. */
  public static Tensor of(float[] values, long... shape) {
    return of(DType.F32, Shape.of(shape), MemorySegment.ofArray(values));
  }

  /** Row-major values, rounded to {@code dtype}. */
  public static Tensor of(DType dtype, Shape shape, double... values) {
    if (values.length != shape.size()) {
      throw new TenonException(values.length + " values given for a tensor of shape " + shape);
    }
    Tensor tensor = empty(dtype, shape);
    Elements.pack(new Ref(dtype, shape, values), tensor);
    return tensor;
  }

  /** I64 values, row-major. */
  public static Tensor of(long[] values, long... shape) {
    return of(DType.I64, Shape.of(shape), MemorySegment.ofArray(values));
  }

  /** A copy of row-major little-endian bytes. */
  public static Tensor of(DType dtype, Shape shape, MemorySegment bytes) {
    long expected = new Spec(dtype, shape).bytes();
    if (bytes.byteSize() != expected) {
      throw new TenonException(
          bytes.byteSize() + " bytes given for a " + dtype + " tensor of shape " + shape + ", which takes " + expected);
    }
    Tensor tensor = empty(dtype, shape);
    tensor.storage.backend().upload(bytes, tensor.storage, 0);
    return tensor;
  }

  public Storage storage() {
    return storage;
  }

  public Layout layout() {
    return layout;
  }

  public Shape shape() {
    return layout.shape();
  }

  public DType dtype() {
    return dtype;
  }

  public Device device() {
    return storage.backend().device();
  }

  /** Extent of dimension {@code i}; negative counts from the last. */
  public long dim(int i) {
    return shape().dim(i);
  }

  public int rank() {
    return shape().rank();
  }

  public long size() {
    return shape().size();
  }

  /** Whether the tape follows what is computed from this tensor. */
  public boolean requiresGrad() {
    return requiresGrad;
  }

  /** The same memory as a leaf that gradients are computed for. */
  public Tensor withGrad() {
    return new Tensor(storage, layout, dtype, true);
  }

  /** The same memory, cut off from the tape. */
  public Tensor detach() {
    return new Tensor(storage, layout, dtype, false);
  }

  /** The values, row-major. */
  public double[] toDoubles() {
    return Elements.unpack(this).v();
  }

  /** The values that a contiguous tensor has now, told later: meanwhile it may change, and the caller goes on. */
  public Supplier<double[]> toDoublesLater() {
    requireContiguous("toDoublesLater()");
    long width = dtype.byteSize();
    Supplier<MemorySegment> bytes = storage.backend().downloadLater(storage, layout.offset() * width, size() * width);
    return () -> {
      double[] values = new double[(int) size()];
      MemorySegment told = bytes.get();
      Arrays.setAll(values, i -> Elements.get(told, dtype, i));
      return values;
    };
  }

  /** The values as floats, row-major. */
  public float[] toFloats() {
    return Elements.floats(this);
  }

  /** The only value of a tensor of size 1. */
  public double item() {
    if (size() != 1) {
      throw new TenonException("item() needs a tensor of one element, but this one has shape " + shape());
    }
    return toDoubles()[0];
  }

  /** The bytes of a contiguous tensor in host memory (the memory itself on the CPU). */
  public MemorySegment bytes() {
    requireContiguous("bytes()");
    long width = dtype.byteSize();
    return storage.download(layout.offset() * width, size() * width);
  }

  private void requireContiguous(String what) {
    if (!layout.isContiguous()) {
      throw new TenonException(what + " needs a contiguous tensor, but this one is " + layout);
    }
  }

  public Tensor add(Tensor other) {
    return new Binary(Binary.Fn.ADD).apply(this, other);
  }

  public Tensor sub(Tensor other) {
    return new Binary(Binary.Fn.SUB).apply(this, other);
  }

  public Tensor mul(Tensor other) {
    return new Binary(Binary.Fn.MUL).apply(this, other);
  }

  public Tensor div(Tensor other) {
    return new Binary(Binary.Fn.DIV).apply(this, other);
  }

  /** {@code this · scale + shift}. */
  public Tensor affine(double scale, double shift) {
    return new Unary(Unary.Fn.AFFINE, scale, shift).apply(this);
  }

  /** {@code this · scale}; itself where {@code scale} is 1. */
  public Tensor mul(double scale) {
    return scale == 1 ? this : affine(scale, 0);
  }

  public Tensor add(double shift) {
    return affine(1, shift);
  }

  public Tensor neg() {
    return affine(-1, 0);
  }

  public Tensor map(Unary.Fn fn) {
    return Unary.of(fn).apply(this);
  }

  /** Matrix product over the last two dimensions; leading dimensions broadcast. */
  public Tensor matmul(Tensor other) {
    return new MatMul().apply(this, other);
  }

  /** Sum over {@code dims} (all of them when none is given), which disappear. */
  public Tensor sum(int... dims) {
    return Sum.over(shape(), false, dims).apply(this);
  }

  /** Mean over {@code dims} (all of them when none is given), which disappear. */
  public Tensor mean(int... dims) {
    Tensor sum = sum(dims);
    return sum.mul((double) sum.size() / size());
  }

  /** Sums away what broadcasting added, back to {@code target}. */
  public Tensor sumTo(Shape target) {
    if (shape().equals(target)) {
      return this;
    }
    int lead = rank() - target.rank();
    int[] dims = IntStream.range(0, rank())
        .filter(i -> i < lead || target.dim(i - lead) == 1 && dim(i) != 1)
        .toArray();
    return (dims.length == 0 ? this : Sum.over(shape(), false, dims).apply(this)).reshape(target);
  }

  /** The same elements row-major under another shape; a view where strides can say it, else a copy. */
  public Tensor reshape(Shape target) {
    if (target.equals(shape())) {
      return this;
    }
    Tensor source = layout.reshape(target).isPresent() || size() != target.size() ? this : contiguous();
    return new Reshape(target).apply(source);
  }

  /** {@link #reshape(Shape)}; one extent may be −1 and is then found from the others. */
  public Tensor reshape(long... dims) {
    long[] d = dims.clone();
    int open = -1;
    long known = 1;
    for (int i = 0; i < d.length; i++) {
      if (d[i] == -1) {
        open = i;
      } else {
        known *= d[i];
      }
    }
    if (open >= 0) {
      d[open] = known == 0 ? 0 : size() / known;
    }
    return reshape(Shape.of(d));
  }

  public Tensor expand(Shape target) {
    return target.equals(shape()) ? this : new Expand(target).apply(this);
  }

  public Tensor expand(long... dims) {
    return expand(Shape.of(dims));
  }

  public Tensor permute(int... order) {
    return Permute.of(order).apply(this);
  }

  /** Swaps two dimensions. */
  public Tensor transpose(int a, int b) {
    int[] order = IntStream.range(0, rank()).toArray();
    order[shape().axis(a)] = shape().axis(b);
    order[shape().axis(b)] = shape().axis(a);
    return permute(order);
  }

  /** Elements {@code from} (inclusive) to {@code to} (exclusive) of dimension {@code axis}. */
  public Tensor slice(int axis, long from, long to) {
    return new Slice(shape().axis(axis), from, to, 1).apply(this);
  }

  /** Element {@code index} of dimension {@code axis}, which disappears. */
  public Tensor select(int axis, long index) {
    return slice(axis, index, index + 1).reshape(shape().without(axis));
  }

  /** This tensor, row-major without gaps; itself if it already is. */
  public Tensor contiguous() {
    return layout.isContiguous() ? this : new Contiguous().apply(this);
  }

  /** Converted to {@code target}, rounded to nearest even; itself if it already is of that type. */
  public Tensor cast(DType target) {
    return dtype == target ? this : new Cast(target).apply(this);
  }

  /** A copy on {@code backend}, owned by the current scope. */
  public Tensor to(Backend backend) {
    if (backend == storage.backend()) {
      return this;
    }
    MemorySegment bytes = contiguous().bytes();
    Storage copy = backend.allocate(bytes.byteSize());
    Scope.current().adopt(copy);
    backend.upload(bytes, copy, 0);
    return new Tensor(copy, Layout.contiguous(shape()), dtype, false);
  }

  /** A copy in memory of its own, cut off from the tape. */
  public Tensor copy() {
    try (var _ = Tape.pause()) {
      return new Contiguous().apply(this);
    }
  }

  @Override
  public String toString() {
    String head = dtype + " " + shape() + " on " + device();
    return size() <= 16 ? head + " " + Arrays.toString(toDoubles()) : head;
  }
}
