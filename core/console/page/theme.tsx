import { useEffect, useState } from "preact/hooks";

const KEY = "sluice-theme";
const THEMES = ["auto", "light", "dark"] as const;
type Theme = (typeof THEMES)[number];

const system = matchMedia("(prefers-color-scheme: dark)");
const listeners = new Set<() => void>();

/** What a chart was drawn with holds no longer. */
function tell(): void {
  for (const listener of listeners) listener();
}

system.addEventListener("change", tell);

function stored(): Theme {
  const value = localStorage.getItem(KEY);
  return THEMES.find((theme) => theme === value) ?? "auto";
}

export function applyTheme(theme: Theme = stored()): void {
  document.documentElement.dataset.theme = theme;
  tell();
}

/** Counts changes of the colours. */
export function useColours(): number {
  const [version, setVersion] = useState(0);
  useEffect(() => {
    const listener = () => setVersion((n) => n + 1);
    listeners.add(listener);
    return () => void listeners.delete(listener);
  }, []);
  return version;
}

export function ThemeSwitch() {
  const [theme, setTheme] = useState(stored);
  const choose = (wanted: Theme) => {
    localStorage.setItem(KEY, wanted);
    setTheme(wanted);
    applyTheme(wanted);
  };
  return (
    <fieldset class="switch">
      <legend class="unseen">Colours</legend>
      {THEMES.map((one) => (
        <label key={one}>
          <input type="radio" name="theme" value={one} checked={one === theme} onChange={() => choose(one)} />
          <span>{one}</span>
        </label>
      ))}
    </fieldset>
  );
}
