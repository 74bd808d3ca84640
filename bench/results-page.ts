import { escaped, page } from "./page.ts";
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
  return page("Benchmarks", `${at}; ${machine}; Node.js ${node}`, [news, ...sections]);
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
