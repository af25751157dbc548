/** Backbones, adapters and merging; sees tensors, never a backend. */
module tenon.model {
  requires transitive tenon.engine;
  requires com.fasterxml.jackson.databind;

  exports dev.tenon.model;
  exports dev.tenon.model.adapter;
  exports dev.tenon.model.affinity;
  exports dev.tenon.model.swin;
  exports dev.tenon.model.vit;
}
