package dev.tenon.training.run;

/** Times a run: how long it took, resumed halves together, and how fast it learned when it was not measuring itself. */
final class Stopwatch {
  private final long begin = System.nanoTime();
  private double before;
  private long learning;
  private long since = begin;
  private long images;

  /** Counts in what an earlier process took. */
  void add(double seconds) {
    before += seconds;
  }

  /** Learning goes on now. */
  void goOn() {
    since = System.nanoTime();
  }

  /** Images were learned from, since the last of these calls. */
  void seen(int count) {
    long now = System.nanoTime();
    learning += now - since;
    since = now;
    images += count;
  }

  double seconds() {
    return before + (System.nanoTime() - begin) / 1e9;
  }

  /** Training images a second; 0 when this process made no step. */
  double imagesPerSecond() {
    return images == 0 ? 0 : images / (learning / 1e9);
  }
}
