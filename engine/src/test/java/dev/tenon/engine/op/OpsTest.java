package dev.tenon.engine.op;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** The catalogue lists every op there is. */
class OpsTest {
  @Test
  void everyOpRecordIsInTheCatalogue() throws IOException, URISyntaxException {
    Set<Class<?>> listed = Ops.ALL.stream().map(Ops.Entry::type).collect(Collectors.toSet());
    assertThat(opRecords()).hasSizeGreaterThan(40).containsExactlyInAnyOrderElementsOf(listed);
  }

  @Test
  void namesAreUnique() {
    assertThat(Ops.ALL.stream().map(Ops.Entry::name)).doesNotHaveDuplicates();
  }

  /** The records of the op package that are ops, found as class files. */
  private static Set<Class<?>> opRecords() throws IOException, URISyntaxException {
    Path folder = Path.of(Op.class.getResource("Op.class").toURI()).getParent();
    try (Stream<Path> files = Files.list(folder)) {
      return files.map(file -> file.getFileName().toString())
          .filter(name -> name.endsWith(".class"))
          .map(name -> load(name.substring(0, name.length() - ".class".length())))
          .filter(type -> type.isRecord() && Op.class.isAssignableFrom(type) && type.getEnclosingClass() == null)
          .collect(Collectors.toSet());
    }
  }

  private static Class<?> load(String name) {
    try {
      return Class.forName(Op.class.getPackageName() + "." + name);
    } catch (ClassNotFoundException e) {
      throw new AssertionError(e);
    }
  }
}
