/** Backends with fast kernels; reached only through the services they provide. */
module tenon.kernels {
  requires transitive tenon.engine;
  requires jcuda;
  requires jocl;
  requires jdk.incubator.vector;

  provides dev.tenon.engine.BackendProvider with
      dev.tenon.kernels.cpu.CpuProvider,
      dev.tenon.kernels.cuda.CudaProvider,
      dev.tenon.kernels.opencl.OpenClProvider;
}
