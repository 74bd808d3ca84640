import { mkdirSync } from "node:fs";
import { fakeSink, fakeStatus } from "../admin/fake-status.ts";
import type { SinkStatus, Status } from "../supervisor/status.ts";
import type { EmbeddedLog, Parts, Pump } from "./parts.ts";

export interface FakeSession {
  parts: Parts;
  /** What was appended, in order. */
  readonly appended: Uint8Array[];
  /** What was called, in order. */
  readonly calls: string[];
}

/** For tests: a log in memory, and sinks that follow it at once unless `sink` says otherwise. */
export function fakeSession(sinkOf: (name: string, appended: number) => Partial<SinkStatus> = () => ({})): FakeSession {
  const appended: Uint8Array[] = [];
  const calls: string[] = [];
  const log = {
    lists: [{ name: "analytics-tyk-system-analytics", wire: "msgpack" }],
    append: (_: string, records: readonly Uint8Array[]) => appended.push(...records),
    open: async () => void calls.push("open"),
  } as unknown as EmbeddedLog;

  const parts: Parts = {
    createLog: async () => log,
    createEmbeddedLog: async ({ folder }) => {
      mkdirSync(folder, { recursive: true });
      return log;
    },
    async createPump({ config }): Promise<Pump> {
      const status = (): Status => {
        const delivered = appended.length;
        const sinks = config.sinks.map(({ name }) => {
          return fakeSink(name, { delivered, written: delivered, filtered: 0, skipped: 0, ...sinkOf(name, delivered) });
        });
        return fakeStatus(sinks);
      };
      return {
        start: async () => void calls.push("start"),
        status,
        idle: () => true,
        measure: async () => {},
        crew: () => undefined,
        replay: () => 0,
        change: async () => ({ started: [], stopped: [], replaced: [], unchanged: [] }),
        stop: async () => {
          calls.push("stop");
          return { released: 0 };
        },
      };
    },
  };
  return { parts, appended, calls };
}
