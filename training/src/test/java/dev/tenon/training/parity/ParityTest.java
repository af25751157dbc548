package dev.tenon.training.parity;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.tenon.engine.Backend;
import dev.tenon.engine.Backends;
import dev.tenon.engine.DType;
import dev.tenon.engine.Device;
import dev.tenon.training.parity.Outcome.Verdict;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

/** Holds every op, optimizer and model to the recorded values of the reference implementations. */
class ParityTest {
  private static Backend cpu;
  /** Null where there is no device. */
  private static Backend openCl;

  @BeforeAll
  static void open() {
    cpu = Backends.open(Device.CPU);
    boolean hasDevice = Backends.providers().stream().anyMatch(p -> p.kind() == Device.Kind.OPENCL && !p.discover().startsWith("none"));
    openCl = hasDevice ? Backends.open(Device.parse("opencl")) : null;
  }

  @AfterAll
  static void close() {
    cpu.close();
    if (openCl != null) {
      openCl.close();
    }
  }

  @TestFactory
  Stream<DynamicTest> singlePrecision() {
    return replays(cpu, DType.F32);
  }

  @TestFactory
  Stream<DynamicTest> doublePrecision() {
    return replays(cpu, DType.F64);
  }

  @TestFactory
  Stream<DynamicTest> singlePrecisionOnOpenCl() {
    assumeTrue(openCl != null, "there is no OpenCL device here");
    return replays(openCl, DType.F32);
  }

  private static Stream<DynamicTest> replays(Backend backend, DType dtype) {
    Path folder = Path.of(System.getProperty("tenon.golden", "../../shared/golden"));
    assumeTrue(Files.isDirectory(folder), () -> folder + " is not there; set tenon.golden to the folder of cases");
    Parity parity = new Parity(backend, dtype);
    return Parity.cases(folder, "*").stream()
        .map(file -> DynamicTest.dynamicTest(GoldenCase.nameOf(file), () -> {
          Outcome outcome = parity.replay(file);
          assumeTrue(outcome.verdict() != Verdict.NOT_YET_KNOWN || outcome.name().startsWith("op_"), outcome::toString);
          assertThat(outcome.verdict()).as(outcome.toString()).isEqualTo(Verdict.PASSED);
        }));
  }
}
