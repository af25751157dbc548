package dev.tenon.engine.io;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.tenon.engine.BFloat16;
import dev.tenon.engine.DType;
import dev.tenon.engine.Shape;
import dev.tenon.engine.TenonException;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.IntStream;
import java.util.zip.CRC32;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** NumPy arrays of every order and width must mean the same numbers here. */
class NpyTest {
  @TempDir Path folder;

  @ParameterizedTest
  @CsvSource({
      "<f8,F64", ">f8,F64", "<f4,F32", ">f4,F32", "<f2,F16", ">f2,F16", "|V2,BF16",
      "<i8,I64", ">i8,I64", "<i4,I32", ">i4,I32", "<i2,I32", ">i2,I32", "|i1,I32",
      "<u4,I64", ">u4,I64", "<u2,I32", ">u2,I32", "|u1,U8", "|b1,BOOL"
  })
  void everyTypeAndOrderIsRead(String descr, DType dtype) {
    boolean signed = "fiV".indexOf(descr.charAt(1)) >= 0;
    double[] values = dtype == DType.BOOL ? new double[] {1, 0, 1, 1, 0, 1}
        : new double[] {0, 1, signed ? -1 : largest(descr), 2, 5, signed ? -100 : 100};
    for (int version = 1; version <= 3; version++) {
      String header = "{'descr': '" + descr + "', 'fortran_order': False, 'shape': (2, 3), }   \n";
      TensorEntry read = read(Fixtures.npy(version, header, bytes(descr, values)));
      assertThat(read.dtype()).isEqualTo(dtype);
      assertThat(read.name()).isEqualTo("array");
      assertThat(values(read)).isEqualTo(values);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"<f4", ">f8", "|u1", "<i2"})
  void fortranOrderBecomesRowMajor(String descr) {
    double[] stored = IntStream.range(0, 24).asDoubleStream().toArray();
    String header = "{'descr': '" + descr + "', 'fortran_order': True, 'shape': (2, 3, 4)}";
    TensorEntry read = read(Fixtures.npy(1, header, bytes(descr, stored)));
    assertThat(read.shape()).isEqualTo(Shape.of(2, 3, 4));
    for (int i = 0; i < 2; i++) {
      for (int j = 0; j < 3; j++) {
        for (int k = 0; k < 4; k++) {
          assertThat(read.valueAt((i * 3 + j) * 4 + k)).isEqualTo(i + 2 * j + 6 * k);
        }
      }
    }
  }

  @Test
  void dataLongerThanOneChunkIsReadWhole() {
    double[] values = IntStream.range(0, 100_003).asDoubleStream().toArray();
    for (String descr : List.of("<i4", ">i4")) {
      String header = "{'descr': '" + descr + "', 'fortran_order': False, 'shape': (100003,)}";
      assertThat(values(read(Fixtures.npy(1, header, bytes(descr, values))))).isEqualTo(values);
    }
  }

  @Test
  void scalarsAndEmptyArraysAreRead() {
    String scalar = "{\"descr\": \"<f4\", \"fortran_order\": False, \"shape\": ()}";
    assertThat(read(Fixtures.npy(1, scalar, bytes("<f4", 7))).valueAt(0)).isEqualTo(7);
    String empty = "{'descr': '<f4', 'fortran_order': True, 'shape': (3, 0, 2)}";
    assertThat(read(Fixtures.npy(1, empty, new byte[0])).shape()).isEqualTo(Shape.of(3, 0, 2));
  }

  @ParameterizedTest
  @ValueSource(strings = {
      "", "{", "{}", "{'descr': '<f4'}", "{'descr': '<f4', 'fortran_order': False, 'shape': (1)}",
      "{'descr': '<f4', 'fortran_order': False, 'shape': 1}",
      "{'descr': '<f4', 'fortran_order': 0, 'shape': (1,)}",
      "{'descr': '<f4', 'fortran_order': False, 'shape': (-1,)}",
      "{'descr': '<f4', 'fortran_order': False, 'shape': (1 1)}",
      "{'descr': '<f4', 'fortran_order': False, 'shape': (,)}",
      "{'descr': '<f4', 'fortran_order': False, 'shape': (2,)}",
      "{'descr': '<f4', 'fortran_order': False, 'shape': (0,)}",
      "{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,)}",
      "{'descr': '<f4', 'fortran_order': False, 'shape': (4611686018427387904, 4)}",
      "{'descr': '|i1', 'fortran_order': False, 'shape': (9223372036854775807,)}",
      "{'descr': '<f4', 'fortran_order': False, 'shape': (1,)} x",
      "{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (1,)}",
      "{'descr': '<f4', 'fortran_order': False, 'shape': (1,), 'more': 1}",
      "{'descr': '|O', 'fortran_order': False, 'shape': (1,)}",
      "{'descr': '<c8', 'fortran_order': False, 'shape': (1,)}",
      "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,)}", "{'descr"
  })
  void aBadHeaderIsRefused(String header) throws IOException {
    Path file = Fixtures.file(folder, "array.npy", Fixtures.npy(1, header, new byte[4]));
    assertThat(Fixtures.refusal(file, () -> Npy.read(file, Arena.ofAuto()))).contains("'array'");
  }

  @Test
  void anArchiveGivesItsArraysByName() throws IOException {
    for (int method : new int[] {ZipEntry.STORED, ZipEntry.DEFLATED}) {
      String pair = "{'descr': '<f4', 'fortran_order': False, 'shape': (2,)}";
      String scalar = "{'descr': '>i2', 'fortran_order': False, 'shape': ()}";
      byte[] a = Fixtures.npy(1, pair, bytes("<f4", 1, 2));
      byte[] b = Fixtures.npy(1, scalar, bytes(">i2", -3));
      Path file = Fixtures.file(folder, "w.npz", zip(method, List.of("block/kernel", "bias"), List.of(a, b)));
      try (Npz npz = Npz.open(file)) {
        assertThat(npz.names()).containsExactly("block/kernel", "bias");
        assertThat(values(npz.entry("block/kernel"))).containsExactly(1, 2);
        assertThat(npz.entry("bias").valueAt(0)).isEqualTo(-3);
        assertThatThrownBy(() -> npz.entry("none")).isInstanceOf(TenonException.class)
            .hasMessageContaining("'none'");
      }
    }
  }

  @Test
  void anArchiveCannotClaimMemoryItDoesNotFill() throws IOException {
    String claim = "{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000,)}";
    byte[] greedy = Fixtures.npy(1, claim, new byte[8]);
    Path file = Fixtures.file(folder, "g.npz", zip(ZipEntry.DEFLATED, List.of("g"), List.of(greedy)));
    try (Npz npz = Npz.open(file)) {
      assertThat(Fixtures.refusal(file, () -> npz.entry("g"))).contains("'g'");
    }
  }

  @Test
  void whatIsNoArchiveIsRefused() throws IOException {
    Path text = Fixtures.file(folder, "t.npz", "hello".getBytes());
    assertThat(Fixtures.refusal(text, () -> Npz.open(text))).isNotNull();
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    try (ZipOutputStream zip = new ZipOutputStream(out)) {
      zip.putNextEntry(new ZipEntry("readme.txt"));
    }
    Path other = Fixtures.file(folder, "o.npz", out.toByteArray());
    assertThat(Fixtures.refusal(other, () -> Npz.open(other))).contains("readme.txt");
  }

  private TensorEntry read(byte[] content) {
    return Npy.read(Fixtures.file(folder, "array.npy", content), Arena.ofAuto());
  }

  private static double largest(String descr) {
    return Math.pow(2, 8 * (descr.charAt(2) - '0')) - 1;
  }

  private static double[] values(TensorEntry entry) {
    return IntStream.range(0, (int) entry.shape().size()).mapToDouble(entry::valueAt).toArray();
  }

  private static byte[] bytes(String descr, double... values) {
    int width = descr.charAt(2) - '0';
    ByteBuffer out = ByteBuffer.allocate(values.length * width)
        .order(descr.charAt(0) == '>' ? ByteOrder.BIG_ENDIAN : ByteOrder.LITTLE_ENDIAN);
    for (double v : values) {
      switch (descr.substring(1)) {
        case "f8" -> out.putDouble(v);
        case "f4" -> out.putFloat((float) v);
        case "f2" -> out.putShort(Float.floatToFloat16((float) v));
        case "V2" -> out.putShort(BFloat16.fromFloat((float) v));
        case "i8" -> out.putLong((long) v);
        case "i4", "u4" -> out.putInt((int) (long) v);
        case "i2", "u2" -> out.putShort((short) (long) v);
        default -> out.put((byte) (long) v);
      }
    }
    return out.array();
  }

  static byte[] zip(int method, List<String> names, List<byte[]> arrays) throws IOException {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    try (ZipOutputStream zip = new ZipOutputStream(out)) {
      for (int i = 0; i < names.size(); i++) {
        ZipEntry member = new ZipEntry(names.get(i) + ".npy");
        member.setMethod(method);
        if (method == ZipEntry.STORED) {
          CRC32 crc = new CRC32();
          crc.update(arrays.get(i));
          member.setCrc(crc.getValue());
          member.setSize(arrays.get(i).length);
        }
        zip.putNextEntry(member);
        zip.write(arrays.get(i));
        zip.closeEntry();
      }
    }
    return out.toByteArray();
  }
}
