/** How one level of the runner runs: the same for deployments in one process and for real ones. */
export interface Level {
  readonly name: "simulated" | "real";
  /** What happens in the run of this seed, a line each: their numbers are what `--only` takes. */
  events(seed: number): string[];
  /** Runs it; `only`: with these events alone. */
  run(seed: number, only: readonly number[] | null): Promise<Outcome>;
  /** How often a failed run is run again, to find what it takes to fail. */
  readonly repeats: number;
}

export interface Outcome {
  /** What is not as it must be; empty: all is. */
  wrong: string[];
  /** All that happened, a line each. */
  history: string[];
  /** What it was about, for a line of the report. */
  summary: string;
  records: number;
  /** Deliveries beyond the first, each excused by a fault. */
  repeated: number;
}
