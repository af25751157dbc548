package dev.tenon.training.run;

import dev.tenon.engine.Scope;
import dev.tenon.engine.Tensor;
import dev.tenon.model.Weights;
import dev.tenon.model.adapter.Merge;
import dev.tenon.model.vit.Vit;
import dev.tenon.training.data.Batch;
import dev.tenon.training.data.MultiTask;
import dev.tenon.training.data.TaskData;
import dev.tenon.training.method.Evaluation;
import dev.tenon.training.method.Evaluator;
import dev.tenon.training.method.Training;
import dev.tenon.training.model.ModelCard;
import dev.tenon.training.model.TrainedModel;
import dev.tenon.training.report.HtmlReport;
import dev.tenon.training.report.RunReport;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.UnaryOperator;

/** What becomes of a network that has made its last step: it is merged where it can be, compared, saved and reported on. */
final class Ending {
  private static final int TIMED_IMAGES = 32;

  private final UnionRun.Parts run;
  private final Vit vit;
  private final double alpha;

  /** The end of {@code run}, its router faded to {@code alpha}. */
  Ending(UnionRun.Parts run, double alpha) {
    this.run = run;
    this.vit = run.training().master();
    this.alpha = alpha;
  }

  RunResult finish() {
    History history = History.read(run.folder().metrics());
    Vit plain = adapted() ? Merge.merge(vit, alpha) : vit;
    Optional<RunReport.Merge> merge = adapted() ? Optional.of(compare(plain)) : Optional.empty();
    Evaluation last = history.evaluations().getLast().evaluation();
    RunResult result = new RunResult(
        tasks(history, last), vit.weights().parameters(), trainable(), merge, run.watch().pace(), run.folder());
    save(plain);
    if (run.recipe().output().report()) {
      List<RunReport.Sample> samples = Gallery.of(run.evaluator(), network(plain));
      HtmlReport.write(run.folder().report(), new Report(run, history, result).page(samples, averaged()));
    }
    return result;
  }

  private UnaryOperator<Tensor> network(Vit network) {
    return images -> network.forward(images, alpha);
  }

  private RunReport.Merge compare(Vit merged) {
    Comparison both = Comparison.of(run.evaluator(), network(vit), network(merged));
    double[] millis = latencies(merged);
    return new RunReport.Merge(
        new RunReport.Side(vit.weights().parameters(), millis[0], both.adapted().accuracies()),
        new RunReport.Side(merged.weights().parameters(), millis[1], both.plain().accuracies()),
        both.largestDifference(),
        both.sameAnswers());
  }

  private double[] latencies(Vit merged) {
    List<Batch> first = new ArrayList<>();
    run.evaluator().forEachBatch(run.data().someTest(0, TIMED_IMAGES), first::add);
    try (Scope _ = Scope.open()) {
      return Latency.millisPerImage(Evaluator.images(first.getFirst()), List.of(network(vit), network(merged)));
    }
  }

  /** Accuracy of the averaged weights, where the run keeps them. */
  private Optional<Evaluation> averaged() {
    return run.training().ema().map(ema -> {
      Vit average = new Vit(vit.weights().with(ema.averages()), vit.config());
      return run.evaluator().run(network(average));
    });
  }

  private long trainable() {
    Training<Vit> training = run.training();
    return new Weights(training.optimizer().parameters()).parameters();
  }

  private List<RunReport.TaskResult> tasks(History history, Evaluation last) {
    Evaluation best = history.best().orElseThrow().evaluation();
    MultiTask data = run.data();
    List<RunReport.TaskResult> results = new ArrayList<>();
    for (int t = 0; t < data.tasks().size(); t++) {
      TaskData task = data.tasks().get(t);
      Evaluation.Task its = last.tasks().get(t);
      results.add(new RunReport.TaskResult(
          task.name(), task.classes().size(), task.train().size(), task.test().size(),
          its.accuracy(), best.tasks().get(t).accuracy(), its.maskedAccuracy()));
    }
    return results;
  }

  private void save(Vit plain) {
    ModelCard card = ModelCard.of(run.recipe(), run.data(), vit.config(), alpha, run.identity().weights());
    if (adapted()) {
      new TrainedModel(vit, card).saveAdapter(run.folder().adapter());
    }
    new TrainedModel(plain, card).save(run.folder().model());
  }

  private boolean adapted() {
    return vit.weights().asMap().keySet().stream().anyMatch(name -> name.contains("lora"));
  }
}
