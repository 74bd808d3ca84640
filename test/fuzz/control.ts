import fc from "fast-check";
import { fakeControl } from "../../core/control/fake-control.ts";
import { controlRoutes } from "../../core/control/routes.ts";
import { unpolluted } from "./checks.ts";
import type { Target } from "./harness.ts";
import { mutated, mutatedJson } from "./mutate.ts";

interface Input {
  method: string;
  path: string;
  type: string | null;
  body: string | null;
}

const PATHS = [
  "/v1/about",
  "/v1/status",
  "/v1/reload",
  "/v1/stop",
  "/v1/sinks/csv/suspend",
  "/v1/sinks/csv/resume",
  "/v1/sinks/csv/profile?seconds=1&cpu=true",
  "/v1/profile?seconds=2",
  "/v1/sinks/csv/tap?records=3",
  "/v1/letters?sink=csv&since=1&limit=10&ids=a,b",
  "/v1/letters/analytics-tyk-system-analytics%2F1-0?redact=true",
  "/v1/letters/replay",
  "/v1/letters/drop",
].map((path) => Buffer.from(path));
const LARGEST_ANSWER = 1 << 20;

const { control } = fakeControl();
const app = controlRoutes(control, { error: () => {} });

/** Requests of the control interface: answered as JSON with a fitting status, and an error is a code and a sentence. */
export const controlTarget: Target<Input> = {
  name: "control",
  input: fc.record({
    method: fc.constantFrom("GET", "POST", "POST", "DELETE", "HEAD", "OPTIONS"),
    path: mutated(PATHS, 3).map((bytes) => `/${bytes.toString("utf8").replace(/^\/+/, "")}`),
    type: fc.constantFrom("application/json", "application/json; charset=utf-8", "text/plain", null),
    body: fc.option(
      mutatedJson([{ sink: "csv", since: 1, until: 2, ids: ["a"], reason: "r", list: "l", limit: 3 }, {}]),
    ),
  }),
  bytes: (input) => Buffer.from(JSON.stringify(input)),
  async run({ method, path, type, body }) {
    const url = `http://sluice${path}`;
    if (!URL.canParse(url)) return;
    const hasBody = method === "POST" && body !== null;
    const request = new Request(url, {
      method,
      ...(type !== null && { headers: { "content-type": type } }),
      ...(hasBody && { body }),
    });
    const response = await app.fetch(request);
    const text = await response.text();
    if (text.length > LARGEST_ANSWER) throw new Error(`an answer of ${text.length} characters`);
    if (text.includes("secret of the fifth")) throw new Error("the answer tells what only the log may");
    if (response.status >= 500) throw new Error(`status ${response.status}: ${text}`);
    for (const line of method === "HEAD" ? [] : text.split("\n").filter(Boolean)) {
      const answer = JSON.parse(line);
      if (response.status >= 400 && !/^SLUICE_CONTROL_[A-Z_]+$/.test(answer.error.code)) throw new Error(text);
    }
    unpolluted();
  },
};
