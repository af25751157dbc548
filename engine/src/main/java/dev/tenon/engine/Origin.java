package dev.tenon.engine;

import java.lang.StackWalker.Option;
import java.lang.StackWalker.StackFrame;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;

/**
 * Where a tensor or a scope came from: the nearest caller outside the engine. Found at every allocation, so the frame alone is
 * kept and turned into text only when a message needs it.
 */
final class Origin {
  /** Frames to fetch at once: an op's way through the engine and its caller, so that one fetch is enough. */
  private static final int DEPTH = 16;

  private static final StackWalker WALKER = StackWalker.getInstance(Set.of(Option.RETAIN_CLASS_REFERENCE), DEPTH);
  private static final String PACKAGE = Origin.class.getPackageName();

  /** By class: part of the engine, that is of its packages and of the same jar or folder (its tests come from another), or a backend. */
  private static final ClassValue<Boolean> ENGINE = new ClassValue<>() {
    @Override
    protected Boolean computeValue(Class<?> type) {
      return Backend.class.isAssignableFrom(type) || type.getPackageName().startsWith(PACKAGE)
          && Objects.equals(type.getProtectionDomain().getCodeSource(), Origin.class.getProtectionDomain().getCodeSource());
    }
  };

  private final Optional<StackFrame> frame;

  private Origin(Optional<StackFrame> frame) {
    this.frame = frame;
  }

  static Origin here() {
    return new Origin(WALKER.walk(frames -> frames.filter(f -> !ENGINE.get(f.getDeclaringClass())).findFirst()));
  }

  @Override
  public String toString() {
    return frame.map(f -> f.toStackTraceElement().toString()).orElse("an unknown place");
  }
}
