package dev.tenon.kernels.opencl;

import dev.tenon.engine.TenonException;
import java.lang.foreign.Arena;
import java.lang.foreign.SymbolLookup;
import java.util.List;
import java.util.Optional;
import org.jocl.CL;

/** The OpenCL loader of this machine: whether it is there, and what its answers mean. */
final class ClLibrary {
  private static final List<String> NAMES =
      List.of("libOpenCL.so.1", "libOpenCL.so", "OpenCL.dll", "/System/Library/Frameworks/OpenCL.framework/OpenCL");

  private ClLibrary() {}

  /** Why OpenCL cannot be used at all on this machine, or empty when it can. */
  static Optional<String> missing() {
    return missing(NAMES);
  }

  /** The same where a loader would have one of {@code names}. */
  static Optional<String> missing(List<String> names) {
    if (names.stream().noneMatch(ClLibrary::isInstalled)) {
      return Optional.of("no OpenCL loader is installed (libOpenCL.so.1 is not found)");
    }
    try {
      CL.setExceptionsEnabled(false);
      return Optional.empty();
    } catch (LinkageError e) {
      return Optional.of("the OpenCL binding that ships with Tenon does not load on " + System.getProperty("os.name") + " "
          + System.getProperty("os.arch") + ": " + e.getMessage());
    }
  }

  @SuppressWarnings("restricted")
  private static boolean isInstalled(String name) {
    try {
      return SymbolLookup.libraryLookup(name, Arena.global()).find("clGetPlatformIDs").isPresent();
    } catch (IllegalArgumentException e) {
      System.getLogger(ClLibrary.class.getName()).log(System.Logger.Level.DEBUG, () -> "no " + name, e);
      return false;
    }
  }

  /** Fails unless {@code status} is success: "{what}: {OpenCL's word}". */
  static void check(int status, String what) {
    if (status != CL.CL_SUCCESS) {
      throw new TenonException(what + ": " + CL.stringFor_errorCode(status));
    }
  }
}
