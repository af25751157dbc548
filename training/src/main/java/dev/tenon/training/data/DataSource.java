package dev.tenon.training.data;

/**
 * Which data set lies where: a line of a recipe, and the way to its samples. Each kind reads the layout in
 * which the authors of the data set publish it.
 */
public sealed interface DataSource
    permits AircraftSource,
        CarsSource,
        CubSource,
        DemoSource,
        DogsSource,
        DtdSource,
        FlowersSource,
        FolderSource,
        IdxSource,
        NabirdsSource,
        PetsSource,
        VtabSource {

  /**
   * The classes and the list of images; pixels are read later.
   *
   * @param taskName how the task is called in reports and messages
   * @throws dev.tenon.engine.TenonException when a file is missing or does not fit the others
   */
  TaskData load(String taskName);
}
