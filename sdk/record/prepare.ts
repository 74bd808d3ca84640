import type { Prepare } from "../runtime/protocol.ts";
import { decodeBase64 } from "./base64.ts";
import { analyticsSchema, type Leaf, wordsOf } from "./fields.ts";
import { numberOf } from "./reader.ts";
import { EDITED, type RecordTable, type Unreadable } from "./table.ts";
import type { Kind } from "./types.ts";

export interface PreparedRows {
  /** The rows that are left, in order. */
  readonly rows: Uint32Array;
  /** How many the filters took out. */
  readonly filtered: number;
}

export interface PrepareRows {
  (table: RecordTable, unreadable: readonly Unreadable[]): PreparedRows;
  /** Names in `ignore` that no record has: to be reported once. */
  readonly unknown: readonly string[];
}

type Step = (table: RecordTable, row: number) => void;
type Test = (table: RecordTable, row: number) => boolean;

/**
 * Filters and field preparation in the reference's order (omit or trim, filters, ignored fields, decoding), as edits of a table.
 * Filters read no field that omitting or trimming changes, so they come first here. Uptime records are passed through.
 */
export function compilePrepare(rules: Prepare, kind: Kind): PrepareRows {
  const analytics = kind === "analytics";
  const { names, unknown } = analytics ? ignored(rules.ignore) : { names: [], unknown: [] };
  const tests = analytics ? filters(rules.filters) : [];
  const steps = analytics ? edits(rules, names) : [];

  const prepare = (table: RecordTable, unreadable: readonly Unreadable[]): PreparedRows => {
    if (steps.length > 0) table.detach();
    const rows = new Uint32Array(table.count);
    let kept = 0;
    let bad = 0;
    records: for (let row = 0; row < table.count; row++) {
      if (bad < unreadable.length && unreadable[bad]!.row === row) {
        bad++;
        continue;
      }
      for (const rejects of tests) if (rejects(table, row)) continue records;
      for (const step of steps) step(table, row);
      rows[kept++] = row;
    }
    return { rows: rows.subarray(0, kept), filtered: table.count - bad - kept };
  };
  return Object.assign(prepare, { unknown });
}

function leaf(property: string): Leaf {
  return analyticsSchema.byProperty.get(property)!;
}

/** Each says whether it rejects the record; block lists come first. */
function filters(lists: Prepare["filters"]): Test[] {
  const tests: Test[] = [];
  const add = <T>(list: readonly T[], test: (list: readonly T[]) => Test, keep: boolean) => {
    if (list.length === 0) return;
    const has = test(list);
    tests.push(keep ? (table, row) => !has(table, row) : has);
  };
  const apiId = (list: readonly string[]) => isOneOf(leaf("apiId"), list);
  const orgId = (list: readonly string[]) => isOneOf(leaf("orgId"), list);
  const responseCode = (list: readonly number[]): Test => {
    const codes = new Set(list);
    return (table, row) => codes.has(numberOf(table, row, leaf("responseCode")));
  };
  add(lists.skipApiIds, apiId, false);
  add(lists.skipOrgIds, orgId, false);
  add(lists.skipResponseCodes, responseCode, false);
  add(lists.apiIds, apiId, true);
  add(lists.orgIds, orgId, true);
  add(lists.responseCodes, responseCode, true);
  return tests;
}

/** Compares bytes where the list is short; a long one is worth a string and a set. */
function isOneOf(field: Leaf, list: readonly string[]): Test {
  const wanted = list.map((text) => Buffer.from(text));
  if (wanted.length > 8) {
    const set = new Set(wanted.map((bytes) => bytes.latin1Slice(0, bytes.length)));
    return ({ bytes, slots, stride }, row) => {
      const word = row * stride + field.slot;
      return set.has(bytes.latin1Slice(slots[word]!, slots[word + 1]!));
    };
  }
  return ({ bytes, slots, stride }, row) => {
    const word = row * stride + field.slot;
    const start = slots[word]!;
    const size = slots[word + 1]! - start;
    for (const text of wanted) {
      if (text.length !== size) continue;
      let i = 0;
      while (i < size && text[i] === bytes[start + i]) i++;
      if (i === size) return true;
    }
    return false;
  };
}

function ignored(ignore: readonly string[]): { names: string[]; unknown: string[] } {
  const known = new Set(analyticsSchema.root.children.map((node) => node.json).filter((name) => name !== ""));
  return {
    names: ignore.filter((name) => known.has(name)),
    // The reference takes "-" for an inner field, which no sink sees.
    unknown: [...new Set(ignore)].filter((name) => !known.has(name) && name !== "-"),
  };
}

function edits(rules: Prepare, ignore: readonly string[]): Step[] {
  const steps: Step[] = [];
  const request = leaf("rawRequest");
  const response = leaf("rawResponse");
  const blank = new Set(
    analyticsSchema.root.children.filter((node) => ignore.includes(node.json)).flatMap((node) => wordsOf(node)),
  );
  if (rules.omit) for (const word of [...wordsOf(request), ...wordsOf(response)]) blank.add(word);
  else if (rules.trim > 0) steps.push(trim(request, rules.trim), trim(response, rules.trim));
  if (blank.size > 0) {
    const words = [...blank];
    steps.push(({ slots, stride }, row) => {
      for (const word of words) slots[row * stride + word] = 0;
    });
  }
  if (rules.decodeRequest) steps.push(decode(request));
  if (rules.decodeResponse) steps.push(decode(response));
  return steps;
}

function trim(field: Leaf, size: number): Step {
  return ({ slots, stride }, row) => {
    const word = row * stride + field.slot;
    slots[word + 1] = Math.min(slots[word + 1]!, slots[word]! + size);
  };
}

/** What is not base64 stays as it is. */
function decode(field: Leaf): Step {
  return (table, row) => {
    const { slots, bytes } = table;
    const word = row * table.stride + field.slot;
    const start = slots[word]!;
    const end = slots[word + 1]!;
    if (start === end) return;
    const place = table.reserve(end - start);
    const size = decodeBase64(bytes, start, end, table.edits, place);
    table.unreserve(size < 0 ? place : place + size);
    if (size < 0) return;
    slots[word] = EDITED + place;
    slots[word + 1] = EDITED + place + size;
  };
}
