package dev.tenon.kernels.opencl;

import dev.tenon.engine.DType;
import dev.tenon.engine.TenonException;
import dev.tenon.engine.Tensor;
import dev.tenon.engine.kernel.Call;
import dev.tenon.kernels.gpu.DeviceMemory;
import dev.tenon.kernels.gpu.Grid;
import dev.tenon.kernels.gpu.Launcher;
import dev.tenon.kernels.gpu.Walk;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jocl.CL;
import org.jocl.Pointer;
import org.jocl.Sizeof;
import org.jocl.cl_event;
import org.jocl.cl_kernel;
import org.jocl.cl_mem;
import org.jocl.cl_program;

/** Starts kernels on one OpenCL device. What a launch reports wrong names kernel, grid and operands. */
final class ClLauncher implements Launcher, AutoCloseable {
  /** Bytes that one item copies at most. */
  private static final int WIDEST = 16;

  private final ClQueue queue;
  private final DeviceMemory memory;
  private final ClPrograms programs;
  private final boolean hasDoubles;
  private final boolean hasTeams;
  private final ClProfile profile;
  private final Map<String, cl_program> built = new HashMap<>();
  private final Map<Entry, Prepared> kernels = new HashMap<>();

  /** @param profile takes the times of kernels, or null */
  ClLauncher(ClQueue queue, DeviceMemory memory, ClPrograms programs, boolean hasDoubles, boolean hasTeams, ClProfile profile) {
    this.queue = queue;
    this.memory = memory;
    this.programs = programs;
    this.hasDoubles = hasDoubles;
    this.hasTeams = hasTeams;
    this.profile = profile;
  }

  @Override
  public DType number() {
    return hasDoubles ? DType.F64 : DType.F32;
  }

  @Override
  public boolean hasTeams() {
    return hasTeams;
  }

  @Override
  public DeviceMemory memory() {
    return memory;
  }

  /** Neighbors that stay neighbors are copied together. */
  @Override
  public void copy(Call call, Walk walk, int width, Object x, Object y) {
    Optional<Walk> pairs = hasTeams && width < WIDEST && (address(x) | address(y)) % (2 * width) == 0 ? walk.grouped(2) : Optional.empty();
    if (pairs.isPresent()) {
      copy(call, pairs.get(), 2 * width, x, y);
    } else {
      Launcher.super.copy(call, walk, width, x, y);
    }
  }

  private static long address(Object at) {
    return at instanceof Tensor t ? Launcher.address(t) : (Long) at;
  }

  @Override
  public synchronized void launch(Call call, Entry entry, Grid grid, Object... arguments) {
    if (grid.isEmpty()) {
      return;
    }
    Prepared kernel = kernels.computeIfAbsent(entry, this::prepare);
    int parameter = 0;
    for (Object argument : arguments) {
      if (argument instanceof Group(int[] sizes, long[][] addresses)) {
        parameter = kernel.set(parameter, sizes[0]);
        for (long address : addresses[0]) {
          parameter = kernel.set(parameter, address);
        }
      } else {
        parameter = kernel.set(parameter, argument);
      }
    }
    // One item an element, where the elements are all that counts: a processor's compiler makes vectors of that.
    long groups = grid.elements() > 0 ? (grid.elements() + grid.threads() - 1) / grid.threads() : grid.x();
    cl_event event = profile == null ? null : new cl_event();
    int status = queue.launch(
        kernel.handle, new long[] {groups * grid.threads(), grid.y(), grid.z()}, new long[] {grid.threads(), 1, 1}, event);
    if (status != CL.CL_SUCCESS) {
      throw new TenonException("kernel " + entry.symbol() + " failed with " + grid + " for " + call.describe() + ": "
          + CL.stringFor_errorCode(status));
    }
    if (profile != null) {
      profile.add(entry.symbol(), event);
    }
  }

  /** A kernel and what its parameters are, since telling the driver what it knows is much of a launch of little work. */
  private final class Prepared {
    private final cl_kernel handle;
    private final List<Object> known = new ArrayList<>();

    Prepared(cl_kernel handle) {
      this.handle = handle;
    }

    /** Sets one argument; the number of the next parameter. A pointer takes two: a buffer, and where in it. */
    int set(int parameter, Object argument) {
      // Addresses are never given twice, so the same one is the same buffer.
      Object value = argument instanceof Tensor t ? (Long) Launcher.address(t) : argument;
      while (known.size() <= parameter) {
        known.add(null);
      }
      if (!isSame(known.get(parameter), value)) {
        ClLibrary.check(tell(parameter, value), "argument " + parameter + " of a kernel was not taken");
        known.set(parameter, value);
      }
      return value instanceof Long ? parameter + 2 : parameter + 1;
    }

    private static boolean isSame(Object known, Object value) {
      return known instanceof int[] before && value instanceof int[] now ? Arrays.equals(before, now) : value.equals(known);
    }

    private int tell(int parameter, Object value) {
      return switch (value) {
        case Long address -> place(parameter, address);
        case Whole(long v) -> CL.clSetKernelArg(handle, parameter, Sizeof.cl_long, Pointer.to(new long[] {v}));
        case Integer v -> CL.clSetKernelArg(handle, parameter, Sizeof.cl_int, Pointer.to(new int[] {v}));
        case Double v when !hasDoubles ->
            CL.clSetKernelArg(handle, parameter, Sizeof.cl_float, Pointer.to(new float[] {v.floatValue()}));
        case Double v -> CL.clSetKernelArg(handle, parameter, Sizeof.cl_double, Pointer.to(new double[] {v}));
        case int[] v -> CL.clSetKernelArg(handle, parameter, (long) Sizeof.cl_int * v.length, Pointer.to(v));
        default -> throw new IllegalArgumentException("no kernel parameter can be made of " + value);
      };
    }

    private int place(int parameter, long address) {
      ClQueue.Place place = queue.place(address);
      cl_mem buffer = place.buffer() == null ? new cl_mem() : place.buffer();
      int status = CL.clSetKernelArg(handle, parameter, Sizeof.cl_mem, Pointer.to(buffer));
      return status != CL.CL_SUCCESS ? status
          : CL.clSetKernelArg(handle, parameter + 1, Sizeof.cl_long, Pointer.to(new long[] {place.offset()}));
    }
  }

  private Prepared prepare(Entry entry) {
    String options = ClTypes.options(entry.variant());
    cl_program program = built.computeIfAbsent(entry.text() + " " + options, _ -> programs.program(entry.text(), options));
    int[] status = new int[1];
    cl_kernel kernel = CL.clCreateKernel(program, entry.name(), status);
    ClLibrary.check(status[0], "there is no kernel " + entry.name() + " in " + entry.text() + ".cl");
    return new Prepared(kernel);
  }

  @Override
  public void close() {
    kernels.values().forEach(kernel -> CL.clReleaseKernel(kernel.handle));
    built.values().forEach(CL::clReleaseProgram);
  }
}
