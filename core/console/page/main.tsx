import { render } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { takeToken } from "./api.ts";
import { Header } from "./header.tsx";
import { LettersView } from "./letters.tsx";
import { Overview } from "./overview.tsx";
import { type Route, useRoute } from "./route.ts";
import { SignIn } from "./sign-in.tsx";
import { SinkView } from "./sink.tsx";
import { applyTheme } from "./theme.tsx";
import { Toasts } from "./toasts.tsx";
import { look, type Seen, useWatch } from "./watch.ts";

function App() {
  const seen = useWatch();
  const route = useRoute();
  const main = useRef<HTMLElement>(null);
  const place = route.parts.join("/");
  const first = useRef(true);
  // As a new page would: what is read out begins with what is new.
  useEffect(() => {
    if (!first.current) main.current?.focus();
    first.current = false;
    scrollTo(0, 0);
  }, [place]);
  return (
    <>
      <a class="skip" href={`#/${place}`} onClick={() => main.current?.focus()}>
        Skip to the figures
      </a>
      <Header seen={seen} route={route} />
      <main ref={main} tabIndex={-1} class={seen.connection === "away" ? "stale" : ""}>
        <View seen={seen} route={route} />
      </main>
      <Toasts />
    </>
  );
}

function View({ seen, route: { parts, query } }: { seen: Seen; route: Route }) {
  if (seen.connection === "token") return <SignIn why={seen.why} />;
  if (seen.status === null) {
    return (
      <p class="empty">{seen.connection === "away" ? `${seen.why} It is tried again every second.` : "Looking…"}</p>
    );
  }
  const [what, name] = parts;
  const shown = { ...seen, status: seen.status };
  if (what === "sinks" && name !== undefined) return <SinkView key={name} seen={shown} name={name} />;
  if (what === "letters") return <LettersView seen={shown} query={query} />;
  return <Overview seen={shown} />;
}

function begin(): void {
  takeToken();
  void look();
}

applyTheme();
addEventListener("hashchange", () => location.hash.startsWith("#token=") && begin());
begin();
render(<App />, document.getElementById("page")!);
