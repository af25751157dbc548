package dev.tenon.kernels.opencl;

import dev.tenon.engine.DType;
import dev.tenon.engine.Shape;
import dev.tenon.engine.Tensor;
import dev.tenon.engine.kernel.Call;
import dev.tenon.engine.kernel.Kernel;
import dev.tenon.engine.op.Binary;
import dev.tenon.engine.op.GatedGelu;
import dev.tenon.engine.op.GatedGeluGrad;
import dev.tenon.engine.op.LayerNorm;
import dev.tenon.engine.op.LayerNormGrad;
import dev.tenon.engine.op.Unary;
import dev.tenon.engine.op.UnaryGrad;
import dev.tenon.kernels.gpu.Fit;
import dev.tenon.kernels.gpu.GemmKernels;
import dev.tenon.kernels.gpu.Grid;
import dev.tenon.kernels.gpu.Launcher;
import dev.tenon.kernels.gpu.OpKernel;
import dev.tenon.kernels.gpu.Operands;
import dev.tenon.kernels.gpu.Products;
import dev.tenon.kernels.gpu.ReduceKernels;
import dev.tenon.kernels.gpu.Walk;
import java.util.List;

/**
 * Launches the texts whose names begin with {@code wide}: what a processor does better with an item a core than with groups of items.
 *
 * @param rows that an item of a product computes: enough to be worth a start, few enough to keep all cores busy
 */
record WideKernels(Launcher launcher, ReduceKernels reductions, int rows) {
  private static final String GEMM = "wideGemm";
  private static final String ROWS = "wideRows";
  private static final String ELEMENTWISE = "wideElementwise";
  private static final String VARIANT = "f32";
  private static final int STRIP = 32;
  private static final int LANES = 16;

  /** Elements that an item of a flat function works on. */
  private static final int SPAN = 1024;

  /** Rows of a norm's gradient, where they have no sum in common. */
  private static final int CHUNK = 4;

  /** In front of the kernels that work in groups. */
  List<Kernel> all() {
    return List.of(
        new OpKernel("wide", LayerNorm.class, WideKernels::refusal, this::layerNorm),
        new OpKernel("wide", LayerNormGrad.class, WideKernels::refusal, this::layerNormGrad),
        new OpKernel("wide", Unary.class, c -> flatRefusal(c, ((Unary) c.op()).fn() == Unary.Fn.GELU), c -> flat(c, "geluOf")),
        new OpKernel("wide", UnaryGrad.class, c -> flatRefusal(c, ((UnaryGrad) c.op()).fn() == Unary.Fn.GELU), c -> flat(c, "geluGradOf")),
        new OpKernel("wide", GatedGelu.class, WideKernels::refusal, this::gatedGelu),
        new OpKernel("wide", GatedGeluGrad.class, WideKernels::refusal, this::gatedGeluGrad),
        new OpKernel("wide", Binary.class, c -> flatRefusal(c, name(c) != null), c -> flat(c, name(c))));
  }

  private static String refusal(Call call) {
    return takes(call.input(0).dtype()) ? Fit.real(call) : "computes in F32";
  }

  /** {@code known} says whether there is a kernel of the function. */
  private static String flatRefusal(Call call, boolean known) {
    Shape shape = call.output(0).shape();
    boolean flat = call.inputs().stream().allMatch(t -> t.layout().isContiguous() && t.shape().equals(shape));
    return known && flat ? refusal(call) : "computes GELU, sums and products of contiguous operands of one shape";
  }

  private static String name(Call call) {
    return switch (((Binary) call.op()).fn()) {
      case ADD -> "add";
      case MUL -> "multiply";
      default -> null;
    };
  }

  private void flat(Call call, String name) {
    int size = (int) call.output(0).size();
    launcher.launch(call, entry(ELEMENTWISE, name), Grid.of((size + SPAN - 1L) / SPAN, 1), size, call.input(0),
        call.inputs().getLast(), call.output(0));
  }

  private void gatedGelu(Call call) {
    try (Operands in = launcher.operands(call)) {
      int width = (int) call.output(0).dim(-1) / ((GatedGelu) call.op()).experts();
      launcher.launch(call, entry(ELEMENTWISE, "gatedGeluOf"), Grid.of(call.input(1).size(), 1), width, in.contiguous(0), in.contiguous(1),
          call.output(0));
    }
  }

  private void gatedGeluGrad(Call call) {
    try (Operands in = launcher.operands(call)) {
      int width = (int) call.output(0).dim(-1) / ((GatedGeluGrad) call.op()).experts();
      launcher.launch(call, entry(ELEMENTWISE, "gatedGeluGradOf"), Grid.of(call.output(1).size(), 1), width, in.contiguous(0),
          in.contiguous(1), in.contiguous(2), call.output(0), call.output(1));
    }
  }

  static boolean takes(DType dtype) {
    return dtype == DType.F32;
  }

  /**
   * {@code c = scale·(one + two) + bias}.
   *
   * @param batch walks over a, b and c
   * @param strideC from a row of c to the next
   * @param two for all of the batch; its a is dense
   */
  void product(Call call, Walk batch, int m, int n, int strideC, Products.Factors one, Products.Factors two, Object bias, double scale,
      Object c) {
    try (Operands in = launcher.operands(call)) {
      int samples = (int) batch.size();
      int k = one.k();
      int strips = (n + STRIP - 1) / STRIP;
      Walk where = batch;
      Object left = one.a();
      int stride = one.aRow();
      if (one.aColumn() != 1 && k > 1) {
        left = in.scratch(4L * samples * m * k);
        launcher.launch(call, entry(GEMM, "rowsOf"), new Grid((k + LANES - 1) / LANES, (m + LANES - 1) / LANES, samples, 1), batch.pack(),
            m, k, one.aRow(), one.aColumn(), one.a(), left);
        where = new Walk(samples, batch.dims(), new long[][] {dense(batch, (long) m * k), batch.strides()[1], batch.strides()[2]});
        stride = k;
      }
      long packed = pack(call, in, batch, samples, n, one);
      long packed2 = two.k() == 0 ? 0 : pack(call, in, GemmKernels.SINGLE, 1, n, two);
      launcher.launch(call, entry(GEMM, "gemm"), new Grid((m + rows - 1) / rows, strips, samples, 1), where.pack(), m, n, k, stride,
          two.k(), strideC, rows, scale, left, packed, two.a(), packed2, bias, c);
    }
  }

  /** The same for a row-major c, and a batch that walks over a and b. */
  void product(Call call, Walk batch, int m, int n, Products.Factors one, Products.Factors two, Object bias, double scale, Object c) {
    Walk all = new Walk(batch.size(), batch.dims(), new long[][] {batch.strides()[0], batch.strides()[1], dense(batch, (long) m * n)});
    product(call, all, m, n, n, one, two, bias, scale, c);
  }

  /** Steps along the dimensions of a batch whose samples of {@code size} elements lie one after the other. */
  private static long[] dense(Walk batch, long size) {
    long[] strides = new long[batch.dims().length];
    long next = size;
    for (int d = strides.length - 1; d >= 0; d--) {
      strides[d] = next;
      next *= batch.dims()[d];
    }
    return strides;
  }

  private long pack(Call call, Operands in, Walk batch, int samples, int n, Products.Factors factors) {
    int k = factors.k();
    int strips = (n + STRIP - 1) / STRIP;
    long packed = in.scratch(4L * samples * strips * STRIP * Math.max(k, 1));
    launcher.launch(call, entry(GEMM, "pack"), new Grid((k + LANES - 1) / LANES, strips, samples, 1), batch.pack(), k, n, factors.bRow(),
        factors.bColumn(), factors.b(), packed);
    return packed;
  }

  static Launcher.Entry entry(String text, String name) {
    return new Launcher.Entry(text, name, VARIANT);
  }

  private void layerNormGrad(Call call) {
    try (Operands in = launcher.operands(call)) {
      int count = (int) call.input(2).size();
      int n = count == 0 ? (int) call.output(1).size() : (int) (call.input(1).size() / count);
      Object[] operands = new Object[4];
      for (int i = 0; i < operands.length; i++) {
        operands[i] = in.contiguous(i);
      }
      ReduceKernels.Parts launch = (chunk, chunks, parts) -> launcher.launch(call, entry(ROWS, "layerNormGrad"), Grid.of(chunks, 1), count,
          n, chunk, operands[0], operands[1], operands[2], operands[3], parts == 0 ? 0L : in.contiguous(4), call.output(0), parts);
      if (((LayerNormGrad) call.op()).affine()) {
        reductions.pairs(call, in, count, n, launch);
      } else {
        launch.launch(CHUNK, (count + CHUNK - 1) / CHUNK, 0);
      }
    }
  }

  private void layerNorm(Call call) {
    try (Operands in = launcher.operands(call)) {
      LayerNorm op = (LayerNorm) call.op();
      Tensor mean = call.output(1);
      int rows = (int) mean.size();
      int n = rows == 0 ? 0 : (int) (call.input(0).size() / rows);
      launcher.launch(call, entry(ROWS, "layerNorm"), Grid.of(rows, 1), n, in.contiguous(0), op.affine() ? in.contiguous(1) : 0L,
          op.affine() ? in.contiguous(2) : 0L, call.output(0), mean, call.output(2), op.eps());
    }
  }
}
