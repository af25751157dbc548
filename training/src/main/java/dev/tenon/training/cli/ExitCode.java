package dev.tenon.training.cli;

/** The answers a script can act on; every command's help lists them. */
final class ExitCode {
  static final int OK = 0;
  /** Bad input, or an environment that does not allow the work: the message says what to do. */
  static final int FAILURE = 1;
  /** The command line itself is wrong. */
  static final int USAGE = 2;
  /** A comparison was made and did not hold. */
  static final int MISMATCH = 3;
  /** A fault of the program. */
  static final int FAULT = 4;

  private ExitCode() {}
}
