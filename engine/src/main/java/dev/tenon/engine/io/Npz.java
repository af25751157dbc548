package dev.tenon.engine.io;

import dev.tenon.engine.TenonException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.Collections;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;

/** Reads NumPy's {@code .npz}, a zip of arrays, in which the AugReg vision transformers were published. */
public final class Npz implements TensorFile {
  private static final String FORMAT = "npz";
  private static final String EXTENSION = ".npy";

  private final Path file;
  private final ZipFile zip;
  private final Arena arena = Arena.ofShared();
  private final Map<String, ZipEntry> members = new LinkedHashMap<>();
  private final Map<String, TensorEntry> loaded = new HashMap<>();

  private Npz(Path file, ZipFile zip) {
    this.file = file;
    this.zip = zip;
    for (ZipEntry member : Collections.list(zip.entries())) {
      String name = member.getName();
      if (!name.endsWith(EXTENSION)) {
        throw Refusal.of(file, FORMAT, "member " + Quoted.of(name) + " is not an array");
      }
      String stem = name.substring(0, name.length() - EXTENSION.length());
      if (members.put(stem, member) != null) {
        throw Refusal.of(file, FORMAT, "array " + Quoted.of(stem) + " occurs twice");
      }
    }
  }

  /**
   * Opens {@code file}; each array is read, as {@link Npy#read} does, when it is first asked for.
   *
   * @throws TenonException when the file cannot be read or is not a zip of arrays
   */
  public static Npz open(Path file) {
    Refusal.unlessRegularFile(file, FORMAT);
    try {
      ZipFile zip = new ZipFile(file.toFile());
      try {
        return new Npz(file, zip);
      } catch (RuntimeException e) {
        zip.close();
        throw e;
      }
    } catch (IOException e) {
      throw Refusal.of(file, FORMAT, e.getMessage());
    } catch (IllegalArgumentException e) {
      throw Refusal.of(file, FORMAT, "a member's name is not valid text");
    }
  }

  @Override
  public List<String> names() {
    return List.copyOf(members.keySet());
  }

  @Override
  public synchronized TensorEntry entry(String name) {
    ZipEntry member = members.get(name);
    if (member == null) {
      throw new TenonException(
          file + " has no array " + Quoted.of(name) + "; choose one of the " + members.size() + " it lists");
    }
    return loaded.computeIfAbsent(name, _ -> read(name, member));
  }

  @Override
  public void close() {
    arena.close();
    try {
      zip.close();
    } catch (IOException e) {
      throw Refusal.of(file, FORMAT, e);
    }
  }

  private TensorEntry read(String name, ZipEntry member) {
    try {
      long length = trueLength(member);
      try (InputStream in = zip.getInputStream(member)) {
        return Npy.decode(file, name, in, length, arena);
      }
    } catch (IOException e) {
      throw Refusal.of(file, FORMAT, "array " + Quoted.of(name) + ": " + e.getMessage());
    }
  }

  /**
   * Length by unpacking once: what a zip claims about a packed member cannot be trusted with an allocation.
   */
  private long trueLength(ZipEntry member) throws IOException {
    try (InputStream in = zip.getInputStream(member)) {
      return in.transferTo(OutputStream.nullOutputStream());
    }
  }
}
