import { expect, test } from "vitest";
import { NO_PREPARATION } from "../testing/prepare.ts";
import { extracts } from "./fixtures/index.ts";
import { pageOf } from "./page.ts";
import { compilePrepare } from "./prepare.ts";
import { objectOf } from "./reader.ts";
import { createScanner } from "./scanner.ts";
import { claimSlots, resetSharedSlots, sharedSlotBytes } from "./shared-slots.ts";
import type { Page, RecordTable } from "./table.ts";
import type { Wire } from "./types.ts";

const [A, Apb, Anasty, Auptime] = extracts();
function sharedPage(records: readonly Uint8Array[], wire: Wire): Page & { shared: Uint32Array } {
  const memory = new SharedArrayBuffer(sharedSlotBytes(records.length, wire));
  resetSharedSlots(memory, 0);
  return { ...pageOf(records, wire), shared: new Uint32Array(memory) };
}

const rows = (table: RecordTable) =>
  Array.from({ length: table.count }, (_, row) => JSON.stringify(objectOf(table, row)));
const alone = (records: readonly Uint8Array[], wire: Wire) => {
  const { table, unreadable } = createScanner().scan(pageOf(records, wire));
  return { rows: rows(table), unreadable };
};

test.each([A!, Auptime!])("$name: one scans, the others read what it found", ({ records, wire }) => {
  const page = sharedPage(records, wire);
  const first = createScanner().scan(page);
  const second = createScanner().scan(page);
  expect(second.table.slots.buffer).toBe(page.shared.buffer);
  expect(rows(first.table)).toEqual(alone(records, wire).rows);
  expect(rows(second.table)).toEqual(rows(first.table));
});

test("memory that was used before is taken for new records", () => {
  const page = sharedPage(A!.records, "msgpack");
  page.shared.fill(12345);
  resetSharedSlots(page.shared.buffer as SharedArrayBuffer, 0);
  createScanner().scan(page);
  expect(rows(createScanner().scan(page).table)).toEqual(alone(A!.records, "msgpack").rows);
});

test("who comes while another scans, or after it ended in the middle, scans for itself", () => {
  const page = sharedPage(A!.records, "msgpack");
  expect(claimSlots(page.shared)).toBe("scan");
  const { table } = createScanner().scan(page);
  expect(table.slots.buffer).not.toBe(page.shared.buffer);
  expect(rows(table)).toEqual(alone(A!.records, "msgpack").rows);
});

test("each says for itself which records cannot be read", () => {
  const records = [...Anasty!.records, Uint8Array.of(0xc1), ...A!.records];
  const page = sharedPage(records, "msgpack");
  for (const { table, unreadable } of [createScanner().scan(page), createScanner().scan(page)]) {
    expect({ rows: rows(table), unreadable }).toEqual(alone(records, "msgpack"));
    expect(unreadable).not.toEqual([]);
  }
});

test("what one sink's preparation edits, no other sees", () => {
  const page = sharedPage(A!.records, "msgpack");
  const edit = compilePrepare({ ...NO_PREPARATION, omit: true, ignore: ["path"] }, "analytics");
  for (const scanner of [createScanner(), createScanner()]) {
    const { table, unreadable } = scanner.scan(page);
    edit(table, unreadable);
    expect(rows(table)).not.toEqual(alone(A!.records, "msgpack").rows);
    table.release();
  }
  expect(rows(createScanner().scan(page).table)).toEqual(alone(A!.records, "msgpack").rows);
});

test("slots that are shared are never taken for another table's", () => {
  const page = sharedPage(A!.records, "msgpack");
  const scanner = createScanner();
  scanner.scan(page).table.release();
  scanner.scan(page).table.release();
  expect(scanner.scan(pageOf(A!.records, "msgpack")).table.slots.buffer).not.toBe(page.shared.buffer);
});

test("protobuf has none: its values may lie outside of the slab", () => {
  expect(sharedSlotBytes(Apb!.records.length, "protobuf")).toBe(0);
});
