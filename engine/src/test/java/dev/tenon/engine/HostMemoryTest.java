package dev.tenon.engine;

import static org.assertj.core.api.Assertions.assertThat;

import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.LongRange;
import org.junit.jupiter.api.Test;

/** Blocks fit what was asked for, waste little, and are used again. */
class HostMemoryTest {
  @Property(tries = 300)
  void aBlockFitsAndAtMostAFifthOfItIsWasted(@ForAll @LongRange(min = 0, max = 1 << 22) long bytes) {
    try (HostMemory memory = new HostMemory()) {
      HostMemory.Block block = memory.take(bytes);
      long size = block.segment().byteSize();
      assertThat(size).isGreaterThanOrEqualTo(bytes);
      assertThat(size - bytes).isLessThanOrEqualTo(Math.max(256, size / 5));
      assertThat(block.segment().address() % 64).isZero();
      memory.give(block);
      assertThat(memory.take(size)).isSameAs(block);
      assertThat(memory.reservedBytes()).isEqualTo(size);
      memory.give(block);
    }
  }

  @Test
  void blocksGivenBackAfterClosingGoToTheSystem() {
    HostMemory memory = new HostMemory();
    HostMemory.Block block = memory.take(1);
    memory.close();
    assertThat(block.arena().scope().isAlive()).isTrue();
    memory.give(block);
    assertThat(block.arena().scope().isAlive()).isFalse();
  }
}
