import type { Change, Results } from "./results.ts";
import { median } from "./stats.ts";
import { type Figure, format, held } from "./table.ts";

const WIDTH = 320;
const HEIGHT = 22;
const EDGE = 8;

/** A page that stands alone: each figure with a strip of its runs, its bar and whether that is held, and what changed. */
export function resultsPage({ at, machine, node, scenarios }: Results, changed: readonly Change[]): string {
  const sections = scenarios.map(
    ({ name, seconds, load, figures }) => `<section><h2>${escaped(name)}</h2>
<p class="note">${seconds} s; load average ${load[0]} before, ${load[1]} after</p>
<table><thead><tr><th scope="col">Figure</th><th scope="col">Median</th><th scope="col">Runs</th><th scope="col">Bar</th></tr></thead><tbody>
${figures.map(row).join("\n")}
</tbody></table></section>`,
  );
  const news =
    changed.length === 0
      ? ""
      : `<section><h2>Changed beyond noise</h2><ul>${changed
          .map(
            ({ scenario, name, before, now }) =>
              `<li>${escaped(scenario)}, ${escaped(name)}: ${shown(before)} → ${shown(now)}</li>`,
          )
          .join("")}</ul></section>`;
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Sluice: benchmarks</title>
<style>${STYLE}</style></head><body><main><h1>Benchmarks</h1>
<p class="note">${escaped(at)}; ${escaped(machine)}; Node.js ${escaped(node)}</p>
${news}
${sections.join("\n")}
</main></body></html>
`;
}

function row(figure: Figure): string {
  const verdict = held(figure);
  const bar = figure.atLeast !== undefined ? `≥ ${format(figure.atLeast)}` : "";
  const limit = figure.atMost !== undefined ? `≤ ${format(figure.atMost)}` : bar;
  const word = verdict === null ? "" : verdict ? "held" : "missed";
  return `<tr class="${word}"><th scope="row">${escaped(figure.name)}</th><td>${shown(figure)}</td><td>${strip(figure)}</td><td>${limit} ${word}</td></tr>`;
}

/** One dot a run, a line at the bar. */
function strip({ values, atLeast, atMost }: Figure): string {
  const bar = atLeast ?? atMost;
  const all = bar === undefined ? values : [...values, bar];
  const least = Math.min(...all);
  const scale = (WIDTH - 2 * EDGE) / (Math.max(...all) - least || 1);
  const x = (value: number) => (EDGE + (value - least) * scale).toFixed(1);
  const y = HEIGHT / 2;
  const line = bar === undefined ? "" : `<line x1="${x(bar)}" x2="${x(bar)}" y1="2" y2="${HEIGHT - 2}"/>`;
  const dots = values.map(
    (value) => `<circle cx="${x(value)}" cy="${y}" r="4"><title>${format(value)}</title></circle>`,
  );
  return `<svg width="${WIDTH}" height="${HEIGHT}" role="img" aria-label="${values.map(format).join(", ")}">${line}${dots.join("")}</svg>`;
}

const shown = ({ values, unit }: Figure) => `${format(median(values))} ${unit ?? ""}`.trim();

function escaped(text: string): string {
  return text.replace(/[&<>"]/g, (sign) => ESCAPES[sign]!);
}

const ESCAPES: { readonly [sign: string]: string } = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };

const STYLE = `:root{color-scheme:light dark;font:15px/1.45 system-ui,sans-serif}main{max-width:72rem;margin:2rem auto;padding:0 1rem}
table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:.3rem .6rem;border-bottom:1px solid #8884;font-weight:400}
thead th{font-weight:600}td:nth-child(2){white-space:nowrap;font-variant-numeric:tabular-nums}circle{fill:#2a7ae2;opacity:.7}line{stroke:#d33;stroke-width:2}
.note{opacity:.7}.missed td:last-child{color:#d33;font-weight:600}`;
