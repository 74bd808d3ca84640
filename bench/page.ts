/** A page that stands alone, for light and dark. Title and note are text, sections are HTML. */
export function page(title: string, note: string, sections: readonly string[]): string {
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Sluice: ${escaped(title.toLowerCase())}</title>
<style>${STYLE}</style></head><body><main><h1>${escaped(title)}</h1>
<p class="note">${escaped(note)}</p>
${sections.join("\n")}
</main></body></html>
`;
}

export function escaped(text: string): string {
  return text.replace(/[&<>"]/g, (sign) => ESCAPES[sign]!);
}

const ESCAPES: { readonly [sign: string]: string } = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };

/** Of an SVG of class `chart`. */
export const CHART_STYLE = `.chart text{fill:currentColor;opacity:.7}.chart line{stroke:currentColor;stroke-width:1;opacity:.15}
.chart polyline{fill:none;stroke-width:1.5}.chart .mark{fill:#d33;opacity:.18}
.chart .s0{stroke:#2a7ae2}.chart .s1{stroke:#d9822b}.chart .s2{stroke:#2a9d5c}.chart .s3{stroke:#a05cc8}`;

const STYLE = `:root{color-scheme:light dark;font:15px/1.45 system-ui,sans-serif}main{max-width:72rem;margin:2rem auto;padding:0 1rem}
table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:.3rem .6rem;border-bottom:1px solid #8884;font-weight:400}
thead th{font-weight:600}td:nth-child(2){white-space:nowrap;font-variant-numeric:tabular-nums}circle{fill:#2a7ae2;opacity:.7}line{stroke:#d33;stroke-width:2}
.note{opacity:.7}.missed td:last-child{color:#d33;font-weight:600}
.chart{width:100%;height:auto;font-size:11px}${CHART_STYLE}
.key .s0{color:#2a7ae2}.key .s1{color:#d9822b}.key .s2{color:#2a9d5c}.key .s3{color:#a05cc8}`;
