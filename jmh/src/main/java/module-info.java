/** Benchmarks; may see every module, and nothing sees it. */
module tenon.jmh {
  requires tenon.kernels;
  requires tenon.training;
  requires jdk.incubator.vector;
  requires jmh.core;
}
