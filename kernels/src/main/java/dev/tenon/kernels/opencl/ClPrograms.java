package dev.tenon.kernels.opencl;

import dev.tenon.engine.TenonException;
import dev.tenon.engine.io.AtomicFile;
import dev.tenon.engine.io.CacheFolder;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jocl.CL;
import org.jocl.Pointer;
import org.jocl.Sizeof;
import org.jocl.cl_context;
import org.jocl.cl_device_id;
import org.jocl.cl_program;

/**
 * Turns kernel texts into programs for one device. What was compiled is kept in a folder, under a name that changes with the text,
 * the options, the device and its driver.
 */
final class ClPrograms {
  private static final Pattern INCLUDE = Pattern.compile("#include \"(.*)\"");

  /** A platform that keeps each kernel that was used itself; asked for a program's code it would compile all of its kernels first. */
  private static final String KEEPS_KERNELS = "Portable Computing Language";

  private final ClDevice device;
  private final cl_context context;
  private final Path cache;
  private int compiled;
  private int reused;

  ClPrograms(ClDevice device, cl_context context, Path cache) {
    this.device = device;
    this.context = context;
    this.cache = cache;
  }

  /** For people: how many programs were compiled, and how many came from the cache. */
  @Override
  public String toString() {
    return compiled + " programs compiled, " + reused + " from " + cache;
  }

  /**
   * The program of the text called {@code name}, built with {@code options}.
   *
   * @throws TenonException with the compiler's log when it does not compile
   */
  cl_program program(String name, String options) {
    String source = text(name + ".cl");
    String all = "-cl-std=CL1.2" + (device.exactDivision() ? " -cl-fp32-correctly-rounded-divide-sqrt " : " ") + options;
    Path file = cache.resolve(name + "-" + hash(source, all, device.platformName(), device.name(), device.driver()) + ".clbin");
    Optional<cl_program> known = load(file, all);
    if (known.isPresent()) {
      reused++;
      return known.get();
    }
    int[] status = new int[1];
    cl_program program = CL.clCreateProgramWithSource(context, 1, new String[] {source}, null, status);
    ClLibrary.check(status[0], "the kernel text " + name + ".cl was not taken");
    if (!build(program, all)) {
      throw new TenonException(
          "the kernel text " + name + ".cl does not compile on " + device.name() + " with " + all + ": " + log(program));
    }
    compiled++;
    keep(file, program);
    return program;
  }

  private boolean build(cl_program program, String options) {
    return JvmHandlers.keep(() -> CL.clBuildProgram(program, 1, new cl_device_id[] {device.id()}, options, null, null)) == CL.CL_SUCCESS;
  }

  private Optional<cl_program> load(Path file, String options) {
    if (!Files.isRegularFile(file)) {
      return Optional.empty();
    }
    try {
      byte[] binary = Files.readAllBytes(file);
      int[] status = new int[1];
      cl_program program = CL.clCreateProgramWithBinary(
          context, 1, new cl_device_id[] {device.id()}, new long[] {binary.length}, new byte[][] {binary}, new int[1], status);
      boolean good = status[0] == CL.CL_SUCCESS && build(program, options);
      return good ? Optional.of(program) : Optional.empty();
    } catch (IOException e) {
      throw new TenonException("the kernel cache " + cache + " cannot be read: " + e.getMessage() + "; name another folder in "
          + CacheFolder.VARIABLE, e);
    }
  }

  /** Compiled code is worth more than the cache: where it cannot be kept, the next start compiles again. */
  private void keep(Path file, cl_program program) {
    if (device.platformName().equals(KEEPS_KERNELS)) {
      return;
    }
    long[] size = new long[1];
    if (CL.clGetProgramInfo(program, CL.CL_PROGRAM_BINARY_SIZES, Sizeof.size_t, Pointer.to(size), null) != CL.CL_SUCCESS || size[0] == 0) {
      return;
    }
    byte[] binary = new byte[(int) size[0]];
    ClLibrary.check(CL.clGetProgramInfo(program, CL.CL_PROGRAM_BINARIES, Sizeof.POINTER, Pointer.to(Pointer.to(binary)), null),
        "a compiled program could not be read");
    try {
      Files.createDirectories(cache);
      AtomicFile.write(file, channel -> channel.write(ByteBuffer.wrap(binary)));
    } catch (IOException | TenonException e) {
      System.getLogger(ClPrograms.class.getName())
          .log(System.Logger.Level.WARNING, () -> "compiled kernels are not kept: " + e.getMessage());
    }
  }

  private String log(cl_program program) {
    long[] size = new long[1];
    CL.clGetProgramBuildInfo(program, device.id(), CL.CL_PROGRAM_BUILD_LOG, 0, null, size);
    byte[] log = new byte[(int) size[0]];
    CL.clGetProgramBuildInfo(program, device.id(), CL.CL_PROGRAM_BUILD_LOG, log.length, Pointer.to(log), null);
    return ClDevice.string(log);
  }

  /** A text with what it includes, since compilers find no files in a jar. What they complain of is counted in the file it is in. */
  private static String text(String name) {
    List<String> lines = read(name).lines().toList();
    StringBuilder text = new StringBuilder("#line 1 \"" + name + "\"\n");
    for (int i = 0; i < lines.size(); i++) {
      Matcher include = INCLUDE.matcher(lines.get(i));
      text.append(include.matches() ? text(include.group(1)) + "#line " + (i + 2) + " \"" + name + "\"" : lines.get(i)).append('\n');
    }
    return text.toString();
  }

  private static String read(String name) {
    try (InputStream stream = ClPrograms.class.getResourceAsStream(name)) {
      if (stream == null) {
        throw new IllegalStateException("the jar lacks the kernel text " + name);
      }
      return new String(stream.readAllBytes(), StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** A name for {@code texts} together. */
  static String hash(String... texts) {
    try {
      MessageDigest digest = MessageDigest.getInstance("SHA-256");
      for (String text : texts) {
        digest.update(text.getBytes(StandardCharsets.UTF_8));
        digest.update((byte) 0);
      }
      return HexFormat.of().formatHex(digest.digest(), 0, 8);
    } catch (NoSuchAlgorithmException e) {
      throw new AssertionError(e);
    }
  }
}
