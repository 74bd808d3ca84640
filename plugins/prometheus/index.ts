import { defineSink } from "@sluice/sdk";
import { Config } from "./config.ts";
import { isFree, listen } from "./endpoint.ts";
import { exposition } from "./exposition.ts";
import { Metrics, type MetricsOptions } from "./metrics.ts";
import { seriesPreview } from "./preview.ts";
import { metricSpecs } from "./specs.ts";

/** Totals over all records, for Prometheus to scrape. */
export default defineSink({
  type: "prometheus",
  config: Config,
  batch: { records: 3000, bytes: 4 << 20, linger: 0 },
  single: true,
  async check({ config, log }) {
    const specs = metricSpecs(config, log.error);
    const free = await isFree(config.listen_address);
    const place = `${config.listen_address}${pathOf(config)}`;
    return `${specs.length} metrics on ${place}${free ? "" : ", where something listens now: this sink, if it runs already"}`;
  },
  preview: ({ config, log }) => seriesPreview(metricSpecs(config, log.error), optionsOf(config)),
  async open({ config, log, metrics: own }) {
    const specs = metricSpecs(config, log.error);
    const metrics = new Metrics(specs, optionsOf(config));
    const path = pathOf(config);
    const endpoint = await listen(config.listen_address, path, exposition(metrics.families));
    log.info(`Metrics are served on ${config.listen_address}${path}`);
    const dropped = own.counter(
      "dropped_observations",
      "Observations left out because a metric has reached max_series.",
    );
    const full = new Set<string>();
    return {
      async write(batch) {
        const lost = metrics.count(batch);
        if (lost === 0) return;
        dropped.add(lost);
        for (const { spec, dropped: left } of metrics.families) {
          if (left === 0 || full.has(spec.name)) continue;
          full.add(spec.name);
          log.warn(`${spec.name} has reached max_series: label values that it has not seen before are not counted`);
        }
      },
      close: () => endpoint.close(),
    };
  },
});

function optionsOf(config: Config): MetricsOptions {
  const { track_all_paths: trackAllPaths, aggregate_observations: means, max_series: maxSeries } = config;
  return { trackAllPaths, means, maxSeries };
}

function pathOf({ path }: Config): string {
  return path.startsWith("/") ? path : `/${path}`;
}
