package dev.tenon.engine;

import java.lang.ref.Cleaner;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.Set;

/**
 * The region that owns memory: everything allocated while it is the innermost open scope of its thread is freed when it closes.
 *
 * <pre>{@code
 * try (Scope step = Scope.open()) {
 *   Tensor loss = …;
 * } // all of the step's memory is back in the pool
 * }</pre>
 *
 * A scope belongs to the thread that opened it; its tensors may be read from any thread while it is open.
 */
public final class Scope implements AutoCloseable {
  private static final ThreadLocal<Scope> CURRENT = new ThreadLocal<>();
  private static final Cleaner CLEANER = Cleaner.create();

  private final Backend backend;
  private final Scope parent;
  private final Owned owned;
  private final Cleaner.Cleanable leakReport;

  /** The memory of a scope; apart from the scope, which none of it refers to, so that the leak report can outlive it. */
  static final class Owned implements Runnable {
    private final Set<Storage> storages = Collections.newSetFromMap(new IdentityHashMap<>());
    private final Origin origin = Origin.here();
    private final Thread thread = Thread.currentThread();
    private volatile boolean closed;

    @Override
    public void run() {
      if (!closed) {
        System.getLogger(Scope.class.getName())
            .log(System.Logger.Level.WARNING,
                "leak: the scope opened at {0} was never closed and holds {1} buffers", origin, storages.size());
      }
    }

    private void confined() {
      if (Thread.currentThread() != thread) {
        throw new IllegalStateException("the scope opened at " + origin + " belongs to thread " + thread.getName()
            + " and cannot be changed by thread " + Thread.currentThread().getName());
      }
    }
  }

  private Scope(Backend backend, Scope parent) {
    this.backend = backend;
    this.parent = parent;
    this.owned = new Owned();
    this.leakReport = CLEANER.register(this, owned);
    CURRENT.set(this);
  }

  /** Opens a scope inside the current one, on the same backend. */
  public static Scope open() {
    Scope current = current();
    return new Scope(current.backend, current);
  }

  /** Opens a scope on {@code backend}, inside the current one if there is one. */
  public static Scope open(Backend backend) {
    return new Scope(backend, CURRENT.get());
  }

  /**
   * The innermost open scope of this thread.
   *
   * @throws IllegalStateException when none is open
   */
  public static Scope current() {
    Scope scope = CURRENT.get();
    if (scope == null) {
      throw new IllegalStateException(
          "no scope is open on thread " + Thread.currentThread().getName()
              + "; wrap the work in try (Scope scope = Scope.open(backend)) { … }");
    }
    return scope;
  }

  public Backend backend() {
    return backend;
  }

  /** The scope around this one, or null for an outermost scope. */
  public Scope parent() {
    return parent;
  }

  /** Makes this scope the owner of {@code storage}, so that it lives until this scope closes. */
  public void adopt(Storage storage) {
    if (owned.closed) {
      throw new IllegalStateException("the scope opened at " + owned.origin + " is already closed");
    }
    owned.confined();
    Owned before = storage.owner();
    if (before != null) {
      before.storages.remove(storage);
    }
    storage.owner(owned);
    owned.storages.add(storage);
  }

  /** Moves {@code tensor}'s memory out of this scope into the one around it, and returns the tensor. */
  public Tensor keep(Tensor tensor) {
    if (parent == null) {
      throw new IllegalStateException("an outermost scope has no scope around it to keep a tensor in");
    }
    if (tensor.storage().owner() == owned) {
      parent.adopt(tensor.storage());
    }
    return tensor;
  }

  /** Makes this scope the owner of {@code storage} if a scope inside it is the owner now. */
  void adoptFromWithin(Storage storage) {
    for (Scope scope = CURRENT.get(); scope != this && scope != null; scope = scope.parent) {
      if (storage.owner() == scope.owned) {
        adopt(storage);
        return;
      }
    }
  }

  /** Frees {@code storage} now instead of at the end of its scope. */
  public static void release(Storage storage) {
    Owned owner = storage.owner();
    if (owner != null) {
      owner.confined();
      owner.storages.remove(storage);
      storage.free("it was released early");
    }
  }

  /** Bytes this scope owns. */
  public long bytes() {
    return owned.storages.stream().mapToLong(Storage::bytes).sum();
  }

  @Override
  public void close() {
    if (owned.closed) {
      return;
    }
    owned.confined();
    if (CURRENT.get() != this) {
      throw new IllegalStateException("the scope opened at " + owned.origin + " must be closed after every scope inside it, but"
          + " the one opened at " + CURRENT.get().owned.origin + " is still open");
    }
    CURRENT.set(parent);
    if (parent == null) {
      CURRENT.remove();
    }
    owned.closed = true;
    String reason = "the scope opened at " + owned.origin + " closed";
    owned.storages.forEach(s -> s.free(reason));
    owned.storages.clear();
    leakReport.clean();
  }
}
