package dev.tenon.engine.io;

import java.nio.file.Path;
import java.util.Map;

/**
 * The only folder outside a run's own that Tenon writes to.
 *
 * @param path {@code $TENON_CACHE}, else {@code tenon} in {@code $XDG_CACHE_HOME}, else in the home's
 *     {@code .cache}
 */
public record CacheFolder(Path path) {
  /** Names the folder. */
  public static final String VARIABLE = "TENON_CACHE";

  /** The folder that these environment variables ask for. */
  public static CacheFolder of(Map<String, String> environment) {
    var own = environment.getOrDefault(VARIABLE, "");
    if (!own.isBlank()) {
      return new CacheFolder(Path.of(own));
    }
    var xdg = environment.getOrDefault("XDG_CACHE_HOME", "");
    var caches = xdg.isBlank() ? Path.of(System.getProperty("user.home"), ".cache") : Path.of(xdg);
    return new CacheFolder(caches.resolve("tenon"));
  }
}
