/** Everything around a model that learns, and the command line; finds backends at run time only. */
module tenon.training {
  requires transitive tenon.model;
  requires com.fasterxml.jackson.databind;
  requires com.twelvemonkeys.imageio.jpeg;
  requires info.picocli;
  requires java.desktop;
  requires jdk.management;
  requires us.hebi.matlab.mat.mfl.core;
  requires org.yaml.snakeyaml;
  requires me.tongfei.progressbar;

  exports dev.tenon.training.data;
  exports dev.tenon.training.demo;
  exports dev.tenon.training.image;
  exports dev.tenon.training.model;
  exports dev.tenon.training.recipe;

  opens dev.tenon.training.cli to
      info.picocli;
}
