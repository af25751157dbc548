package dev.tenon.training.data;

import dev.tenon.engine.TenonException;
import java.io.IOException;
import java.nio.file.Path;
import us.hebi.matlab.mat.format.Mat5;
import us.hebi.matlab.mat.format.Mat5File;
import us.hebi.matlab.mat.types.Array;
import us.hebi.matlab.mat.types.Cell;
import us.hebi.matlab.mat.types.Char;
import us.hebi.matlab.mat.types.Matrix;
import us.hebi.matlab.mat.types.Struct;

/** A MATLAB 5 file of annotations, read as Java arrays; a variable of another kind is a clear refusal. */
final class MatFile {
  private final Path file;
  private final Mat5File content;

  private MatFile(Path file, Mat5File content) {
    this.file = file;
    this.content = content;
  }

  static MatFile open(Path file) {
    try {
      return new MatFile(file, Mat5.readFromFile(file.toFile()));
    } catch (IOException | RuntimeException e) {
      throw new TenonException(
          file + ": not a readable MATLAB 5 file (" + e.getMessage() + "); replace it by the original", e);
    }
  }

  /** All elements of a numeric variable. */
  int[] numbers(String variable) {
    return numbers(variable, variable(variable));
  }

  /** The texts of a cell array. */
  String[] texts(String variable) {
    if (!(variable(variable) instanceof Cell cell)) {
      throw refusal(variable, "a cell array of texts");
    }
    String[] texts = new String[cell.getNumElements()];
    for (int i = 0; i < texts.length; i++) {
      texts[i] = text(variable, cell.get(i));
    }
    return texts;
  }

  /** One field of each element of a struct array, as texts. */
  String[] fieldTexts(String variable, String field) {
    Array[] values = field(variable, field);
    String[] texts = new String[values.length];
    for (int i = 0; i < texts.length; i++) {
      texts[i] = text(variable + "." + field, values[i]);
    }
    return texts;
  }

  /** One field of each element of a struct array, as whole numbers. */
  int[] fieldNumbers(String variable, String field) {
    Array[] values = field(variable, field);
    int[] numbers = new int[values.length];
    for (int i = 0; i < numbers.length; i++) {
      int[] one = numbers(variable + "." + field, values[i]);
      if (one.length != 1) {
        throw refusal(variable + "." + field, "one number for each image");
      }
      numbers[i] = one[0];
    }
    return numbers;
  }

  private Array[] field(String variable, String field) {
    if (!(variable(variable) instanceof Struct struct) || !struct.getFieldNames().contains(field)) {
      throw refusal(variable, "a struct array with the field '" + field + "'");
    }
    Array[] values = new Array[struct.getNumElements()];
    for (int i = 0; i < values.length; i++) {
      values[i] = struct.get(field, i);
    }
    return values;
  }

  private Array variable(String name) {
    for (var entry : content.getEntries()) {
      if (entry.getName().equals(name)) {
        return entry.getValue();
      }
    }
    throw new TenonException(file + ": has no variable '" + name + "'; replace it by the original");
  }

  private int[] numbers(String what, Array array) {
    if (!(array instanceof Matrix matrix)) {
      throw refusal(what, "numeric");
    }
    int[] numbers = new int[matrix.getNumElements()];
    for (int i = 0; i < numbers.length; i++) {
      numbers[i] = (int) matrix.getDouble(i);
    }
    return numbers;
  }

  private String text(String what, Array array) {
    if (array instanceof Cell cell && cell.getNumElements() == 1) {
      return text(what, cell.get(0));
    }
    if (!(array instanceof Char text)) {
      throw refusal(what, "text");
    }
    return text.getNumElements() == 0 ? "" : text.getString();
  }

  private TenonException refusal(String what, String expected) {
    return new TenonException(
        file + ": '" + what + "' should be " + expected + " and is not; replace it by the original");
  }
}
