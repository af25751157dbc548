package dev.tenon.training.run;

import dev.tenon.engine.Backend;
import dev.tenon.engine.Backends;
import dev.tenon.engine.Scope;
import dev.tenon.engine.TenonException;
import dev.tenon.model.vit.Vit;
import dev.tenon.training.checkpoint.Checkpoint;
import dev.tenon.training.data.Batch;
import dev.tenon.training.data.BatchLoader;
import dev.tenon.training.data.ImageCache;
import dev.tenon.training.data.LoaderOptions;
import dev.tenon.training.data.MultiTask;
import dev.tenon.training.data.RecipeData;
import dev.tenon.training.method.Backbone;
import dev.tenon.training.method.Evaluator;
import dev.tenon.training.method.Training;
import dev.tenon.training.recipe.DataSpec;
import dev.tenon.training.recipe.Recipe;
import dev.tenon.training.report.RunReport;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.util.Iterator;
import java.util.List;
import java.util.function.Consumer;
import java.util.function.Supplier;

/** One network learning the union of several tasks: the loop over steps, its checkpoints and its measurements. */
final class UnionRun {
  private static final String STEP = "step";
  private static final String SECONDS = "seconds";

  private final Trainer trainer;
  private final Recipe recipe;
  private final MultiTask data;
  private final RunFolder folder;
  private final ImageCache images;
  private final Evaluator evaluator;
  private final BatchLoader loader;
  private final Stopwatch watch = new Stopwatch();
  private Training<Vit> training;
  private Identity identity;
  private long step;

  /** What a run consists of, for those who see to its end. */
  record Parts(
      Recipe recipe, MultiTask data, RunFolder folder, Training<Vit> training, Evaluator evaluator, Identity identity,
      Stopwatch watch, Backend backend, List<RunReport.MethodRow> rivals) {}

  /**
   * A run that has not begun.
   *
   * @throws dev.tenon.engine.TenonException when its folder or its number of images does not allow it
   */
  UnionRun(Trainer trainer, MultiTask data) {
    this.trainer = trainer;
    this.recipe = trainer.recipe();
    this.data = data;
    this.folder = new RunFolder(recipe.output().dir());
    folder.require(trainer.start());
    this.images = RecipeData.images(recipe.data());
    this.evaluator = new Evaluator(
        data,
        RecipeData.test(recipe.data().augment(), recipe.model().imageSize()),
        images,
        LoaderOptions.test(recipe.eval().batchSize(), recipe.data().workers()));
    this.loader = loader();
  }

  RunResult run() {
    try (Backend backend = Backends.open(recipe.device(), recipe.threads(), recipe.precision());
        Scope _ = Scope.open(backend);
        loader) {
      Vit pretrained = Backbone.load(recipe.model(), recipe.seed());
      identity = Identity.of(recipe, pretrained.weights(), data);
      boolean resumed = trainer.start() == RunFolder.Start.RESUME;
      if (resumed) {
        resume(pretrained);
      } else {
        begin(pretrained);
      }
      try (EventLog log = new EventLog(folder, data, resumed, step, recipe.output().tensorboard());
          Follower follower = new Follower(trainer.progress(), recipe, data, totalSteps(), step)) {
        train(log.andThen(follower).andThen(trainer.watcher()));
      }
      Parts parts = new Parts(
          recipe, data, folder, training, evaluator, identity, watch, backend, trainer.rivals());
      return new Ending(parts, training.fade().alpha(step)).finish();
    }
  }

  private BatchLoader loader() {
    DataSpec spec = recipe.data();
    return new BatchLoader(
        data.train(),
        RecipeData.train(spec.augment(), recipe.model().imageSize()),
        images,
        LoaderOptions.train(spec.batchSize(), spec.workers(), recipe.seed()));
  }

  private long totalSteps() {
    return (long) recipe.schedule().totalEpochs() * loader.batchesPerEpoch();
  }

  private void begin(Vit pretrained) {
    folder.begin(recipe);
    training = Setup.training(recipe, data, pretrained, totalSteps());
    checkpoint();
  }

  private void resume(Vit pretrained) {
    try (Arena arena = Arena.ofConfined()) {
      Checkpoint checkpoint = Checkpoint.read(folder.checkpoint(), arena);
      identity.require(checkpoint, folder);
      training = Setup.training(recipe, data, pretrained, totalSteps());
      training.restore(checkpoint);
      step = Long.parseLong(checkpoint.fact(STEP));
      watch.add(Double.parseDouble(checkpoint.fact(SECONDS)));
      if (step > 0 && !Files.exists(folder.metrics())) {
        throw new TenonException(folder.metrics() + " is missing, which the report of the whole run is made of; restore it or start the"
            + " run again (--overwrite)");
      }
    }
  }

  /** The step says where the sampler stands, too; random numbers are functions of seed, epoch and position. */
  private void checkpoint() {
    Checkpoint checkpoint = new Checkpoint();
    identity.put(checkpoint);
    checkpoint.put(STEP, Long.toString(step));
    checkpoint.put(SECONDS, Double.toString(watch.seconds()));
    training.save(checkpoint);
    checkpoint.write(folder.checkpoint());
  }

  private void train(Consumer<RunEvent> tell) {
    int perEpoch = loader.batchesPerEpoch();
    watch.goOn();
    for (int epoch = (int) (step / perEpoch); epoch < recipe.schedule().totalEpochs(); epoch++) {
      double lr = Setup.schedule(recipe.schedule()).lr(epoch, recipe.optimizer().lr());
      Iterator<Batch> batches = loader.epoch(epoch, (int) (step % perEpoch));
      // Each step is told of when the next has been started, so that a GPU has that one's images by the time it is done with this one.
      Runnable last = () -> {};
      while (batches.hasNext()) {
        Supplier<Training.Step> values = training.start(watch.await(batches::next), step, lr);
        last.run();
        long made = ++step;
        last = () -> {
          RunEvent stepped = new RunEvent.Stepped(made, (double) made / perEpoch, lr, values.get());
          watch.seen(recipe.data().batchSize());
          tell.accept(stepped);
        };
      }
      last.run();
      measure(epoch + 1, tell);
    }
  }

  /** What follows the last step of an epoch; the checkpoint comes last, so that a resumed run need not measure again. */
  private void measure(int epochs, Consumer<RunEvent> tell) {
    int total = recipe.schedule().totalEpochs();
    double alpha = training.fade().alpha(step);
    if (alpha < 1) {
      tell.accept(new RunEvent.Routed(step, epochs, Routing.shares(training.master(), evaluator, alpha)));
    }
    if (recipe.eval().isDue(epochs, total)) {
      tell.accept(new RunEvent.Evaluated(step, epochs, evaluator.run(x -> training.master().forward(x, alpha))));
    }
    if (epochs % recipe.output().checkpointEvery() == 0 || epochs == total) {
      checkpoint();
    }
    watch.goOn();
  }
}
