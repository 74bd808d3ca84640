import type { Worker } from "node:worker_threads";

/**
 * A worker past its heap limit can abort the whole process, and array buffers are not limited at all. So the heap is
 * looked at often, and the worker is ended well before its own limit.
 */
export interface HeapLimits {
  /** JavaScript heap at which the actor is ended, bytes. */
  heap: number;
  /** Memory outside the heap (array buffers) at which it is ended, bytes. */
  external: number;
}

export interface HeapSample {
  heap: number;
  external: number;
}

/** V8's own limit lies so far above ours: an allocation may overshoot between two looks. */
const HEADROOM = 1 / 0.6;
/** Of V8: three times the semi-space. Batches leave few objects. */
const YOUNG_MB = 12;
const LOOK_MS = 50;
/** An actor that is far from its limits is looked at less often. */
const CALM_LOOK_MS = 250;
const CALM = 0.25;

export function resourceLimits(limits: HeapLimits): {
  maxOldGenerationSizeMb: number;
  maxYoungGenerationSizeMb: number;
} {
  return { maxOldGenerationSizeMb: Math.ceil((limits.heap * HEADROOM) / 2 ** 20), maxYoungGenerationSizeMb: YOUNG_MB };
}

/** Watches until the returned function is called. `exceeded` is told once, with a sentence. */
export function guardHeap(
  worker: Worker,
  limits: HeapLimits,
  on: { sample(sample: HeapSample): void; exceeded(reason: string): void },
): () => void {
  let stopped = false;
  let timer: NodeJS.Timeout;
  const look = async (): Promise<void> => {
    let next = LOOK_MS;
    try {
      const { used_heap_size: heap, external_memory: external } = await worker.getHeapStatistics();
      if (stopped) return;
      on.sample({ heap, external });
      const reason = exceeds({ heap, external }, limits);
      if (reason) return on.exceeded(reason);
      if (heap < limits.heap * CALM && external < limits.external * CALM) next = CALM_LOOK_MS;
    } catch {
      // The worker is starting or ending; its exit is told elsewhere.
    }
    if (!stopped) timer = setTimeout(look, next);
  };
  timer = setTimeout(look, LOOK_MS);
  return () => {
    stopped = true;
    clearTimeout(timer);
  };
}

function exceeds(sample: HeapSample, limits: HeapLimits): string | null {
  if (sample.heap > limits.heap) {
    return `its heap reached ${megabytes(sample.heap)} of ${megabytes(limits.heap)} allowed`;
  }
  if (sample.external > limits.external) {
    return `its buffers reached ${megabytes(sample.external)} of ${megabytes(limits.external)} allowed`;
  }
  return null;
}

export function megabytes(bytes: number): string {
  return `${Math.round(bytes / 2 ** 20)} MB`;
}
