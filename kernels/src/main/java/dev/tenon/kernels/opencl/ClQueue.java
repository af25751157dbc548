package dev.tenon.kernels.opencl;

import dev.tenon.kernels.gpu.DeviceMemory;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.util.Map;
import java.util.TreeMap;
import org.jocl.CL;
import org.jocl.Pointer;
import org.jocl.cl_command_queue;
import org.jocl.cl_context;
import org.jocl.cl_context_properties;
import org.jocl.cl_device_id;
import org.jocl.cl_event;
import org.jocl.cl_kernel;
import org.jocl.cl_mem;

/**
 * One device's context, its only queue, which runs everything in order, and its memory. OpenCL 1.2 has no addresses on the host, so
 * buffers get addresses of our own; where a kernel wants a pointer, it gets the buffer an address lies in and the distance from its
 * start.
 */
final class ClQueue implements DeviceMemory.Source, AutoCloseable {
  /** What copies to and from the host move at once, as byte buffers of Java end at 2 GiB. */
  private static final long PIECE = 1 << 30;
  private static final long GAP = 4096;

  private final ClDevice device;
  private final boolean isWatched;
  private final cl_context context;
  private final cl_command_queue queue;
  private final TreeMap<Long, Buffer> buffers = new TreeMap<>();
  private long nextAddress = GAP;
  private long usedBytes;

  private record Buffer(cl_mem memory, long bytes) {}

  /** A buffer and a distance in bytes from its start. */
  record Place(cl_mem buffer, long offset) {}

  /**
   * @param profiled whether events tell how long kernels took
   * @param isWatched whether a tool watches accesses: buffers are kept to the end then, as Oclgrind takes a new one in an old one's place
   *     for the old one
   */
  // Version 1.2 has no other call that makes a queue.
  @SuppressWarnings("deprecation")
  ClQueue(ClDevice device, boolean profiled, boolean isWatched) {
    this.device = device;
    this.isWatched = isWatched;
    cl_context_properties properties = new cl_context_properties();
    properties.addProperty(CL.CL_CONTEXT_PLATFORM, device.platform());
    int[] status = new int[1];
    context = CL.clCreateContext(properties, 1, new cl_device_id[] {device.id()}, null, null, status);
    ClLibrary.check(status[0], "no context could be made on " + device.name());
    queue = CL.clCreateCommandQueue(context, device.id(), profiled ? CL.CL_QUEUE_PROFILING_ENABLE : 0, status);
    ClLibrary.check(status[0], "no queue could be made on " + device.name());
  }

  cl_context context() {
    return context;
  }

  @Override
  public synchronized long allocate(long bytes) {
    if (bytes > device.largestBuffer() || usedBytes + bytes > device.memoryBytes()) {
      return 0;
    }
    int[] status = new int[1];
    cl_mem memory = CL.clCreateBuffer(context, CL.CL_MEM_READ_WRITE, bytes, null, status);
    if (status[0] == CL.CL_MEM_OBJECT_ALLOCATION_FAILURE || status[0] == CL.CL_OUT_OF_RESOURCES
        || status[0] == CL.CL_OUT_OF_HOST_MEMORY || status[0] == CL.CL_INVALID_BUFFER_SIZE) {
      return 0;
    }
    ClLibrary.check(status[0], "no memory could be taken on " + device.name());
    long address = nextAddress;
    nextAddress += (bytes + 2 * GAP - 1) / GAP * GAP;
    buffers.put(address, new Buffer(memory, bytes));
    usedBytes += bytes;
    return address;
  }

  @Override
  public synchronized void free(long address) {
    if (isWatched) {
      return;
    }
    Buffer buffer = buffers.remove(address);
    usedBytes -= buffer.bytes();
    ClLibrary.check(CL.clReleaseMemObject(buffer.memory()), "memory could not be freed");
  }

  @Override
  public synchronized long[] memory() {
    return new long[] {device.memoryBytes() - usedBytes, device.memoryBytes()};
  }

  /** What lies at an address; for 0, no buffer. */
  synchronized Place place(long address) {
    if (address == 0) {
      return new Place(null, 0);
    }
    Map.Entry<Long, Buffer> entry = buffers.floorEntry(address);
    return new Place(entry.getValue().memory(), address - entry.getKey());
  }

  /** Copies native host memory to the device; returns when the source may be changed. */
  void upload(MemorySegment source, long target) {
    Place place = place(target);
    for (long at = 0; at < source.byteSize(); at += PIECE) {
      ByteBuffer piece = source.asSlice(at, Math.min(PIECE, source.byteSize() - at)).asByteBuffer();
      ClLibrary.check(CL.clEnqueueWriteBuffer(queue, place.buffer(), true, place.offset() + at, piece.capacity(), Pointer.to(piece), 0,
          null, null), "a copy to " + device.name() + " failed");
    }
  }

  /** Copies from the device to native host memory, after everything launched before. */
  void download(long source, MemorySegment target) {
    Place place = place(source);
    for (long at = 0; at < target.byteSize(); at += PIECE) {
      ByteBuffer piece = target.asSlice(at, Math.min(PIECE, target.byteSize() - at)).asByteBuffer();
      ClLibrary.check(CL.clEnqueueReadBuffer(queue, place.buffer(), true, place.offset() + at, piece.capacity(), Pointer.to(piece), 0,
          null, null), "a copy from " + device.name() + " failed");
    }
  }

  /** The status of putting a kernel into the queue. */
  int launch(cl_kernel kernel, long[] items, long[] group, cl_event event) {
    return CL.clEnqueueNDRangeKernel(queue, kernel, items.length, null, items, group, 0, null, event);
  }

  /** Waits for everything launched so far; the status that this came to. */
  int await() {
    return CL.clFinish(queue);
  }

  @Override
  public void synchronize() {
    ClLibrary.check(await(), "a kernel launched before failed on " + device.name());
  }

  @Override
  public synchronized void close() {
    CL.clFinish(queue);
    buffers.values().forEach(buffer -> CL.clReleaseMemObject(buffer.memory()));
    buffers.clear();
    CL.clReleaseCommandQueue(queue);
    CL.clReleaseContext(context);
  }
}
