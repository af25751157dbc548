package dev.tenon.kernels.cuda;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Supplier;
import jcuda.driver.CUevent;

/**
 * Reads of a GPU's memory that are asked for now and waited for later, by way of pinned memory: losses of a step, while the host already
 * launches the next.
 */
final class LateReads {
  private final Driver driver;
  private final List<Place> free = new ArrayList<>();

  /** @param arrived recorded behind the copy to the place */
  private record Place(MemorySegment bytes, CUevent arrived) {}

  LateReads(Driver driver) {
    this.driver = driver;
  }

  /** What is at {@code source} after everything launched before; to be asked for once, or else its place is not used again. */
  Supplier<MemorySegment> read(long source, long bytes) {
    Place place = take(bytes);
    MemorySegment pinned = place.bytes.asSlice(0, bytes);
    driver.downloadAsync(source, pinned, place.arrived);
    return () -> {
      driver.await(place.arrived);
      MemorySegment host = Arena.ofAuto().allocate(bytes, Long.BYTES).copyFrom(pinned);
      give(place);
      return host;
    };
  }

  private synchronized Place take(long bytes) {
    for (int i = 0; i < free.size(); i++) {
      if (free.get(i).bytes.byteSize() >= bytes) {
        return free.remove(i);
      }
    }
    return new Place(driver.shared(Math.max(bytes, 1)), driver.event());
  }

  private synchronized void give(Place place) {
    free.add(place);
  }
}
