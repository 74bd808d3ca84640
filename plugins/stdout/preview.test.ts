import { encodeMsgpack } from "@sluice/sdk/record";
import { batch } from "@sluice/sdk/testing";
import { expect, test } from "vitest";
import stdout from "./index.ts";

const config = { format: "", log_field_name: "", use_legacy_payload_format: false, text_to_stderr: false };
const show = (format: string) =>
  stdout.preview!({ config: { ...config, format } } as never)(batch([{ apiId: "api1" }]));

test("a preview is the line that would be printed", () => {
  const line = JSON.parse(show("json")!);
  expect(line).toMatchObject({ level: "info", "tyk-analytics-record": { api_id: "api1" } });
  expect(show("")).toMatch(/^time="\S+" level=info prefix=stdout-pump tyk-analytics-record="\{.* api1 .*\}"\n$/);
});

test("text has the bytes of lists and maps as they are", () => {
  const bad = "\u{10ffff}";
  const record = Buffer.from(
    encodeMsgpack({
      tags: ["é", bad],
      geoCityNames: { [bad]: bad },
      graphqlTypes: { Query: [bad] },
      graphqlErrors: [{ message: bad, path: [bad, 1] }],
    }),
  );
  // Bytes that no text of JavaScript becomes.
  for (let at = record.indexOf(bad); at >= 0; at = record.indexOf(bad)) record.fill(0xff, at, at + 4);
  const [line] = [stdout.preview!({ config } as never)(batch([record]))];
  const four = String.raw`\xff\xff\xff\xff`;
  expect(line).toContain(`[é ${four}]`);
  expect(line).toContain(`map[${four}:${four}]`);
  expect(line).toContain(`map[Query:[${four}]] [{${four} [${four} 1]}]`);
});
