import type { UptimeStatus } from "../../supervisor/status.ts";
import { Columns } from "./columns.tsx";
import { count, duration } from "./format.ts";
import { Mark, type Tone } from "./state.tsx";

type Check = UptimeStatus["checks"][number];

const TONES: { readonly [state in Check["state"]]: Tone } = { up: "ok", down: "bad", unknown: "idle" };

/** Services that the pump tests, and what came of it. `at`: when that was, milliseconds since 1970. */
export function Services({ uptime: { active, checks, skipped, dropped }, at }: { uptime: UptimeStatus; at: number }) {
  return (
    <section class="panel" aria-labelledby="services">
      <div class="row">
        <h2 id="services">Services under test</h2>
        <p class="sub">{active ? summary(checks) : "Another instance tests them: its console has the results."}</p>
      </div>
      {active && (
        <div class="scroll">
          <table aria-labelledby="services">
            <Columns
              titles={[
                "Service",
                "State",
                "Since",
                { number: "Answer" },
                { number: "Took" },
                { number: "Tests" },
                "Failed",
              ]}
            />
            <tbody>
              {checks.map((check) => (
                <Row key={check.name} check={check} at={at} />
              ))}
            </tbody>
          </table>
        </div>
      )}
      {skipped > 0 && <p class="sub">{count(skipped)} tests were left out, since the one before was not finished.</p>}
      {dropped > 0 && <p class="bad-text">{count(dropped)} reports were lost: the log did not take them.</p>}
    </section>
  );
}

function summary(checks: readonly Check[]): string {
  const down = checks.filter(({ state }) => state === "down").length;
  if (down > 0) return `${count(down)} of ${count(checks.length)} down`;
  return checks.every(({ state }) => state === "up") ? "all up" : "";
}

function Row({ check: { name, state, since, status, ms, results }, at }: { check: Check; at: number }) {
  const { ok = 0, ...failures } = results;
  const failed = Object.entries(failures).filter(([, times]) => times > 0);
  const tests = failed.reduce((sum, [, times]) => sum + times, ok);
  return (
    <tr>
      <th scope="row">{name}</th>
      <td>
        <Mark tone={TONES[state]} text={state} />
      </td>
      <td class="when">{duration(Math.max(0, at - since))}</td>
      <td class="number">{status === 0 ? "–" : status}</td>
      <td class="number">{tests === 0 ? "–" : duration(ms)}</td>
      <td class="number">{count(tests)}</td>
      <td>{failed.length === 0 ? "none" : failed.map(([kind, times]) => `${count(times)} ${kind}`).join(", ")}</td>
    </tr>
  );
}
