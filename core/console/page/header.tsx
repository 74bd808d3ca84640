import { clock, duration } from "./format.ts";
import type { Route } from "./route.ts";
import { ThemeSwitch } from "./theme.tsx";
import type { Connection, Seen } from "./watch.ts";

const CONNECTIONS: { readonly [connection in Connection]: { text: string; tone: string } } = {
  connecting: { text: "Connecting", tone: "idle" },
  live: { text: "Live", tone: "ok" },
  away: { text: "No answer", tone: "bad" },
  token: { text: "Locked", tone: "idle" },
};

export function Header({ seen, route }: { seen: Seen; route: Route }) {
  const { connection, about, at, why } = seen;
  const { text, tone } = CONNECTIONS[connection];
  const letters = route.parts[0] === "letters";
  return (
    <header class="top">
      <div class="bar">
        <a class="brand" href="#/">
          <img src="/icon.svg" width="26" height="26" alt="" />
          Sluice
        </a>
        {connection !== "token" && (
          <nav aria-label="Parts of the console">
            <a href="#/" aria-current={letters ? undefined : "page"}>
              Overview
            </a>
            <a href="#/letters" aria-current={letters ? "page" : undefined}>
              Dead letters
            </a>
          </nav>
        )}
        <p class="about">
          {about !== null && connection !== "token" && (
            <>
              <span class="where" title={about.configuration ?? ""}>
                {about.configuration?.split("/").at(-1) ?? "no file"}
              </span>
              <span>{about.version}</span>
              <span>up {duration(Math.max(0, at - about.startedAt))}</span>
            </>
          )}
        </p>
        <p class={`pill ${tone}`}>
          <span class="dot" aria-hidden="true" />
          {text}
        </p>
        <ThemeSwitch />
      </div>
      {connection === "away" && at > 0 && (
        <p class="away" role="alert">
          {why} It is tried again every second; what is shown is of {clock(at)}.
        </p>
      )}
    </header>
  );
}
