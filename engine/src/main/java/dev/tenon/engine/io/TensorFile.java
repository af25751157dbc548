package dev.tenon.engine.io;

import dev.tenon.engine.TenonException;
import java.util.List;

/** An open file of named tensors, so that a checkpoint can be loaded without asking for its format. */
public sealed interface TensorFile extends AutoCloseable permits SafetensorsFile, Npz {
  /** The names of all tensors, in the order the file lists them. */
  List<String> names();

  /**
   * The tensor of that name; its data is read-only and valid until this file is closed.
   *
   * @throws TenonException when there is no such tensor, or when it is damaged or of an unsupported type
   */
  TensorEntry entry(String name);

  /** Releases the file and the data of every entry. */
  @Override
  void close();
}
