package dev.tenon.engine.trace;

import jdk.jfr.Category;
import jdk.jfr.Enabled;
import jdk.jfr.Event;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.StackTrace;

/** Flight-recorder event of one op: what ran, on which kernel, on what shapes, and the work in it. Off unless asked for. */
@Name("dev.tenon.Op")
@Label("Tensor op")
@Category("Tenon")
@Enabled(false)
@StackTrace(false)
public final class OpEvent extends Event {
  @Label("Op")
  public String op;

  @Label("Kernel")
  public String kernel;

  @Label("Shapes")
  public String shapes;

  @Label("Bytes")
  public long bytes;

  @Label("Flops")
  public long flops;
}
