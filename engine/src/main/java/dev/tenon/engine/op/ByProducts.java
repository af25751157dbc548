package dev.tenon.engine.op;

/** An op whose results after the first are by-products: no gradient flows through them. */
public interface ByProducts extends Op {}
