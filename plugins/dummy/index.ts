import { defineSink, Type } from "@sluice/sdk";

/** Takes every record and keeps none: to try a configuration, or to measure the way there. */
export default defineSink({
  type: "dummy",
  config: Type.Object({}, { additionalProperties: true }),
  check: async () => "it discards every record",
  async open({ name, log }) {
    log.warn(`The sink ${name} discards every record that it is given: use it for tests only`);
    return {
      async write(batch) {
        log.debug(`Discarded ${batch.size} records`, { records: batch.size });
      },
    };
  },
});
