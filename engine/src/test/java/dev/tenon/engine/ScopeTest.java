package dev.tenon.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Arrays;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.logging.Handler;
import java.util.logging.LogRecord;
import java.util.logging.Logger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Memory lives exactly as long as the scope that owns it, and every mistake about that says where it was made. */
class ScopeTest {
  private HostBackend backend;
  private Scope outer;

  @BeforeEach
  void open() {
    backend = HostBackend.reference();
    outer = Scope.open(backend);
  }

  @AfterEach
  void close() {
    outer.close();
    backend.close();
  }

  private static Tensor one() {
    return Tensor.of(new float[] {1}, 1);
  }

  @Test
  void closingFreesEverythingAndNothingElse() {
    Tensor before = one();
    Tensor inside;
    try (Scope inner = Scope.open()) {
      inside = one();
      assertThat(inner.bytes()).isEqualTo(4);
      assertThat(Scope.current()).isSameAs(inner);
      assertThat(inner.parent()).isSameAs(outer);
    }
    assertThat(Scope.current()).isSameAs(outer);
    assertThat(before.item()).isEqualTo(1);
    assertThatThrownBy(inside::item).isInstanceOf(IllegalStateException.class);
  }

  @Test
  void useAfterFreeNamesWhereTheTensorWasMadeHoweverItIsUsed() {
    Tensor lost;
    try (Scope _ = Scope.open()) {
      lost = one().add(1);
    }
    String place = "dev.tenon.engine.ScopeTest.useAfterFreeNamesWhereTheTensorWasMadeHoweverItIsUsed(ScopeTest.java:";
    for (Runnable use : new Runnable[] {
        lost::toFloats, lost::toDoubles, lost::item, lost::bytes, () -> lost.add(lost), () -> lost.reshape(1, 1).item(),
        lost::copy, () -> lost.storage().segment()}) {
      assertThatThrownBy(use::run).isInstanceOf(IllegalStateException.class)
          .hasMessageContaining("use after free").hasMessageContaining("created at " + place)
          .hasMessageContaining("freed when the scope opened at " + place);
    }
  }

  @Test
  void keepMovesOneScopeOut() {
    Tensor kept;
    try (Scope middle = Scope.open()) {
      try (Scope inner = Scope.open()) {
        kept = inner.keep(one());
        assertThat(middle.bytes()).isEqualTo(4);
        assertThat(inner.bytes()).isZero();
      }
      assertThat(kept.item()).isEqualTo(1);
      assertThat(middle.keep(kept.reshape(1, 1)).item()).as("a view moves the memory behind it").isEqualTo(1);
    }
    assertThat(kept.item()).isEqualTo(1);
    assertThatThrownBy(() -> outer.keep(kept)).hasMessageContaining("outermost");
  }

  @Test
  void keepingWhatAnotherScopeOwnsLeavesItThere() {
    Tensor owned = one();
    try (Scope inner = Scope.open()) {
      inner.keep(owned);
    }
    assertThat(outer.bytes()).isEqualTo(4);
    assertThat(owned.item()).isEqualTo(1);
  }

  @Test
  void adoptionMovesMemoryToAnyOpenScope() {
    Tensor adopted;
    try (Scope _ = Scope.open(); Scope innermost = Scope.open()) {
      adopted = one();
      outer.adopt(adopted.storage());
      assertThat(innermost.bytes()).isZero();
    }
    assertThat(adopted.item()).isEqualTo(1);
    Scope closed = Scope.open();
    closed.close();
    assertThatThrownBy(() -> closed.adopt(adopted.storage())).hasMessageContaining("already closed");
  }

  @Test
  void releaseFreesOnceAndMemoryIsUsedAgain() {
    Tensor first = one();
    long address = first.bytes().address();
    Scope.release(first.storage());
    Scope.release(first.storage());
    assertThatThrownBy(first::item).hasMessageContaining("it was released early");
    assertThat(outer.bytes()).isZero();
    assertThat(one().bytes().address()).isEqualTo(address);
    assertThat(one().bytes().address()).as("a block is given out once").isNotEqualTo(address);
  }

  @Test
  void anOuterScopeCannotCloseBeforeAnInnerOne() {
    Scope middle = Scope.open();
    Scope inner = Scope.open();
    assertThatThrownBy(middle::close).isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("still open").hasMessageContaining("ScopeTest.anOuterScopeCannotCloseBeforeAnInnerOne");
    assertThat(Scope.current()).isSameAs(inner);
    inner.close();
    inner.close();
    middle.close();
    assertThat(Scope.current()).isSameAs(outer);
  }

  @Test
  void anotherThreadMayReadButNotOwn() {
    Tensor tensor = one();
    assertThat(CompletableFuture.supplyAsync(tensor::item).join()).isEqualTo(1);
    for (Runnable change : new Runnable[] {
        outer::close, () -> Scope.release(tensor.storage()), () -> outer.adopt(tensor.storage())}) {
      assertThatThrownBy(() -> CompletableFuture.runAsync(change).join())
          .isInstanceOf(CompletionException.class).hasMessageContaining("belongs to thread");
    }
    assertThatThrownBy(() -> CompletableFuture.runAsync(ScopeTest::one).join())
        .hasMessageContaining("no scope is open on thread").hasMessageContaining("Scope.open");
    assertThat(tensor.item()).isEqualTo(1);
  }

  @Test
  void aForgottenScopeIsReportedAndItsMemoryStaysTaken() throws InterruptedException {
    BlockingQueue<String> reports = new LinkedBlockingQueue<>();
    Logger logger = Logger.getLogger(Scope.class.getName());
    Handler handler = new Handler() {
      @Override
      public void publish(LogRecord record) {
        reports.add(record.getLevel() + " " + record.getMessage() + " " + Arrays.toString(record.getParameters()));
      }

      @Override
      public void flush() {}

      @Override
      public void close() {}
    };
    logger.addHandler(handler);
    logger.setUseParentHandlers(false);
    try {
      Thread forgetful = new Thread(() -> {
        Scope.open(backend);
        one();
      });
      forgetful.start();
      forgetful.join();
      long reserved = backend.reservedBytes();
      String report = null;
      for (int i = 0; report == null && i < 100; i++) {
        System.gc();
        report = reports.poll(100, TimeUnit.MILLISECONDS);
      }
      assertThat(report).contains("WARNING").contains("leak").contains("ScopeTest").contains("1");
      assertThat(backend.reservedBytes()).isEqualTo(reserved);
    } finally {
      logger.removeHandler(handler);
      logger.setUseParentHandlers(true);
    }
  }

  @Test
  void whatNoMemoryHoldsIsRefusedInOneSentence() {
    assertThatThrownBy(() -> Tensor.empty(DType.F64, Shape.of(1L << 31, 1L << 31)))
        .isInstanceOf(TenonException.class).hasMessageContaining("too large");
    assertThatThrownBy(() -> Tensor.empty(DType.F32, Shape.of(1L << 50)))
        .isInstanceOf(TenonException.class).hasMessageContaining("out of memory").hasMessageContaining("smaller batch");
    assertThat(one().item()).isEqualTo(1);
  }
}
