import { setTimeout as sleep } from "node:timers/promises";
import type { ControlClient } from "../control/client.ts";
import { describeError } from "../logging/index.ts";
import type { InstanceOptions } from "./daemon.ts";
import { EXIT } from "./errors.ts";
import { whichPump } from "./instance.ts";
import { say } from "./plugin-folder.ts";
import { readFlame } from "./profile.ts";
import { profileReport } from "./profile-report.ts";
import { createWindow } from "./rates.ts";
import { openScreen } from "./screen.ts";
import { canDraw } from "./terminal.ts";
import { type Action, FIRST, press } from "./top-state.ts";
import { plainTable, type TopView, topLines } from "./top-view.ts";

const LOOK_MS = 1000;
const PROFILE_SECONDS = 5;

/** `sluice top`: the sinks live; without a terminal a table once, with `--json` one snapshot. */
export async function top(options: InstanceOptions): Promise<number> {
  const { client } = whichPump(options);
  const about = await client.about();
  const status = await client.status();
  if (options.json) {
    say(JSON.stringify({ about, status }, null, 2));
    return EXIT.ok;
  }
  const window = createWindow();
  const span = window(status, performance.now());
  if (!canDraw() || !process.stdin.isTTY) {
    await sleep(LOOK_MS);
    const lines = plainTable(about, window(await client.status(), performance.now()));
    for (const line of lines) say(line.trimEnd());
    return EXIT.ok;
  }
  const view: TopView = { about, span, state: FIRST, letters: null, report: [], message: "", now: Date.now() };
  await live(client, view, window);
  return EXIT.ok;
}

interface Doing {
  client: ControlClient;
  sink: string;
  view: TopView;
  show(changes: Partial<TopView>): void;
}

const ACTIONS: { readonly [what in Exclude<Action, null | { do: "quit" }>["do"]]: (doing: Doing) => Promise<void> } = {
  async suspend({ client, sink, show }) {
    show({ message: `${sink} is being suspended: calls that are under way may finish.` });
    await client.suspend(sink);
    show({ message: `${sink} is suspended; its backlog waits in the log.` });
  },
  async resume({ client, sink, show }) {
    await client.resume(sink);
    show({ message: `${sink} is resumed.` });
  },
  async look({ client, sink, show }) {
    show({ letters: null, message: "" });
    show({ letters: await client.letters.list({ sink, limit: 1 }) });
  },
  async profile({ client, sink, view, show }) {
    show({ message: `${sink} is measured for ${PROFILE_SECONDS} s; it goes on.` });
    const profile = await client.profile(sink, PROFILE_SECONDS, true);
    const report = profileReport(profile, readFlame(profile).flame, []);
    show({ report, message: "", state: { ...view.state, screen: "profile", scroll: 0 } });
  },
};

/** Until `q`. */
async function live(client: ControlClient, view: TopView, window: ReturnType<typeof createWindow>): Promise<void> {
  const ended = new AbortController();
  const draw = () => screen.draw(topLines(view, screen.size));
  const show = (changes: Partial<TopView>) => {
    Object.assign(view, changes);
    draw();
  };
  const act = async (action: Exclude<Action, null>) => {
    if (action.do === "quit") return ended.abort();
    try {
      await ACTIONS[action.do]({ client, sink: action.sink, view, show });
    } catch (error) {
      show({ message: describeError(error) });
    }
  };
  const screen = openScreen({
    key(name) {
      const { state, action } = press(view.state, name, view.span);
      show({ state });
      if (action !== null) void act(action);
    },
    resized: () => draw(),
  });
  draw();
  let lost = "";
  while (!ended.signal.aborted) {
    try {
      for await (const status of client.follow(ended.signal)) {
        // Another process may have taken its place.
        if (lost !== "") show({ about: await client.about(), message: view.message === lost ? "" : view.message });
        lost = "";
        show({ span: window(status, performance.now()), now: Date.now() });
      }
    } catch (error) {
      lost = describeError(error);
      if (!ended.signal.aborted) show({ message: lost, now: Date.now() });
    }
    // The pump has ended, or answers no more.
    await sleep(LOOK_MS, undefined, { signal: ended.signal }).catch(() => {});
  }
  screen.end();
}
