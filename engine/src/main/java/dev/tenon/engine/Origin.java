package dev.tenon.engine;

/** Finds the caller outside the engine, so that messages can say where a tensor or a scope came from. */
final class Origin {
  private static final StackWalker WALKER = StackWalker.getInstance();
  private static final String ENGINE = "dev.tenon.engine.";

  private Origin() {}

  /** The nearest frame outside the engine, or the outermost frame when all of them are inside. */
  static String here() {
    return WALKER.walk(
        frames -> {
          StackWalker.StackFrame last = null;
          for (var it = frames.iterator(); it.hasNext(); ) {
            last = it.next();
            if (!last.getClassName().startsWith(ENGINE) || last.getClassName().endsWith("Test")) {
              break;
            }
          }
          return last == null ? "an unknown place" : last.toStackTraceElement().toString();
        });
  }
}
