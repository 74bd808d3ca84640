import { batch } from "@sluice/sdk/testing";
import { expect, test } from "vitest";
import stdout from "./index.ts";

const config = { log_field_name: "", use_legacy_payload_format: false, text_to_stderr: false };
const show = (format: string) =>
  stdout.preview!({ config: { ...config, format } } as never)(batch([{ apiId: "api1" }]));

test("a preview is the line that would be printed", () => {
  const line = JSON.parse(show("json")!);
  expect(line).toMatchObject({ level: "info", "tyk-analytics-record": { api_id: "api1" } });
  expect(show("")).toMatch(/^time="\S+" level=info prefix=stdout-pump tyk-analytics-record="\{.* api1 .*\}"\n$/);
});
