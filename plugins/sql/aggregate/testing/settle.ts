import type { OpenSink } from "@sluice/sdk/testing";

/** Moves the sink's clock on until all that was delivered is settled: to the next try at once, else slowly, for calls have deadlines on it. */
export async function settle(sink: OpenSink): Promise<void> {
  let settled = false;
  const done = () => {
    settled = true;
  };
  const end = sink.settled();
  end.then(done, done);
  while (!settled) {
    const { waiting, clock } = sink;
    await clock.advance(waiting && waiting.until > clock.now() ? waiting.until - clock.now() : 100);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  await end;
}
