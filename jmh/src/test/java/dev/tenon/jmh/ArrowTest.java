package dev.tenon.jmh;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The arrows between all modules, seen from the one that has them all on its class path; it has no module descriptor of its own. */
class ArrowTest {
  private static final JavaClasses CLASSES =
      new ClassFileImporter().withImportOption(new ImportOption.DoNotIncludeTests()).importPackages("dev.tenon");

  @ParameterizedTest
  @ValueSource(strings = {"engine", "kernels", "model", "training", "jmh"})
  void everyModuleIsSeen(String module) {
    assertThat(CLASSES).anyMatch(c -> c.getPackageName().startsWith("dev.tenon." + module));
  }

  @ParameterizedTest
  @CsvSource({
    "engine,   kernels", "engine,   model",    "engine,   training", "engine,   jmh",
    "kernels,  model",   "kernels,  training", "kernels,  jmh",
    "model,    kernels", "model,    training", "model,    jmh",
    "training, kernels", "training, jmh",
  })
  void moduleMustNotKnow(String from, String to) {
    noClasses().that().resideInAPackage("dev.tenon." + from + "..")
        .should().dependOnClassesThat().resideInAPackage("dev.tenon." + to + "..").check(CLASSES);
  }

  /** Kernels are found by ServiceLoader; of their tests only the bounds are used, which results are held to. */
  @ParameterizedTest
  @ValueSource(strings = {"cpu", "cuda", "opencl"})
  void benchmarksImportNoKernel(String backend) {
    noClasses().that().resideInAPackage("dev.tenon.jmh..")
        .should().dependOnClassesThat().resideInAPackage("dev.tenon.kernels." + backend + "..").check(CLASSES);
  }
}
