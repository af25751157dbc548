package dev.tenon.training.optim;

import java.util.List;

/** Learning rates as a function of time alone, so that a resumed run needs no scheduler state. */
public sealed interface Schedule {
  /**
   * The learning rate during {@code epoch}.
   *
   * @param epoch epochs (or steps, whichever the schedule's lengths count) since the start; fractions allowed
   * @param base the rate of the parameter group
   */
  double lr(double epoch, double base);

  /** Always the base rate. */
  record Constant() implements Schedule {
    @Override
    public double lr(double epoch, double base) {
      return base;
    }
  }

  /**
   * Half a cosine from the base rate to {@code floor}, repeated (Loshchilov and Hutter, SGDR).
   *
   * @param length epochs of the first cycle
   * @param floor the lowest rate, held after the last cycle
   * @param cycles number of cycles; 0 for no end
   * @param cycleDecay factor on the base rate from one cycle to the next
   * @param cycleMul factor on the length from one cycle to the next
   */
  record Cosine(double length, double floor, int cycles, double cycleDecay, double cycleMul) implements Schedule {
    /** A single descent over {@code length} epochs. */
    public Cosine(double length, double floor) {
      this(length, floor, 1, 1, 1);
    }

    @Override
    public double lr(double epoch, double base) {
      double start = 0;
      double span = length;
      int cycle = 0;
      while (epoch >= start + span && (cycles == 0 || cycle < cycles)) {
        start += span;
        span *= cycleMul;
        cycle++;
      }
      if (cycles > 0 && cycle >= cycles) {
        return floor;
      }
      double top = base * Math.pow(cycleDecay, cycle);
      return floor + 0.5 * (top - floor) * (1 + Math.cos(Math.PI * (epoch - start) / span));
    }
  }

  /** A cosine of period {@code 2·length} that swings between the base rate and {@code floor} forever. */
  record CosineWave(double length, double floor) implements Schedule {
    @Override
    public double lr(double epoch, double base) {
      return floor + 0.5 * (base - floor) * (1 + Math.cos(Math.PI * epoch / length));
    }
  }

  /** Multiplied by {@code rate} every {@code length} epochs. */
  record Step(double length, double rate) implements Schedule {
    @Override
    public double lr(double epoch, double base) {
      return base * Math.pow(rate, Math.floor(epoch / length));
    }
  }

  /** Multiplied by {@code rate} at each of the milestones, in epochs. */
  record MultiStep(List<Double> milestones, double rate) implements Schedule {
    public MultiStep {
      milestones = List.copyOf(milestones);
    }

    @Override
    public double lr(double epoch, double base) {
      return base * Math.pow(rate, milestones.stream().filter(m -> m <= epoch).count());
    }
  }

  /** {@code (1 − epoch/length)^power} of the way from {@code floor} to the base rate; {@code floor} after {@code length}. */
  record Polynomial(double length, double floor, double power) implements Schedule {
    @Override
    public double lr(double epoch, double base) {
      return floor + (base - floor) * Math.pow(Math.max(0, 1 - epoch / length), power);
    }
  }

  /** Multiplied by {@code rate} every epoch. */
  record Exponential(double rate) implements Schedule {
    @Override
    public double lr(double epoch, double base) {
      return base * Math.pow(rate, epoch);
    }
  }

  /**
   * A straight line from {@code from·base} to {@code to·base} over {@code length} epochs.
   *
   * @param level whether the rate then stays, instead of following the line below zero as MTLoRA's scheduler does
   */
  record Linear(double from, double to, double length, boolean level) implements Schedule {
    @Override
    public double lr(double epoch, double base) {
      double part = epoch / length;
      return base * (from + (to - from) * (level ? Math.min(1, part) : part));
    }
  }

  /**
   * A straight line from {@code from} up to the base rate over {@code epochs}, followed by {@code main}.
   *
   * @param from the absolute rate at epoch 0
   * @param ownClock whether the clock of {@code main} starts after the warm-up instead of with it
   */
  record WarmUp(Schedule main, double epochs, double from, boolean ownClock) implements Schedule {
    @Override
    public double lr(double epoch, double base) {
      if (epoch < epochs) {
        return from + epoch * (base - from) / epochs;
      }
      return main.lr(ownClock ? epoch - epochs : epoch, base);
    }
  }

  /** {@code main} for {@code epochs}, then the constant rate {@code floor} while the weights settle. */
  record CoolDown(Schedule main, double epochs, double floor) implements Schedule {
    @Override
    public double lr(double epoch, double base) {
      return epoch < epochs ? main.lr(epoch, base) : floor;
    }
  }
}
