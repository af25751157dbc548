/** Tensors, ops with their gradients and the contract a backend fulfils; knows no device, no model, no other library. */
module tenon.engine {
  requires commons.math3;
  requires jdk.jfr;

  exports dev.tenon.engine;
  exports dev.tenon.engine.autograd;
  exports dev.tenon.engine.io;
  exports dev.tenon.engine.kernel;
  exports dev.tenon.engine.op;
  exports dev.tenon.engine.random;

  uses dev.tenon.engine.BackendProvider;
}
