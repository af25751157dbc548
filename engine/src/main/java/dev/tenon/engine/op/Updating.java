package dev.tenon.engine.op;

/** An op that writes its results over some of its inputs instead of new memory: optimiser steps and running statistics. */
public interface Updating extends NoGradient {
  /** The input that result {@code output} overwrites. */
  int updates(int output);
}
