package dev.tenon.model;

/** What a network runs for, where that changes what it computes. */
public enum Phase {
  /** Norms over a batch use its own statistics, and move the running ones towards them. */
  TRAINING,
  /** Norms over a batch use the running statistics. */
  EVALUATION
}
