import { useEffect, useState } from "preact/hooks";

/** Where in the page: the fragment, as in `#/sinks/csv` or `#/letters?sink=csv`. */
export interface Route {
  parts: readonly string[];
  query: URLSearchParams;
}

function read(): Route {
  const [path = "", query = ""] = location.hash.replace(/^#\/?/, "").split("?");
  return { parts: path.split("/").filter(Boolean).map(decode), query: new URLSearchParams(query) };
}

/** What somebody wrote by hand need not be well-formed. */
function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

export function useRoute(): Route {
  const [route, setRoute] = useState(read);
  useEffect(() => {
    const changed = () => setRoute(read());
    addEventListener("hashchange", changed);
    return () => removeEventListener("hashchange", changed);
  }, []);
  return route;
}

export function sinkLink(sink: string): string {
  return `#/sinks/${encodeURIComponent(sink)}`;
}
