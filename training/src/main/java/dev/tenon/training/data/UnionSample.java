package dev.tenon.training.data;

/**
 * A labeled image among several tasks.
 *
 * @param task index of the task
 * @param label class index in the union of all tasks' classes
 */
public record UnionSample(SampleImage image, int task, int label) {}
