// Times CLBlast's matrix products y = x·wᵀ of the shapes in the arguments, "m,n,k" each, on one device: platform and device number
// first. Prints the shape and the median in microseconds of 7 rounds, each of as many calls as take about 50 ms.
#define CL_TARGET_OPENCL_VERSION 120
#define CL_USE_DEPRECATED_OPENCL_1_2_APIS
#include <CL/cl.h>
#include <clblast_c.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define ROUNDS 7
#define MOST_DEVICES 16

static double micros(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1e6 + now.tv_nsec / 1e3;
}

static void check(int status, const char *what) {
  if (status != 0) {
    fprintf(stderr, "%s failed with %d\n", what, status);
    exit(1);
  }
}

static cl_mem matrix(cl_context context, size_t elements) {
  float *values = malloc(elements * sizeof(float));
  for (size_t i = 0; i < elements; i++) values[i] = (float)(i % 17) / 17 - 0.5f;
  int status;
  cl_mem buffer = clCreateBuffer(context, CL_MEM_READ_WRITE | CL_MEM_COPY_HOST_PTR, elements * sizeof(float), values, &status);
  check(status, "clCreateBuffer");
  free(values);
  return buffer;
}

static double time_calls(cl_command_queue queue, int calls, size_t m, size_t n, size_t k, cl_mem x, cl_mem w, cl_mem y) {
  double start = micros();
  for (int i = 0; i < calls; i++) {
    check(CLBlastSgemm(CLBlastLayoutRowMajor, CLBlastTransposeNo, CLBlastTransposeYes, m, n, k, 1, x, 0, k, w, 0, k, 0, y, 0, n, &queue,
              NULL), "CLBlastSgemm");
  }
  check(clFinish(queue), "clFinish");
  return (micros() - start) / calls;
}

static int ascending(const void *a, const void *b) { return *(const double *)a < *(const double *)b ? -1 : 1; }

int main(int count, char **arguments) {
  if (count < 4) {
    fprintf(stderr, "usage: products PLATFORM DEVICE M,N,K...\n");
    return 2;
  }
  cl_platform_id platforms[MOST_DEVICES];
  cl_device_id devices[MOST_DEVICES];
  cl_uint platform = (cl_uint)atoi(arguments[1]), device = (cl_uint)atoi(arguments[2]), found;
  check(clGetPlatformIDs(MOST_DEVICES, platforms, &found), "clGetPlatformIDs");
  check(platform >= found, "finding the platform");
  check(clGetDeviceIDs(platforms[platform], CL_DEVICE_TYPE_ALL, MOST_DEVICES, devices, &found), "clGetDeviceIDs");
  check(device >= found, "finding the device");
  int status;
  cl_context context = clCreateContext(NULL, 1, &devices[device], NULL, NULL, &status);
  check(status, "clCreateContext");
  cl_command_queue queue = clCreateCommandQueue(context, devices[device], 0, &status);
  check(status, "clCreateCommandQueue");
  for (int i = 3; i < count; i++) {
    size_t m, n, k;
    if (sscanf(arguments[i], "%zu,%zu,%zu", &m, &n, &k) != 3) return 2;
    cl_mem x = matrix(context, m * k), w = matrix(context, n * k), y = matrix(context, m * n);
    time_calls(queue, 1, m, n, k, x, w, y);
    double once = time_calls(queue, 1, m, n, k, x, w, y), rounds[ROUNDS];
    int calls = once > 50000 ? 1 : (int)(50000 / once);
    for (int r = 0; r < ROUNDS; r++) rounds[r] = time_calls(queue, calls, m, n, k, x, w, y);
    qsort(rounds, ROUNDS, sizeof(double), ascending);
    printf("%s %.0f\n", arguments[i], rounds[ROUNDS / 2]);
    clReleaseMemObject(x);
    clReleaseMemObject(w);
    clReleaseMemObject(y);
  }
  return 0;
}
