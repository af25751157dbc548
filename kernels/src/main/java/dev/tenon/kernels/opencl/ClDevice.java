package dev.tenon.kernels.opencl;

import dev.tenon.engine.TenonException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.jocl.CL;
import org.jocl.Pointer;
import org.jocl.Sizeof;
import org.jocl.cl_device_id;
import org.jocl.cl_platform_id;

/**
 * One OpenCL device and what it can do, before it is used. Devices are counted over all platforms, platform by platform.
 *
 * @param index among all devices
 * @param at {@code platform.device}
 * @param driver the device's version and its driver's, which compiled code depends on
 * @param localBytes local memory a work-group can have
 * @param exactDivision whether programs may ask for correctly rounded division and square root
 */
record ClDevice(cl_platform_id platform, cl_device_id id, int index, String at, String platformName, String name, String driver,
    boolean isCpu, int units, long memoryBytes, long largestBuffer, int localBytes, int largestGroup, boolean exactDivision,
    List<String> extensions) {
  /** A system property: on a processor, too, use the kernels for GPUs, whose items work in groups. */
  private static final String GROUPS = "tenon.opencl.groups";

  /** Why no device can be used on this machine, or empty when one can. Loads nothing native unless a loader is installed. */
  static Optional<String> missing() {
    Optional<String> reason = ClLibrary.missing();
    return reason.isPresent() || !all().isEmpty() ? reason
        : Optional.of("an OpenCL loader is installed, but it finds no device (a driver names itself in /etc/OpenCL/vendors)");
  }

  /** Every device. Only after {@link ClLibrary#missing} answered nothing. */
  static List<ClDevice> all() {
    return JvmHandlers.keep(ClDevice::list);
  }

  private static List<ClDevice> list() {
    int[] count = new int[1];
    List<ClDevice> devices = new ArrayList<>();
    // A loader without drivers answers with an error of its own.
    if (CL.clGetPlatformIDs(0, null, count) != CL.CL_SUCCESS || count[0] == 0) {
      return devices;
    }
    cl_platform_id[] platforms = new cl_platform_id[count[0]];
    ClLibrary.check(CL.clGetPlatformIDs(platforms.length, platforms, null), "the OpenCL platforms could not be listed");
    for (int p = 0; p < platforms.length; p++) {
      if (CL.clGetDeviceIDs(platforms[p], CL.CL_DEVICE_TYPE_ALL, 0, null, count) != CL.CL_SUCCESS || count[0] == 0) {
        continue;
      }
      cl_device_id[] ids = new cl_device_id[count[0]];
      ClLibrary.check(CL.clGetDeviceIDs(platforms[p], CL.CL_DEVICE_TYPE_ALL, ids.length, ids, null), "devices could not be listed");
      for (int d = 0; d < ids.length; d++) {
        devices.add(of(platforms[p], ids[d], devices.size(), p + "." + d));
      }
    }
    return devices;
  }

  private static ClDevice of(cl_platform_id platform, cl_device_id id, int index, String at) {
    long single = number(id, CL.CL_DEVICE_SINGLE_FP_CONFIG);
    return new ClDevice(platform, id, index, at, platformText(platform, CL.CL_PLATFORM_NAME), text(id, CL.CL_DEVICE_NAME),
        text(id, CL.CL_DEVICE_VERSION) + ", driver " + text(id, CL.CL_DRIVER_VERSION),
        (number(id, CL.CL_DEVICE_TYPE) & CL.CL_DEVICE_TYPE_CPU) != 0, (int) number(id, CL.CL_DEVICE_MAX_COMPUTE_UNITS),
        number(id, CL.CL_DEVICE_GLOBAL_MEM_SIZE), number(id, CL.CL_DEVICE_MAX_MEM_ALLOC_SIZE),
        (int) Math.min(Integer.MAX_VALUE, number(id, CL.CL_DEVICE_LOCAL_MEM_SIZE)),
        (int) number(id, CL.CL_DEVICE_MAX_WORK_GROUP_SIZE), (single & CL.CL_FP_CORRECTLY_ROUNDED_DIVIDE_SQRT) != 0,
        List.of(text(id, CL.CL_DEVICE_EXTENSIONS).split("\\s+")));
  }

  /**
   * The device that {@code selector} means: its index, {@code platform.device}, or a part of its name or its platform's.
   *
   * @throws TenonException naming the devices there are, when it means none or several
   */
  static ClDevice select(List<ClDevice> devices, String selector) {
    String wanted = selector.toLowerCase(Locale.ROOT);
    List<ClDevice> exact = devices.stream().filter(d -> wanted.equals(d.at) || wanted.equals(Integer.toString(d.index))).toList();
    List<ClDevice> found = !exact.isEmpty() ? exact
        : devices.stream().filter(d -> (d.platformName + " " + d.name).toLowerCase(Locale.ROOT).contains(wanted)).toList();
    if (found.size() != 1) {
      throw new TenonException("device opencl:" + selector + (found.isEmpty() ? " does not exist" : " means several devices")
          + "; there are " + devices.stream().map(d -> "opencl:" + d.at + " (" + d.name + ")").collect(Collectors.joining(", ")));
    }
    return found.getFirst();
  }

  boolean has(String extension) {
    return extensions.contains(extension);
  }

  /** Whether it computes in F64. */
  boolean hasDoubles() {
    return has("cl_khr_fp64");
  }

  /** Whether it works by groups of items: not a processor, unless it is told to. */
  boolean hasTeams() {
    return !isCpu || Boolean.getBoolean(GROUPS);
  }

  /** For people: the device, and which of the features that not every device has it has. */
  @Override
  public String toString() {
    String features = IntStream.range(0, FEATURES.size() / 2).filter(i -> has(FEATURES.get(2 * i)))
        .mapToObj(i -> FEATURES.get(2 * i + 1)).collect(Collectors.joining(", "));
    return String.format(Locale.ROOT, "opencl:%d %s (platform.device %s, %s), %d compute units, %.1f GiB, %s%s", index, name, at,
        platformName, units, memoryBytes / (double) (1L << 30), driver, features.isEmpty() ? "" : "; has " + features);
  }

  private static final List<String> FEATURES = List.of("cl_khr_fp64", "fp64", "cl_khr_fp16", "fp16", "cl_khr_subgroups", "subgroups",
      "cl_khr_integer_dot_product", "int8 dot products");

  private static long number(cl_device_id id, int what) {
    long[] value = new long[1];
    ClLibrary.check(CL.clGetDeviceInfo(id, what, Sizeof.cl_ulong, Pointer.to(value), null), "an OpenCL device does not describe itself");
    return value[0];
  }

  private static String text(cl_device_id id, int what) {
    long[] size = new long[1];
    ClLibrary.check(CL.clGetDeviceInfo(id, what, 0, null, size), "an OpenCL device does not describe itself");
    byte[] bytes = new byte[(int) size[0]];
    ClLibrary.check(CL.clGetDeviceInfo(id, what, bytes.length, Pointer.to(bytes), null), "an OpenCL device does not describe itself");
    return string(bytes);
  }

  private static String platformText(cl_platform_id id, int what) {
    long[] size = new long[1];
    ClLibrary.check(CL.clGetPlatformInfo(id, what, 0, null, size), "an OpenCL platform does not describe itself");
    byte[] bytes = new byte[(int) size[0]];
    ClLibrary.check(CL.clGetPlatformInfo(id, what, bytes.length, Pointer.to(bytes), null), "an OpenCL platform does not describe itself");
    return string(bytes);
  }

  /** Text that ends with a zero. */
  static String string(byte[] bytes) {
    return new String(bytes, StandardCharsets.UTF_8).replace("\0", "").strip();
  }
}
