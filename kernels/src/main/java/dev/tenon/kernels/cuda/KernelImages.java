package dev.tenon.kernels.cuda;

import dev.tenon.engine.TenonException;
import dev.tenon.engine.io.AtomicFile;
import dev.tenon.engine.io.CacheFolder;
import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.net.URL;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * Turns the kernel texts into code for one GPU. The code comes from the first of: the jar of binaries, which a build with a compiler makes
 * beside that of the kernels; the cache folder; NVIDIA's run-time compiler; nvcc.
 */
final class KernelImages {
  /** What texts may include, in the order of their names. */
  static final List<String> HEADERS = List.of(
      "conv.cuh", "flash90.cuh", "grouped.cuh", "heads.cuh", "hopper.cuh", "product90.cuh", "ptx.cuh", "tenon.cuh", "tile.cuh");
  /** All texts. */
  static final List<String> TEXTS = List.of(
      "affinity", "attention", "attention32", "channels", "conv", "conv90", "depthwise", "elementwise", "flash", "flash90", "flash90grad",
      "flash90split", "gemm", "grouped", "grouped90", "groupedweight", "held", "hopper", "implicit", "lanes", "move", "optimizer",
      "reduce", "rows", "small90", "spatial", "split", "tensor", "thin");
  /** Where binaries are on the class path; no package, so that a jar of its own may hold them. */
  private static final String BINARIES = "META-INF/tenon/cuda/";
  private static final List<String> FLAGS = List.of("-std=c++17", "-fmad=true");

  private final String target;
  private final Path cache;
  private final Map<String, String> origins = new ConcurrentHashMap<>();

  /**
   * @param target such as {@code sm_90a}
   * @param cache the folder for code that had to be compiled
   */
  KernelImages(String target, Path cache) {
    this.target = target;
    this.cache = cache;
  }

  /** For a GPU, with the user's cache folder. */
  static KernelImages inCache(Driver.Info info) {
    return new KernelImages(info.target(), CacheFolder.of(System.getenv()).path().resolve("kernels"));
  }

  /** Where the code of each text came from, for people. */
  Map<String, String> origins() {
    return new TreeMap<>(origins);
  }

  /** A text and what it includes. */
  private record Source(String name, String text, Map<String, String> headers) {
    static Source of(String name) {
      Map<String, String> headers = new TreeMap<>();
      HEADERS.forEach(header -> headers.put(header, KernelImages.text(header)));
      return new Source(name, KernelImages.text(name + ".cu"), headers);
    }

    private String all() {
      return String.join("", headers.values());
    }

    /** The binary that the build made of it, or null. */
    URL binary() {
      return KernelImages.class.getClassLoader().getResource(BINARIES + name + "." + hash(all(), text) + ".fatbin");
    }

    String cached(String target) {
      return name + "-" + hash(all(), text, target, FLAGS.toString()) + ".cubin";
    }
  }

  /** Where the code of all texts comes from on this machine, for people; compiles nothing. */
  String outlook() {
    Map<String, List<String>> byOrigin = new TreeMap<>();
    TEXTS.forEach(name -> byOrigin.computeIfAbsent(outlook(Source.of(name)), _ -> new ArrayList<>()).add(name));
    return "kernels for " + target + " " + byOrigin.entrySet().stream()
        .map(e -> e.getKey() + ": " + String.join(", ", e.getValue())).collect(Collectors.joining("; "));
  }

  private String outlook(Source source) {
    if (source.binary() != null) {
      return fromJar();
    }
    if (Files.isRegularFile(cache.resolve(source.cached(target)))) {
      return "compiled before, in " + cache;
    }
    if (Nvrtc.find().isPresent()) {
      return "to be compiled by NVRTC";
    }
    boolean nvcc = Stream.of(System.getenv().getOrDefault("PATH", "").split(File.pathSeparator))
        .anyMatch(folder -> Files.isExecutable(Path.of(folder, "nvcc")));
    return nvcc ? "to be compiled by nvcc" : "missing (no jar of binaries, no NVRTC, no nvcc)";
  }

  /** Binaries are for compute capabilities 8.x and 9.0; what is newer gets them as PTX. */
  private String fromJar() {
    return target.startsWith("sm_8") || target.equals("sm_90a") ? "prebuilt in the jar" : "from PTX in the jar, by the driver";
  }

  /**
   * The code of the text called {@code name}.
   *
   * @throws TenonException when there is none and no compiler: what was tried, and the remedy
   */
  byte[] image(String name) {
    Source source = Source.of(name);
    URL binary = source.binary();
    if (binary != null) {
      origins.put(name, fromJar());
      return read(binary);
    }
    Path file = cache.resolve(source.cached(target));
    List<String> tried = new ArrayList<>(List.of("no jar on the class path has a binary of it", "the cache has no " + file));
    try {
      if (Files.isRegularFile(file)) {
        origins.put(name, file.toString());
        return Files.readAllBytes(file);
      }
      byte[] image = compile(name, source.text(), source.headers(), tried);
      keep(file, image);
      return image;
    } catch (IOException e) {
      throw new TenonException("the kernel cache " + cache + " cannot be used: " + e.getMessage()
          + "; name another folder in " + CacheFolder.VARIABLE, e);
    }
  }

  /** Compiled code is worth more than the cache: where it cannot be kept, the next start compiles again. */
  private void keep(Path file, byte[] image) {
    try {
      Files.createDirectories(cache);
      AtomicFile.write(file, channel -> channel.write(ByteBuffer.wrap(image)));
    } catch (IOException | TenonException e) {
      System.getLogger(KernelImages.class.getName())
          .log(System.Logger.Level.WARNING, () -> "compiled kernels are not kept: " + e.getMessage());
    }
  }

  private byte[] compile(String name, String source, Map<String, String> headers, List<String> tried) throws IOException {
    Optional<Nvrtc> nvrtc = Nvrtc.find();
    if (nvrtc.isPresent()) {
      List<String> options = new ArrayList<>(FLAGS);
      options.add("-arch=" + target);
      Nvrtc.Result result = nvrtc.get().compile(name + ".cu", source, headers, options);
      if (result.image() != null) {
        origins.put(name, "compiled by NVRTC");
        return result.image();
      }
      tried.add("NVRTC refused it: " + result.log());
    } else {
      tried.add("no libnvrtc of CUDA 12 or 13 is installed");
    }
    byte[] image = nvcc(name, source, headers, tried);
    if (image == null) {
      throw new TenonException("no code for kernel text " + name + ".cu on " + target + ": " + String.join("; ", tried)
          + ". Add the jar of CUDA binaries, tenon-kernels-…-cuda.jar, of a build with nvcc, or install NVIDIA's nvrtc library");
    }
    origins.put(name, "compiled by nvcc");
    return image;
  }

  private byte[] nvcc(String name, String source, Map<String, String> headers, List<String> tried) throws IOException {
    Path folder = Files.createTempDirectory("tenon-nvcc");
    try {
      for (Map.Entry<String, String> header : headers.entrySet()) {
        Files.writeString(folder.resolve(header.getKey()), header.getValue());
      }
      Path text = Files.writeString(folder.resolve(name + ".cu"), source);
      Path image = folder.resolve("image");
      Path log = folder.resolve("log");
      List<String> command = new ArrayList<>(List.of("nvcc", "-O3", "-cubin", "-arch=" + target, "-o", image.toString(), text.toString()));
      command.addAll(FLAGS);
      int status = new ProcessBuilder(command).redirectErrorStream(true).redirectOutput(log.toFile()).start().waitFor();
      if (status == 0) {
        return Files.readAllBytes(image);
      }
      tried.add("nvcc failed: " + Files.readString(log).strip());
    } catch (IOException e) {
      tried.add("nvcc does not run: " + e.getMessage());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      tried.add("nvcc was interrupted");
    } finally {
      List<String> written = new ArrayList<>(headers.keySet());
      written.addAll(List.of(name + ".cu", "image", "log", ""));
      for (String left : written) {
        Files.deleteIfExists(folder.resolve(left));
      }
    }
    return null;
  }

  private static String text(String name) {
    URL text = KernelImages.class.getResource(name);
    if (text == null) {
      throw new IllegalStateException("the jar lacks the kernel text " + name);
    }
    return new String(read(text), StandardCharsets.UTF_8);
  }

  private static byte[] read(URL resource) {
    try (InputStream stream = resource.openStream()) {
      return stream.readAllBytes();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** The first 16 hexadecimal digits of the texts' SHA-256, as the build's script computes it too. */
  private static String hash(String... texts) {
    try {
      MessageDigest digest = MessageDigest.getInstance("SHA-256");
      for (String text : texts) {
        digest.update(text.getBytes(StandardCharsets.UTF_8));
      }
      return HexFormat.of().formatHex(digest.digest(), 0, 8);
    } catch (NoSuchAlgorithmException e) {
      throw new AssertionError(e);
    }
  }
}
