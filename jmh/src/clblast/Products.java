import dev.tenon.engine.Backend;
import dev.tenon.engine.Backends;
import dev.tenon.engine.Scope;
import dev.tenon.engine.Tensor;
import dev.tenon.engine.op.Linear;
import java.util.Arrays;
import java.util.List;

/** Times the products of products.c with Tenon, in the same way. Arguments: a device, then shapes "m,n,k". */
final class Products {
  private static final int ROUNDS = 7;
  private static final double ROUND_MICROS = 50_000;
  private static final int WARM_UP_CALLS = 20_000;

  public static void main(String[] args) {
    try (Backend backend = Backends.open(Backends.find(args[0]))) {
      List<String> shapes = Arrays.asList(args).subList(1, args.length);
      warmUp(backend);
      for (String shape : shapes) {
        int[] mnk = Arrays.stream(shape.split(",")).mapToInt(Integer::parseInt).toArray();
        try (Scope _ = Scope.open(backend)) {
          Tensor x = matrix(mnk[0], mnk[2]);
          Tensor w = matrix(mnk[1], mnk[2]);
          micros(backend, 1, x, w);
          int calls = Math.max(1, (int) (ROUND_MICROS / micros(backend, 1, x, w)));
          double[] rounds = new double[ROUNDS];
          for (int r = 0; r < ROUNDS; r++) {
            rounds[r] = micros(backend, calls, x, w);
          }
          Arrays.sort(rounds);
          System.out.printf("%s %.0f%n", shape, rounds[ROUNDS / 2]);
        }
      }
    }
  }

  /** Lets the virtual machine compile what stands around the kernels, which is most of a small product's time before that. */
  private static void warmUp(Backend backend) {
    try (Scope _ = Scope.open(backend)) {
      Tensor small = matrix(8, 8);
      for (int i = 0; i < WARM_UP_CALLS; i += 100) {
        micros(backend, 100, small, small);
      }
    }
  }

  private static double micros(Backend backend, int calls, Tensor x, Tensor w) {
    backend.synchronize();
    long start = System.nanoTime();
    for (int i = 0; i < calls; i++) {
      try (Scope _ = Scope.open(backend)) {
        new Linear(false).apply(x, w);
      }
    }
    backend.synchronize();
    return (System.nanoTime() - start) / 1e3 / calls;
  }

  private static Tensor matrix(int rows, int columns) {
    float[] values = new float[rows * columns];
    for (int i = 0; i < values.length; i++) {
      values[i] = i % 17 / 17f - 0.5f;
    }
    return Tensor.of(values, rows, columns);
  }
}
