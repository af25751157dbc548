package dev.tenon.training.cli;

import dev.tenon.engine.io.CacheFolder;
import picocli.CommandLine;
import picocli.CommandLine.IFactory;

/** Hands the commands what they cannot find themselves. */
record CommandFactory(CacheFolder cache) implements IFactory {
  @Override
  public <K> K create(Class<K> type) throws Exception {
    return type == DoctorCommand.class
        ? type.cast(new DoctorCommand(cache))
        : CommandLine.defaultFactory().create(type);
  }
}
