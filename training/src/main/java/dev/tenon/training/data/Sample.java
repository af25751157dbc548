package dev.tenon.training.data;

/**
 * A labeled image of one task.
 *
 * @param label class index within the task
 */
public record Sample(SampleImage image, int label) {}
