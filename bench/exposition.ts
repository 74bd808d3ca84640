/** What of Prometheus' text format is needed here. */

/** Records that the prometheus sink has counted. */
export function requests(text: string): number {
  return sum(text, "tyk_http_status");
}

/** Of all samples of the metric. */
export function sum(text: string, metric: string): number {
  return [...text.matchAll(new RegExp(`^${metric}(?:\\{.*\\})? (\\S+)$`, "gm"))].reduce(
    (total, [, value]) => total + Number(value),
    0,
  );
}

/** Of the metric's samples whose only label is `sink`, by its value. */
export function bySink(text: string, metric: string): Map<string, number> {
  const samples = text.matchAll(new RegExp(`^${metric}\\{sink="([^"]*)"\\} (\\S+)$`, "gm"));
  return new Map([...samples].map(([, sink, value]) => [sink!, Number(value)]));
}
