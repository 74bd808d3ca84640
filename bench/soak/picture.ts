import { type Chart, HEIGHT, headingOf, plot, WIDTH } from "../chart.ts";
import { CHART_STYLE, escaped } from "../page.ts";

const HEAD = 34;
const GAP = 14;
/** Of a letter of the key, about. */
const LETTER = 6.5;

/** One SVG of several charts, one below the other, that stands alone, for light and dark. */
export function picture(title: string, charts: readonly Chart[]): string {
  const each = HEAD + HEIGHT + GAP;
  const height = charts.length * each;
  const parts = charts.map((chart, i) => {
    return `<g transform="translate(0 ${i * each})">${head(chart)}<g transform="translate(0 ${HEAD})">${plot(chart)}</g></g>`;
  });
  return `<svg class="chart" xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="${escaped(title)}">
<style>${STYLE}</style><rect class="paper" width="${WIDTH}" height="${height}"/>
${parts.join("\n")}
</svg>
`;
}

/** The title, and what each line is. */
function head(chart: Chart): string {
  const heading = `<text class="heading" x="10" y="20">${headingOf(chart)}</text>`;
  if (chart.series.length < 2) return heading;
  let x = WIDTH - 30;
  const key = chart.series.toReversed().map(({ name }, i, { length }) => {
    const text = `<text class="k${length - 1 - i}" x="${x.toFixed(1)}" y="20" text-anchor="end">● ${escaped(name)}</text>`;
    x -= (name.length + 4) * LETTER;
    return text;
  });
  return heading + key.join("");
}

const STYLE = `.chart{color:#222;font:11px system-ui,sans-serif}.paper{fill:#fff}@media(prefers-color-scheme:dark){.chart{color:#ddd}.paper{fill:#161b22}}
${CHART_STYLE}
.chart .heading{font-size:14px;font-weight:600;opacity:1}.chart .k0{fill:#2a7ae2;opacity:1}.chart .k1{fill:#d9822b;opacity:1}.chart .k2{fill:#2a9d5c;opacity:1}.chart .k3{fill:#a05cc8;opacity:1}`;
