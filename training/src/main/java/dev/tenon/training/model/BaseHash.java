package dev.tenon.training.model;

import dev.tenon.model.Weights;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.TreeMap;

/** Recognizes the pretrained weights that an adapter belongs to, under whatever names a file keeps them. */
public final class BaseHash {
  private BaseHash() {}

  /**
   * SHA-256 of names, types, shapes and values, in hexadecimal. Heads do not count, for an adapter brings its own; neither does the
   * position embedding, which is resized to the image size and rounds as the machine does.
   */
  public static String of(Weights plain) {
    MessageDigest digest = sha256();
    new TreeMap<>(plain.asMap()).forEach((name, t) -> {
      if (!name.startsWith("head") && !name.equals("pos_embed")) {
        digest.update((name + " " + t.dtype() + " " + t.shape() + "\n").getBytes(StandardCharsets.UTF_8));
        digest.update(t.detach().contiguous().bytes().asByteBuffer());
      }
    });
    return HexFormat.of().formatHex(digest.digest());
  }

  private static MessageDigest sha256() {
    try {
      return MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every JDK has SHA-256", e);
    }
  }
}
