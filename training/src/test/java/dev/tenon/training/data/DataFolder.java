package dev.tenon.training.data;

import dev.tenon.training.image.Image;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import us.hebi.matlab.mat.format.Mat5;
import us.hebi.matlab.mat.types.Array;
import us.hebi.matlab.mat.types.Cell;
import us.hebi.matlab.mat.types.MatFile;
import us.hebi.matlab.mat.types.Matrix;

/** Writes small data sets in their published layouts. */
record DataFolder(Path root) {
  /** A text file of these lines. */
  DataFolder text(String name, String... lines) {
    return bytes(name, (String.join("\n", lines) + "\n").getBytes(StandardCharsets.UTF_8));
  }

  DataFolder bytes(String name, byte[] content) {
    try {
      Path file = root.resolve(name);
      Files.createDirectories(file.getParent());
      Files.write(file, content);
      return this;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** An image as PPM. */
  DataFolder image(String name, Image image) {
    var file = new ByteArrayOutputStream();
    String header = "P6 " + image.width() + " " + image.height() + " 255\n";
    file.writeBytes(header.getBytes(StandardCharsets.US_ASCII));
    file.writeBytes(image.rgb());
    return bytes(name, file.toByteArray());
  }

  /** Images that only have to be there. */
  DataFolder images(String... names) {
    for (String name : names) {
      bytes(name, new byte[] {0});
    }
    return this;
  }

  /** A MATLAB file of pairs of names and variables. */
  DataFolder mat(String name, Object... variables) {
    try (MatFile mat = Mat5.newMatFile()) {
      for (int i = 0; i < variables.length; i += 2) {
        mat.addArray((String) variables[i], (Array) variables[i + 1]);
      }
      Path file = root.resolve(name);
      Files.createDirectories(file.getParent());
      Mat5.writeToFile(mat, file.toFile());
      return this;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  static Matrix row(int... numbers) {
    Matrix row = Mat5.newMatrix(1, numbers.length);
    for (int i = 0; i < numbers.length; i++) {
      row.setDouble(i, numbers[i]);
    }
    return row;
  }

  static Cell cell(String... texts) {
    Cell cell = Mat5.newCell(texts.length, 1);
    for (int i = 0; i < texts.length; i++) {
      cell.set(i, Mat5.newString(texts[i]));
    }
    return cell;
  }
}
