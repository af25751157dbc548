package dev.tenon.kernels.cpu;

import java.lang.classfile.ClassFile;
import java.lang.classfile.CodeBuilder;
import java.lang.constant.ClassDesc;
import java.lang.constant.ConstantDescs;
import java.lang.constant.MethodTypeDesc;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;
import java.util.function.Consumer;
import java.util.function.IntConsumer;
import java.util.stream.IntStream;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.Vector;
import jdk.incubator.vector.VectorSpecies;

/**
 * Writes the loops of {@link Tile tiles} as bytecode. A tile stays in registers only if each of its vectors is a variable; Java cannot
 * say "so many variables", and written out by hand each size would be a page.
 */
final class TileCode {
  private static final ClassDesc FLOATS = ConstantDescs.CD_float.arrayType();
  private static final ClassDesc VECTOR = FloatVector.class.describeConstable().orElseThrow();
  private static final ClassDesc SPECIES = VectorSpecies.class.describeConstable().orElseThrow();
  private static final ClassDesc ANY_VECTOR = Vector.class.describeConstable().orElseThrow();
  private static final ClassDesc SIMD = Simd.class.describeConstable().orElseThrow();
  private static final MethodType RUN = MethodType.methodType(void.class, float[].class, int.class, float[].class, int.class, int.class,
      int.class, float[].class, int.class, int.class, float[].class, int.class, int.class);
  /**
   * Local variables: the parameters of {@link Tile.Loop#run}, two more that {@link Tile.Taps#run} has, where A is read and where that ends,
   * one vector of A, and from here on B and C.
   */
  private static final int A = 1, AI = 2, B = 3, BI = 4, LDB = 5, K = 6, FROM = 7, FI = 8, LDF = 9, C = 10, CI = 11, LDC = 12, OFFSETS = 13,
      OI = 14, AT = 15, END = 16, LEFT = 17, RIGHT = 18;

  private final CodeBuilder code;
  private final int rows;
  private final int vectors;

  private TileCode(CodeBuilder code, int rows, int vectors) {
    this.code = code;
    this.rows = rows;
    this.vectors = vectors;
  }

  /**
   * The loop of {@code rows} times {@code vectors}, over strips of A that are {@code height} high and panels of B {@code width} wide.
   *
   * @param loose whether the compiler may load all elements of one depth ahead. Where registers are too few for that, it would keep sums in
   *     memory. It is held off by an advance along B that it does not know: so it checks bounds between the loads.
   */
  static Tile.Loop loop(int height, int rows, int vectors, int width, boolean loose) {
    return (Tile.Loop) instance("Loop" + rows + "x" + vectors, Tile.Loop.class, RUN,
        code -> new TileCode(code, rows, vectors).write(height, loose ? width : 0));
  }

  /** The loop of {@code rows} times {@code vectors} over elements of A that lie anywhere and panels of B {@code width} wide. */
  static Tile.Taps taps(int rows, int vectors, int width) {
    return (Tile.Taps) instance("Taps" + rows + "x" + vectors, Tile.Taps.class, RUN.appendParameterTypes(int[].class, int.class),
        code -> new TileCode(code, rows, vectors).write(0, width));
  }

  private static Object instance(String name, Class<?> type, MethodType run, Consumer<CodeBuilder> body) {
    MethodHandles.Lookup lookup = MethodHandles.lookup();
    byte[] bytes = ClassFile.of().build(ClassDesc.of(lookup.lookupClass().getPackageName(), name), builder -> builder
        .withFlags(ClassFile.ACC_FINAL)
        .withInterfaceSymbols(type.describeConstable().orElseThrow())
        .withMethodBody(ConstantDescs.INIT_NAME, ConstantDescs.MTD_void, 0, code -> code
            .aload(0).invokespecial(ConstantDescs.CD_Object, ConstantDescs.INIT_NAME, ConstantDescs.MTD_void).return_())
        .withMethodBody("run", run.describeConstable().orElseThrow(), ClassFile.ACC_PUBLIC, body));
    try {
      MethodHandles.Lookup loop = lookup.defineHiddenClass(bytes, true);
      return loop.findConstructor(loop.lookupClass(), MethodType.methodType(void.class)).invoke();
    } catch (Throwable e) {
      throw new LinkageError("the loop of a tile, " + name, e);
    }
  }

  private void write(int height, int width) {
    each((r, v) -> {
      vector(FROM, () -> address(FI, LDF, r, v));
      code.astore(c(r, v));
    });
    boolean taps = height == 0;
    int index = taps ? OI : AT;
    code.iload(AI).istore(AT);
    code.iload(index).iload(K).loadConstant(taps ? 1 : height).imul().iadd().istore(END);
    var head = code.newBoundLabel();
    var end = code.newLabel();
    code.iload(index).iload(END).if_icmpge(end);
    if (taps) {
      code.iload(AI).aload(OFFSETS).iload(OI).iaload().iadd().istore(AT);
    }
    for (int v = 0; v < vectors; v++) {
      int column = v * Simd.LANES;
      vector(B, () -> code.iload(BI).loadConstant(column).iadd());
      code.astore(RIGHT + v);
    }
    for (int r = 0; r < rows; r++) {
      code.getstatic(SIMD, "F32", SPECIES).aload(A).iload(AT).loadConstant(r).iadd().faload()
          .invokestatic(VECTOR, "broadcast", MethodTypeDesc.of(VECTOR, SPECIES, ConstantDescs.CD_float)).astore(LEFT);
      for (int v = 0; v < vectors; v++) {
        code.aload(LEFT).aload(RIGHT + v).aload(c(r, v))
            .invokevirtual(VECTOR, "fma", MethodTypeDesc.of(VECTOR, ANY_VECTOR, ANY_VECTOR)).astore(c(r, v));
      }
    }
    if (width > 0) {
      code.iinc(BI, width);
    } else {
      code.iload(BI).iload(LDB).iadd().istore(BI);
    }
    code.iinc(index, taps ? 1 : height).goto_(head).labelBinding(end);
    each((r, v) -> {
      code.aload(c(r, v)).aload(C);
      address(CI, LDC, r, v);
      code.invokevirtual(VECTOR, "intoArray", MethodTypeDesc.of(ConstantDescs.CD_void, FLOATS, ConstantDescs.CD_int));
    });
    code.return_();
  }

  /** What is done for a row and a vector. */
  private interface Element {
    void at(int row, int vector);
  }

  private void each(Element element) {
    IntConsumer row = r -> IntStream.range(0, vectors).forEach(v -> element.at(r, v));
    IntStream.range(0, rows).forEach(row);
  }

  /** The variable of a vector of C. */
  private int c(int row, int vector) {
    return RIGHT + vectors + row * vectors + vector;
  }

  /** Pushes the vector of an array that is at {@code index}. */
  private void vector(int array, Runnable index) {
    code.getstatic(SIMD, "F32", SPECIES).aload(array);
    index.run();
    code.invokestatic(VECTOR, "fromArray", MethodTypeDesc.of(VECTOR, SPECIES, FLOATS, ConstantDescs.CD_int));
  }

  /** Pushes {@code start + row·ld + vector·lanes}. */
  private void address(int start, int ld, int row, int vector) {
    code.iload(start).iload(ld).loadConstant(row).imul().iadd().loadConstant(vector * Simd.LANES).iadd();
  }
}
