package dev.tenon.kernels.cuda;

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
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;

/**
 * Turns the kernel texts into code for one GPU. The code comes from the first of: the jar, where the build had a compiler; the
 * cache folder; NVIDIA's run-time compiler; nvcc.
 */
final class KernelImages {
  /** What texts may include, in the order of their names. */
  private static final List<String> HEADERS = List.of("heads.cuh", "ptx.cuh", "tenon.cuh", "tile.cuh");
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

  /** Where the code of each text came from, for people. */
  Map<String, String> origins() {
    return new TreeMap<>(origins);
  }

  /**
   * The code of the text called {@code name}.
   *
   * @throws TenonException when there is none and no compiler: what was tried, and the remedy
   */
  byte[] image(String name) {
    String source = text(name + ".cu");
    Map<String, String> headers = new TreeMap<>();
    HEADERS.forEach(header -> headers.put(header, text(header)));
    String all = String.join("", headers.values());
    String key = hash(all, source);
    byte[] packed = resource(name + "." + key + ".fatbin");
    if (packed != null) {
      origins.put(name, "the jar");
      return packed;
    }
    Path file = cache.resolve(name + "-" + hash(all, source, target, FLAGS.toString()) + ".cubin");
    List<String> tried = new ArrayList<>(List.of("the jar holds no binary of it", "the cache has no " + file));
    try {
      if (Files.isRegularFile(file)) {
        origins.put(name, file.toString());
        return Files.readAllBytes(file);
      }
      byte[] image = compile(name, source, headers, tried);
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
          + ". Use a jar built where nvcc is present, or install NVIDIA's nvrtc library");
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
    byte[] bytes = resource(name);
    if (bytes == null) {
      throw new IllegalStateException("the jar lacks the kernel text " + name);
    }
    return new String(bytes, StandardCharsets.UTF_8);
  }

  private static byte[] resource(String name) {
    try (InputStream stream = KernelImages.class.getResourceAsStream(name)) {
      return stream == null ? null : stream.readAllBytes();
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
