package dev.tenon.kernels.cpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.tenon.engine.TenonException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Random;
import jdk.incubator.vector.FloatVector;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Whichever tile a machine is tuned to, products have the same bits: each element is summed along the depth in order. */
class TileTest {
  private static final int DEPTH = 37;

  @TempDir private Path folder;

  @BeforeAll
  static void wide() {
    int bits = Integer.getInteger("tenon.vector.bits", 0);
    int widest = FloatVector.SPECIES_PREFERRED.vectorBitSize();
    assumeTrue(bits <= widest, () -> "this machine's vectors are of " + widest + " bits, too short for a run with " + bits);
  }

  @ParameterizedTest
  @ValueSource(strings = {"14x2", "6x4", "8x3", "8x2", "5x2", "3x3", "4x2", "6x2"})
  void elementsAreSumsInOrder(String text) {
    Tile tile = Tile.parse(text);
    assertThat(tile).hasToString(text);
    float[] a = random(tile.rows() * DEPTH + 3);
    float[] b = random(tile.columns() * DEPTH + 5);
    float[] from = random(tile.rows() * (tile.columns() + 2) + 1);
    for (int rows = 1; rows <= tile.rows(); rows++) {
      for (int columns = 1; columns <= tile.columns(); columns++) {
        float[] c = new float[tile.rows() * (tile.columns() + 1) + 4];
        tile.run(rows, columns, a, 3, b, 5, DEPTH, from, 1, tile.columns() + 2, c, 4, tile.columns() + 1);
        for (int i = 0; i < rows; i++) {
          for (int j = 0; j < columns; j++) {
            float sum = from[1 + i * (tile.columns() + 2) + j];
            for (int p = 0; p < DEPTH; p++) {
              sum = Math.fma(a[3 + p * tile.rows() + i], b[5 + p * tile.columns() + j], sum);
            }
            if (c[4 + i * (tile.columns() + 1) + j] != sum) {
              assertThat(c[4 + i * (tile.columns() + 1) + j]).as("%s at [%d, %d] of [%d, %d]", text, i, j, rows, columns).isEqualTo(sum);
            }
          }
        }
      }
    }
  }

  private static float[] random(int size) {
    Random random = new Random(3);
    float[] values = new float[size];
    for (int i = 0; i < size; i++) {
      values[i] = random.nextFloat() - 0.5f;
    }
    return values;
  }

  @Test
  void theMachineIsTunedToACandidate() {
    TileTuner tuner = new TileTuner();
    String tile = tuner.tune();
    assertThat(Tile.candidates()).contains(tile);
    assertThat(tuner.report()).contains(tile + " of ", "GFLOP/s");
  }

  @Test
  void theChoiceIsReadAsItWasWrittenAndElseTheFirst() {
    TileChoice choice = new TileChoice(folder.resolve("tuning").resolve("cpu.properties"));
    assertThat(choice.read()).isEqualTo(Tile.candidates().getFirst());
    choice.write(Tile.candidates().getLast());
    assertThat(choice.read()).isEqualTo(Tile.candidates().getLast());
    assertThat(TileChoice.here().file().getFileName().toString()).startsWith("cpu-").endsWith(".properties");
  }

  @Test
  void whatIsNoCandidateIsRefusedWithTheRemedy() throws IOException {
    TileChoice choice = new TileChoice(Files.writeString(folder.resolve("cpu.properties"), "tile=9x9\n"));
    assertThatThrownBy(choice::read).isInstanceOf(TenonException.class)
        .hasMessageContainingAll("cpu.properties", "tile=9x9", Tile.candidates().getFirst(), "run tenon tune --device cpu again");
  }
}
