package dev.tenon.kernels.cuda;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.invoke.MethodHandle;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** NVIDIA's run-time compiler, of whichever version is installed (JCuda's own binding wants exactly one). */
final class Nvrtc {
  private static final List<String> LIBRARIES = List.of("libnvrtc.so.13", "libnvrtc.so.12", "libnvrtc.so");

  private final MethodHandle create;
  private final MethodHandle compile;
  private final MethodHandle imageSize;
  private final MethodHandle image;
  private final MethodHandle logSize;
  private final MethodHandle log;
  private final MethodHandle destroy;

  private Nvrtc(SymbolLookup library) {
    create = NativeCalls.bind(library, "nvrtcCreateProgram", ADDRESS, ADDRESS, ADDRESS, JAVA_INT, ADDRESS, ADDRESS);
    compile = NativeCalls.bind(library, "nvrtcCompileProgram", ADDRESS, JAVA_INT, ADDRESS);
    imageSize = NativeCalls.bind(library, "nvrtcGetCUBINSize", ADDRESS, ADDRESS);
    image = NativeCalls.bind(library, "nvrtcGetCUBIN", ADDRESS, ADDRESS);
    logSize = NativeCalls.bind(library, "nvrtcGetProgramLogSize", ADDRESS, ADDRESS);
    log = NativeCalls.bind(library, "nvrtcGetProgramLog", ADDRESS, ADDRESS);
    destroy = NativeCalls.bind(library, "nvrtcDestroyProgram", ADDRESS);
  }

  /** The compiler on the library path or in the toolkit's folder; empty where there is none. */
  static Optional<Nvrtc> find() {
    List<String> names = new ArrayList<>(LIBRARIES);
    for (String home : List.of(System.getenv().getOrDefault("CUDA_HOME", ""), "/usr/local/cuda")) {
      LIBRARIES.stream().map(name -> Path.of(home, "lib64", name)).filter(Files::exists).map(Path::toString).forEach(names::add);
    }
    return names.stream().flatMap(name -> NativeCalls.library(name).stream()).findFirst().map(Nvrtc::new);
  }

  /** What compiling came to: the machine code, or null and what the compiler had to say. */
  record Result(byte[] image, String log) {}

  /** Compiles {@code source}, which may include {@code headers} by their names. */
  Result compile(String name, String source, Map<String, String> headers, List<String> options) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment handle = arena.allocate(ADDRESS);
      int status = (int) create.invokeExact(handle, arena.allocateFrom(source), arena.allocateFrom(name), headers.size(),
          strings(arena, List.copyOf(headers.values())), strings(arena, List.copyOf(headers.keySet())));
      if (status != 0) {
        return new Result(null, "status " + status);
      }
      MemorySegment program = handle.get(ADDRESS, 0);
      status = (int) compile.invokeExact(program, options.size(), strings(arena, options));
      byte[] text = fetch(arena, program, logSize, log);
      byte[] code = status == 0 ? fetch(arena, program, imageSize, image) : null;
      int ended = (int) destroy.invokeExact(handle);
      return ended != 0
          ? new Result(null, "status " + ended)
          : new Result(code, new String(text, StandardCharsets.UTF_8).replace('\0', ' ').strip());
    } catch (Throwable e) {
      throw new AssertionError(e);
    }
  }

  private static byte[] fetch(Arena arena, MemorySegment program, MethodHandle size, MethodHandle content) throws Throwable {
    MemorySegment length = arena.allocate(JAVA_LONG);
    int status = (int) size.invokeExact(program, length);
    MemorySegment bytes = arena.allocate(Math.max(1, length.get(JAVA_LONG, 0)));
    status += (int) content.invokeExact(program, bytes);
    return status == 0 ? bytes.toArray(JAVA_BYTE) : new byte[0];
  }

  private static MemorySegment strings(Arena arena, List<String> texts) {
    MemorySegment pointers = arena.allocate(ADDRESS, Math.max(1, texts.size()));
    for (int i = 0; i < texts.size(); i++) {
      pointers.setAtIndex(ADDRESS, i, arena.allocateFrom(texts.get(i)));
    }
    return pointers;
  }
}
