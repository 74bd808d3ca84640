import type { Compute } from "../compute/pool.ts";
import type { HomeList, LetterHead } from "../log/log.ts";
import type { Letters, Replayed } from "./control.ts";
import { CONTROL_ERROR_CODES, ControlError } from "./errors.ts";
import type { Letter, LetterFilter, LetterSummary } from "./letters.ts";

/** Letters asked for at once. */
const PAGE = 100;
/** Of a listing, unless the filter says otherwise. */
const LISTED = 100;
const MOST_TOTALS = 100;
/** A larger record is not shown. */
const SHOWN_BYTES = 16 * 2 ** 20;

/** A dead letter, and all entries of the log that are it: one that was written twice is one letter. */
export interface Found {
  readonly list: HomeList;
  readonly head: LetterHead;
  readonly ids: string[];
}

/** Hands letters to their sinks. Absent where nothing is delivered. */
export type Replay = (letters: readonly Found[]) => Replayed;

export interface DeadLettersParts {
  lists: readonly HomeList[];
  compute: Pick<Compute, "decode">;
  replay?: Replay;
}

/** The dead letters of a log. Throws ControlError and LogError. */
export function createDeadLetters({ lists, compute, replay }: DeadLettersParts): Letters {
  return {
    async list(filter) {
      const { after, limit = LISTED, ...matching } = filter;
      const isBehind = behind(lists, after);
      const summary: LetterSummary = { letters: [], more: null, totals: [], records: 0, bytes: 0 };
      const totals = new Map<string, LetterSummary["totals"][number]>();
      for (const found of await find(lists, matching)) {
        const { sink, reason, bytes } = found.head;
        const total = totals.get(`${sink} ${reason}`) ?? { sink, reason, records: 0, bytes: 0 };
        totals.set(`${sink} ${reason}`, { ...total, records: total.records + 1, bytes: total.bytes + bytes });
        summary.records++;
        summary.bytes += bytes;
        if (!isBehind(found)) continue;
        if (summary.letters.length < limit) summary.letters.push(letterOf(found));
        else summary.more = summary.letters.at(-1)!.id;
      }
      summary.totals = [...totals.values()].sort((a, b) => b.records - a.records).slice(0, MOST_TOTALS);
      return summary;
    },

    async show(id, redact) {
      const { list, own } = placeOf(lists, id);
      const [letter] = list === undefined ? [] : await list.getLetters([own]);
      if (list === undefined || letter === undefined) {
        const message = `There is no dead letter ${id.slice(0, 200)}, or no more: see \`sluice dlq list\`.`;
        throw new ControlError(CONTROL_ERROR_CODES.noLetter, message);
      }
      const { raw, ...head } = letter;
      const shown = { ...letterOf({ list, head: { ...head, bytes: raw.length }, ids: [] }) };
      if (raw.length > SHOWN_BYTES) {
        const message = `The record has ${raw.length} bytes: one of more than ${SHOWN_BYTES} is not shown.`;
        throw new ControlError(CONTROL_ERROR_CODES.notPossible, message);
      }
      if (letter.index < 0) return { ...shown, record: null, raw: "" };
      const request = { wire: list.wire, records: [raw], prepare: null, redact };
      const [decoded] = await compute.decode(request);
      // What a gateway wrote cannot be blanked in part.
      return { ...shown, record: decoded!.record, raw: redact ? "" : Buffer.from(raw).toString("base64") };
    },

    async replay(filter) {
      if (replay === undefined) {
        const message = "A replay needs a pump that runs: start it on this configuration.";
        throw new ControlError(CONTROL_ERROR_CODES.notPossible, message);
      }
      return replay(await find(lists, filter));
    },

    async drop(filter) {
      const found = await find(lists, filter);
      let dropped = 0;
      for (const [list, letters] of Map.groupBy(found, (one) => one.list)) {
        // Of a letter that was written twice both go.
        const gone = await list.dropLetters(letters.flatMap(({ ids }) => ids));
        dropped += Math.min(gone, letters.length);
      }
      return dropped;
    },
  };
}

/** In order of arrival, list by list. */
async function find(lists: readonly HomeList[], filter: LetterFilter): Promise<Found[]> {
  const found = new Map<string, Found>();
  const matches = matcher(filter);
  const isBehind = behind(lists, filter.after);
  for (const list of lists) {
    for (let after: string | null = null, page: LetterHead[] = []; ; after = page.at(-1)!.id) {
      page = await list.listLetters(after, PAGE);
      for (const head of page) {
        const one: Found = { list, head, ids: [head.id] };
        if (!matches(head, idOf(list, head)) || !isBehind(one)) continue;
        const identity = `${list.name} ${head.chunk}.${head.index} ${head.sink}`;
        const known = found.get(identity);
        if (known !== undefined) known.ids.push(head.id);
        else if (found.size < (filter.limit ?? Number.POSITIVE_INFINITY)) found.set(identity, one);
      }
      if (page.length < PAGE) break;
    }
  }
  return [...found.values()];
}

function matcher({ sink, reason, since, until, ids }: LetterFilter): (head: LetterHead, id: string) => boolean {
  const part = reason?.toLowerCase();
  const named = ids && new Set(ids);
  return (head, id) =>
    (sink === undefined || head.sink === sink) &&
    (part === undefined || head.reason.toLowerCase().includes(part)) &&
    (since === undefined || head.at >= since) &&
    (until === undefined || head.at < until) &&
    (named === undefined || named.has(id));
}

/** Whether a letter comes behind the one of this name, there or no more. */
function behind(lists: readonly HomeList[], after: string | undefined): (found: Found) => boolean {
  if (after === undefined) return () => true;
  const { list, own } = placeOf(lists, after);
  const at = list === undefined ? -1 : lists.indexOf(list);
  return ({ list: its, head }) => {
    const place = lists.indexOf(its);
    return place > at || (place === at && isLater(head.id, own));
  };
}

/** Ids are numbers, or two of them with a dash between. */
function isLater(a: string, b: string): boolean {
  const [[ms, sequence], [otherMs, otherSequence]] = [numbersOf(a), numbersOf(b)];
  return ms > otherMs || (ms === otherMs && sequence > otherSequence);
}

function numbersOf(id: string): [bigint, bigint] {
  const [, first = "0", second = "0"] = /^(\d+)(?:-(\d+))?$/.exec(id) ?? [];
  return [BigInt(first), BigInt(second)];
}

function idOf(list: HomeList, { id }: LetterHead): string {
  return `${list.name}/${id}`;
}

function placeOf(lists: readonly HomeList[], id: string): { list: HomeList | undefined; own: string } {
  const slash = id.lastIndexOf("/");
  return { list: lists.find(({ name }) => name === id.slice(0, Math.max(0, slash))), own: id.slice(slash + 1) };
}

function letterOf({ list, head }: Found): Letter {
  return { ...head, id: idOf(list, head), list: list.name };
}
