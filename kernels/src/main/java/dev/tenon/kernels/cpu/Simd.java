package dev.tenon.kernels.cpu;

import dev.tenon.engine.TenonException;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorShape;
import jdk.incubator.vector.VectorSpecies;

/** The vector width every kernel uses, a constant to the compiler: the machine's, or what {@code tenon.vector.bits} asks for. */
final class Simd {
  static final VectorSpecies<Float> F32 = species(Integer.getInteger("tenon.vector.bits", 0));
  static final int LANES = F32.length();
  /** Lanes of the widest vectors that the machine has. */
  static final int WIDEST = FloatVector.SPECIES_PREFERRED.length();
  static final ByteOrder ORDER = ByteOrder.LITTLE_ENDIAN;
  static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ORDER);

  private Simd() {}

  private static VectorSpecies<Float> species(int bits) {
    return switch (bits) {
      case 0 -> FloatVector.SPECIES_PREFERRED;
      case 128, 256, 512 -> VectorSpecies.of(float.class, VectorShape.forBitSize(bits));
      default -> throw new TenonException("tenon.vector.bits is " + bits + "; use 128, 256 or 512, or leave it out");
    };
  }
}
