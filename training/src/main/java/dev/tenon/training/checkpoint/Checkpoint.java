package dev.tenon.training.checkpoint;

import dev.tenon.engine.DType;
import dev.tenon.engine.Shape;
import dev.tenon.engine.TenonException;
import dev.tenon.engine.Tensor;
import dev.tenon.engine.io.Safetensors;
import dev.tenon.engine.io.SafetensorsFile;
import dev.tenon.engine.io.TensorEntry;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * Everything a run needs to go on as if it had never stopped: a safetensors file whose metadata holds the numbers and whose tensors
 * hold weights, optimizer state and banks. Random numbers need no state of their own: they are a function of seed and step.
 */
public final class Checkpoint {
  private final Map<String, TensorEntry> tensors = new LinkedHashMap<>();
  private final Map<String, String> facts = new LinkedHashMap<>();
  private final String source;

  /** An empty checkpoint to fill. */
  public Checkpoint() {
    this("a new checkpoint");
  }

  private Checkpoint(String source) {
    this.source = source;
  }

  /** Reads a checkpoint into memory that {@code arena} owns. */
  public static Checkpoint read(Path file, Arena arena) {
    Checkpoint checkpoint = new Checkpoint(file.toString());
    try (SafetensorsFile open = Safetensors.open(file)) {
      checkpoint.facts.putAll(open.metadata());
      for (String name : open.names()) {
        TensorEntry entry = open.entry(name);
        MemorySegment copy = arena.allocate(Math.max(1, entry.data().byteSize()), 8).asSlice(0, entry.data().byteSize());
        copy.copyFrom(entry.data());
        checkpoint.tensors.put(name, new TensorEntry(name, entry.dtype(), entry.shape(), copy));
      }
    }
    return checkpoint;
  }

  /** Writes all of it, or leaves what was there. */
  public void write(Path file) {
    Safetensors.write(file, tensors.values(), facts);
  }

  /** Adds tensors under {@code prefix.name}. */
  public void put(String prefix, Map<String, Tensor> named) {
    named.forEach((name, t) ->
        tensors.put(key(prefix, name), new TensorEntry(key(prefix, name), t.dtype(), t.shape(), t.contiguous().bytes())));
  }

  /** Copies the tensors saved under {@code prefix} over {@code named}, bit for bit. */
  public void restore(String prefix, Map<String, Tensor> named) {
    named.forEach((name, t) -> {
      TensorEntry saved = entry(key(prefix, name));
      if (saved.dtype() != t.dtype() || !saved.shape().equals(t.shape())) {
        throw new TenonException(source + ": tensor " + key(prefix, name) + " is " + saved.shape() + " " + saved.dtype()
            + ", but this run needs " + t.shape() + " " + t.dtype() + "; resume with the recipe it was made by");
      }
      t.storage().backend().upload(saved.data(), t.storage(), t.layout().offset() * t.dtype().byteSize());
    });
  }

  public void put(String name, float[] values) {
    tensors.put(name, TensorEntry.ofFloats(name, Shape.of(values.length), values));
  }

  public float[] floats(String name) {
    return entry(name).data().toArray(ValueLayout.JAVA_FLOAT_UNALIGNED);
  }

  public void put(String name, double[] values) {
    MemorySegment bytes = MemorySegment.ofArray(new byte[values.length * Double.BYTES]);
    MemorySegment.copy(values, 0, bytes, ValueLayout.JAVA_DOUBLE_UNALIGNED, 0, values.length);
    tensors.put(name, new TensorEntry(name, DType.F64, Shape.of(values.length), bytes));
  }

  public double[] doubles(String name) {
    return entry(name).data().toArray(ValueLayout.JAVA_DOUBLE_UNALIGNED);
  }

  /** Adds a number or text that is not a tensor. */
  public void put(String name, String fact) {
    facts.put(name, fact);
  }

  /**
   * A fact of the run.
   *
   * @throws TenonException when the file does not have it
   */
  public String fact(String name) {
    String value = facts.get(name);
    if (value == null) {
      throw new TenonException(source + ": this is not a complete checkpoint, it lacks '" + name + "'; start the run again");
    }
    return value;
  }

  /**
   * Fails unless the checkpoint agrees on a fact that must not change between two halves of a run.
   *
   * @param meaning what the fact is, for the message
   */
  public void require(String name, String expected, String meaning) {
    if (!fact(name).equals(expected)) {
      throw new TenonException(source + ": this checkpoint was made with another " + meaning + " (" + fact(name) + ", now "
          + expected + "); resume with the same one or start the run again");
    }
  }

  private static String key(String prefix, String name) {
    return prefix + "." + name;
  }

  private TensorEntry entry(String name) {
    TensorEntry entry = tensors.get(name);
    if (entry == null) {
      throw new TenonException(source + ": this is not a complete checkpoint, it lacks tensor " + name + "; start the run again");
    }
    return entry;
  }
}
