package dev.tenon.engine.op;

/** A sampling that takes the mean of each run, which a maximum can be taken over as well. */
public sealed interface Pooling extends Sampling permits PoolWindow, AdaptiveBins {}
