package dev.tenon.training;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.lang.ArchRule;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Holds the arrows between the modules in place, also where the class path would let them slip. */
class ArchitectureTest {
  private static final JavaClasses CLASSES =
      new ClassFileImporter()
          .withImportOption(new ImportOption.DoNotIncludeTests())
          .importPackages("dev.tenon");

  @ParameterizedTest
  @CsvSource({
    "engine,   kernels", "engine,   model",    "engine,   training", "engine,   jmh",
    "kernels,  model",   "kernels,  training", "kernels,  jmh",
    "model,    kernels", "model,    training", "model,    jmh",
    "training, kernels", "training, jmh",
  })
  void moduleMustNotKnow(String from, String to) {
    mustNotKnow(from, to).check(CLASSES);
  }

  @Test
  void engineKnowsOnlyTheJdkAndCommonsMath() {
    noClasses()
        .that()
        .resideInAPackage("dev.tenon.engine..")
        .should()
        .dependOnClassesThat()
        .resideOutsideOfPackages(
            "dev.tenon.engine..", "java..", "javax..", "jdk.jfr..", "org.apache.commons.math3..")
        .check(CLASSES);
  }

  @Test
  void everyModuleThatHasClassesIsSeen() {
    assertThat(List.of("engine", "training"))
        .allSatisfy(
            module ->
                assertThat(CLASSES)
                    .anyMatch(c -> c.getPackageName().startsWith("dev.tenon." + module)));
  }

  @Test
  void anArrowThatExistsIsReported() {
    JavaClasses withTests = new ClassFileImporter().importClasses(ArchitectureTest.class);
    ArchRule rule =
        noClasses()
            .that()
            .resideInAPackage("dev.tenon.training..")
            .should()
            .dependOnClassesThat()
            .resideInAPackage("com.tngtech.archunit..");

    assertThatThrownBy(() -> rule.check(withTests)).isInstanceOf(AssertionError.class);
  }

  private static ArchRule mustNotKnow(String from, String to) {
    return noClasses()
        .that()
        .resideInAPackage("dev.tenon." + from + "..")
        .should()
        .dependOnClassesThat()
        .resideInAPackage("dev.tenon." + to + "..")
        .allowEmptyShould(true);
  }
}
