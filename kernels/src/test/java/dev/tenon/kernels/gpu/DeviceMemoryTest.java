package dev.tenon.kernels.gpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.tenon.engine.TenonException;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** A pool of memory on a device that is made up. */
class DeviceMemoryTest {
  private static final long MIB = 1 << 20;
  private static final String PROPERTY = "tenon.test.memory";

  /** Hands out addresses until it has given {@code total} bytes. */
  private static final class Device implements DeviceMemory.Source {
    private final Map<Long, Long> given = new HashMap<>();
    private final long total;
    private long next = 4096;

    Device(long total) {
      this.total = total;
    }

    private long used() {
      return given.values().stream().mapToLong(Long::longValue).sum();
    }

    @Override
    public long allocate(long bytes) {
      if (used() + bytes > total) {
        return 0;
      }
      next += bytes;
      given.put(next, bytes);
      return next;
    }

    @Override
    public void free(long address) {
      assertThat(given.remove(address)).as("freed once").isNotNull();
    }

    @Override
    public long[] memory() {
      return new long[] {total - used(), total};
    }

    @Override
    public void synchronize() {}
  }

  private static DeviceMemory.Limit limit(long bytes) {
    return new DeviceMemory.Limit(bytes, PROPERTY);
  }

  @Test
  void aBlockIsUsedAgain() {
    Device device = new Device(64 * MIB);
    try (DeviceMemory memory = new DeviceMemory(device, limit(Long.MAX_VALUE))) {
      DeviceMemory.Block block = memory.take(5 * MIB);
      memory.give(block);
      assertThat(memory.take(5 * MIB)).isEqualTo(block);
      memory.give(block);
    }
    assertThat(device.used()).isZero();
  }

  @Test
  void blocksTakenApartAreHeldUntilTheyAreGivenBack() {
    DeviceMemory memory = new DeviceMemory(new Device(64 * MIB), limit(Long.MAX_VALUE));
    DeviceMemory.Block before = memory.take(MIB);
    memory.give(before);
    memory.apart();
    DeviceMemory.Block block = memory.take(MIB);
    memory.give(block);
    assertThat(block).isNotEqualTo(before);
    assertThat(memory.take(MIB)).as("used again").isEqualTo(block);
    memory.give(block);
    assertThatThrownBy(memory::apart).isInstanceOf(IllegalStateException.class);
    List<DeviceMemory.Block> kept = memory.together();
    assertThat(kept).containsExactly(block);
    assertThat(memory.take(MIB)).isEqualTo(before);
    assertThat(memory.take(MIB)).isNotEqualTo(block);
    kept.forEach(memory::give);
    assertThat(memory.take(MIB)).isEqualTo(block);
  }

  @Test
  void whatIsCachedGivesWayToWhatIsWanted() {
    Device device = new Device(8 * MIB);
    DeviceMemory memory = new DeviceMemory(device, limit(Long.MAX_VALUE));
    memory.give(memory.take(5 * MIB));
    memory.take(8 * MIB);
    assertThat(memory.reservedBytes()).isEqualTo(8 * MIB);
  }

  @Test
  void aFullDeviceSaysWhatWasWantedWhatIsHeldAndWhatToDo() {
    DeviceMemory memory = new DeviceMemory(new Device(8 * MIB), limit(Long.MAX_VALUE));
    memory.take(5 * MIB);
    assertThatThrownBy(() -> memory.take(4 * MIB)).isInstanceOf(TenonException.class)
        .hasMessageContainingAll("4.0 MiB wanted", "5.0 MiB held by tensors", "3.0 MiB free of 8.0 MiB", "use a smaller batch");
  }

  @Test
  void theLimitHoldsWhereTheDeviceHasMore() {
    Device device = new Device(64 * MIB);
    DeviceMemory memory = new DeviceMemory(device, limit(8 * MIB));
    DeviceMemory.Block block = memory.take(5 * MIB);
    assertThatThrownBy(() -> memory.take(4 * MIB)).isInstanceOf(TenonException.class)
        .hasMessageContainingAll("4.0 MiB wanted", "5.0 MiB held", "8.0 MiB allowed", "raise -D" + PROPERTY);
    memory.give(block);
    memory.take(4 * MIB);
    assertThat(device.used()).isEqualTo(4 * MIB);
  }

  @ParameterizedTest
  @CsvSource({"1000, 1000", "3K, 3072", "512m, 536870912", "24G, 25769803776", "'', 9223372036854775807"})
  void aLimitIsReadFromAProperty(String text, long bytes) {
    System.setProperty(PROPERTY, text);
    try {
      assertThat(DeviceMemory.Limit.of(PROPERTY).bytes()).isEqualTo(bytes);
    } finally {
      System.clearProperty(PROPERTY);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"24GB", "-1", "lots", "1.5G"})
  void whatIsNoSizeIsRefused(String text) {
    System.setProperty(PROPERTY, text);
    try {
      assertThatThrownBy(() -> DeviceMemory.Limit.of(PROPERTY)).isInstanceOf(TenonException.class)
          .hasMessageContainingAll(PROPERTY, text, "24G");
    } finally {
      System.clearProperty(PROPERTY);
    }
  }
}
