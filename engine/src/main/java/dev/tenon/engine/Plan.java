package dev.tenon.engine;

import dev.tenon.engine.autograd.Tape;
import dev.tenon.engine.kernel.Call;
import dev.tenon.engine.kernel.Kernel;
import dev.tenon.engine.kernel.WeightFormat;
import dev.tenon.engine.op.Spec;
import dev.tenon.engine.trace.OpEvent;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Function;
import java.util.stream.Stream;

/**
 * A computation recorded once and run many times, on the same memory: kernels are chosen, weights packed and memory laid out beforehand.
 *
 * <pre>{@code
 * Plan plan = Plan.of(images -> vit.forward(images.getFirst()), List.of(new Spec(DType.F32, Shape.of(1, 3, 224, 224))), WeightFormat.F32);
 * backend.upload(pixels, plan.inputs().getFirst().storage(), 0);
 * float[] logits = plan.run().getFirst().toFloats();
 * }</pre>
 *
 * Its memory belongs to the scope it was made in. Values the computation reads but does not make must not change while the plan is in use.
 */
public final class Plan {
  private static final ThreadLocal<Recorder> RECORDER = new ThreadLocal<>();

  private final Backend backend;
  private final List<Tensor> inputs;
  private final List<Tensor> outputs;
  private final List<Runnable> steps;
  private final long bytes;
  private final boolean recordable;
  private final OpEvent listening = new OpEvent();
  /** Made by the first run; null before, empty where the device records nothing. */
  private Optional<Recording> recording;

  /** What is being recorded on a thread; {@code owner} gets the values that would not outlive the recording. */
  private record Recorder(Scope owner, List<PlanMemory.Step> steps, Set<Storage> made) {
    void add(Call call, Kernel kernel) {
      call.inputs().stream().map(Tensor::storage).filter(s -> !made.contains(s)).forEach(owner::adoptFromWithin);
      call.outputs().forEach(t -> {
        if (call.inputs().stream().noneMatch(in -> in.storage() == t.storage())) {
          made.add(t.storage());
        }
      });
      steps.add(new PlanMemory.Step(call, kernel, List.of()));
    }
  }

  private Plan(
      Backend backend, List<Tensor> inputs, List<Tensor> outputs, List<Runnable> steps, long bytes, boolean recordable) {
    this.backend = backend;
    this.inputs = inputs;
    this.outputs = outputs;
    this.steps = steps;
    this.bytes = bytes;
    this.recordable = recordable;
  }

  /**
   * Records {@code computation} on the current scope's backend. Its ops are called once without being computed, so that it may change
   * weights in place but not read what it computes, and must call the same ops whatever the values.
   *
   * @param inputs what it is given: type and shape of each operand
   * @param format how the weights of linear layers may be stored
   */
  public static Plan of(Function<List<Tensor>, List<Tensor>> computation, List<Spec> inputs, WeightFormat format) {
    return of(Scope.current(), computation, inputs, format);
  }

  /** One whose memory belongs to {@code owner}, which is the current scope or around it. */
  public static Plan of(Scope owner, Function<List<Tensor>, List<Tensor>> computation, List<Spec> inputs, WeightFormat format) {
    Recorder recorder = new Recorder(owner, new ArrayList<>(), new HashSet<>());
    Recorder outer = RECORDER.get();
    List<Tensor> operands;
    List<Tensor> results;
    try (Scope _ = Scope.open(owner.backend()); Tape _ = Tape.pause()) {
      operands = inputs.stream().map(spec -> Tensor.zeros(spec.dtype(), spec.shape())).toList();
      operands.forEach(t -> owner.adopt(t.storage()));
      RECORDER.set(recorder);
      results = computation.apply(operands);
    } finally {
      RECORDER.set(outer);
    }
    return lay(owner, operands, results, recorder, format);
  }

  private static Plan lay(Scope owner, List<Tensor> inputs, List<Tensor> results, Recorder recorder, WeightFormat format) {
    PlanMemory memory = PlanMemory.of(recorder.steps, recorder.made, results);
    Storage arena = owner.backend().allocate(memory.bytes());
    owner.adopt(arena);
    Map<Storage, Storage> places = new HashMap<>();
    memory.offsets().forEach((storage, offset) -> places.put(
        storage, new Storage(owner.backend(), arena.segment().asSlice(offset, storage.bytes()), () -> {})));
    Set<Storage> changing = new HashSet<>(recorder.made);
    inputs.forEach(t -> changing.add(t.storage()));
    recorder.steps.forEach(step -> step.call().outputs().forEach(t -> changing.add(t.storage())));
    places.values().forEach(changing::add);
    Kernel.Frozen frozen = new Kernel.Frozen(t -> !changing.contains(t.storage()), format);
    List<Runnable> steps = memory.steps().stream()
        .map(step -> traced(step, step.kernel().prepare(
            moved(step.call(), places), step.absorbed().stream().map(c -> moved(c, places)).toList(), frozen)))
        .toList();
    Plan plan = new Plan(owner.backend(), inputs, moved(results, places), steps, memory.bytes(),
        memory.steps().stream().allMatch(step -> step.kernel().isRecordable()));
    owner.adopt(new Storage(owner.backend(), MemorySegment.NULL, plan::forget));
    return plan;
  }

  /** {@code launch}, which the flight recorder sees where it listens. */
  private static Runnable traced(PlanMemory.Step step, Runnable launch) {
    List<Call> calls = Stream.concat(Stream.of(step.call()), step.absorbed().stream()).toList();
    OpEvent listening = new OpEvent();
    return () -> {
      if (listening.isEnabled()) {
        OpEvent event = new OpEvent();
        event.begin();
        launch.run();
        event.tell(calls, step.kernel());
      } else {
        launch.run();
      }
    };
  }

  private static Call moved(Call call, Map<Storage, Storage> places) {
    return new Call(call.op(), moved(call.inputs(), places), moved(call.outputs(), places));
  }

  private static List<Tensor> moved(List<Tensor> tensors, Map<Storage, Storage> places) {
    return tensors.stream().map(t -> new Tensor(places.getOrDefault(t.storage(), t.storage()), t.layout(), t.dtype(), false)).toList();
  }

  /** Whether this thread records a plan: calls are told to {@link #record} instead of computed, their results are {@link #placeholder}s. */
  public static boolean isRecording() {
    return RECORDER.get() != null;
  }

  /** Stands for the memory of a result while a plan is recorded. */
  public static Storage placeholder(Backend backend, long bytes) {
    return Storage.planned(backend, bytes);
  }

  /** Adds a call to the plan that this thread records. */
  public static void record(Call call, Kernel kernel) {
    RECORDER.get().add(call, kernel);
  }

  /** The operands; write them before {@link #run}. */
  public List<Tensor> inputs() {
    return inputs;
  }

  /** Runs the computation on what is in {@link #inputs} and answers its results, which the next run overwrites. */
  public synchronized List<Tensor> run() {
    if (!recordable || listening.isEnabled()) {
      launch();
    } else if (recording == null) {
      recording = backend.record(this::launch);
    } else if (recording.isPresent()) {
      recording.get().replay();
    } else {
      launch();
    }
    return outputs;
  }

  private void launch() {
    try (Scope _ = Scope.open(backend)) {
      steps.forEach(Runnable::run);
    }
  }

  /** Its scope closes: what was recorded must not reach for the memory any more. */
  private synchronized void forget() {
    if (recording != null) {
      recording.ifPresent(Recording::close);
    }
    recording = Optional.empty();
  }

  /** Bytes of memory for all that is computed in between. */
  public long bytes() {
    return bytes;
  }

  /** Passes over memory a run makes: calls, less those that are part of another. */
  public int steps() {
    return steps.size();
  }

  @Override
  public String toString() {
    return "plan of " + steps.size() + " steps in " + bytes + " bytes for " + Arrays.toString(inputs.stream().map(Tensor::shape).toArray());
  }
}
