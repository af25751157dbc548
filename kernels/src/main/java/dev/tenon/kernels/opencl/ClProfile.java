package dev.tenon.kernels.opencl;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.jocl.CL;
import org.jocl.Pointer;
import org.jocl.Sizeof;
import org.jocl.cl_event;

/** How long each kernel took, as the device's own clock tells by events. */
final class ClProfile {
  /** A system property: tell at the end how long each kernel took. */
  static final String PROPERTY = "tenon.opencl.profile";

  private static final int MOST_WAITING = 1000;

  private final Map<String, Time> times = new TreeMap<>();
  private final List<Launch> waiting = new ArrayList<>();

  private record Launch(String kernel, cl_event event) {}

  private record Time(long launches, long nanos) {
    Time and(Time other) {
      return new Time(launches + other.launches, nanos + other.nanos);
    }
  }

  /** Takes over {@code event}. */
  synchronized void add(String kernel, cl_event event) {
    waiting.add(new Launch(kernel, event));
    if (waiting.size() == MOST_WAITING) {
      collect();
    }
  }

  private void collect() {
    for (Launch launch : waiting) {
      CL.clWaitForEvents(1, new cl_event[] {launch.event});
      long nanos = nanos(launch.event, CL.CL_PROFILING_COMMAND_END) - nanos(launch.event, CL.CL_PROFILING_COMMAND_START);
      times.merge(launch.kernel, new Time(1, nanos), Time::and);
      CL.clReleaseEvent(launch.event);
    }
    waiting.clear();
  }

  private static long nanos(cl_event event, int what) {
    long[] value = new long[1];
    ClLibrary.check(CL.clGetEventProfilingInfo(event, what, Sizeof.cl_ulong, Pointer.to(value), null), "an event does not tell its time");
    return value[0];
  }

  /** One line a kernel, the longest first. */
  synchronized String table() {
    collect();
    return times.entrySet().stream().sorted(Comparator.comparingLong(e -> -e.getValue().nanos))
        .map(e -> String.format(Locale.ROOT, "%10.3f ms %8d launches  %s", e.getValue().nanos / 1e6, e.getValue().launches, e.getKey()))
        .collect(Collectors.joining("\n"));
  }
}
