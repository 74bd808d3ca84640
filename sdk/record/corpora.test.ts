import { expect, test } from "vitest";
import { encode } from "../encode/index.ts";
import { encodeMsgpack, encodeUptime } from "./encode-msgpack.ts";
import { encodeProtobuf } from "./encode-protobuf.ts";
import { schemaOf } from "./fields.ts";
import { batchOf, extracts, fullCorpora } from "./fixtures/index.ts";
import { inputOf } from "./input.ts";
import { createScanner } from "./scanner.ts";

process.env.TZ = "UTC";
const parse = (line: string) => JSON.parse(Buffer.from(line, "latin1").toString());

for (const [title, corpora] of [
  ["extract of", extracts()],
  ["all of", fullCorpora()],
] as const) {
  for (const corpus of corpora) {
    const { name, lines } = corpus;

    test.for([true, false])(`${title} ${name} decodes to the reference's objects (generated code: %s)`, (generate) => {
      for (const [i, record] of [...batchOf(createScanner({ generate }), corpus)].entries()) {
        if (lines[i] === null) continue;
        const { _id, ...wanted } = parse(lines[i]!);
        expect(record.toObject()).toEqual(wanted);
      }
    });

    test(`${title} ${name} encodes to the reference's JSON, byte for byte`, () => {
      const batch = batchOf(createScanner(), corpus);
      const [page] = [...encode.json("record").pages(batch)];
      let start = 0;
      for (const [i, end] of page!.ends.entries()) {
        const line = Buffer.from(page!.body.subarray(start, end - 1)).toString("latin1");
        if (lines[i] !== null) expect(line).toBe(lines[i]);
        start = end;
      }
    });

    // Objects hold the extreme integers of the hostile corpus as doubles, which no writer can make exact again.
    if (name === "Anasty") continue;
    test(`${title} ${name} survives being written and read again`, () => {
      const objects = [...batchOf(createScanner(), corpus)].map((record) => record.toObject());
      const write = { msgpack: encodeMsgpack, protobuf: encodeProtobuf, uptime: encodeUptime }[corpus.wire];
      const schema = schemaOf(corpus.wire === "uptime" ? "uptime" : "analytics");
      const records = objects.map((object) => write(inputOf(schema, object)));
      const again = [...batchOf(createScanner(), { records, wire: corpus.wire })].map((record) => record.toObject());
      expect(again).toEqual(objects);
    });
  }
}
