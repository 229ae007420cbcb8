import { Duplex } from "node:stream";

/** Two ends of a connection in this process: what is written at one is read at the other, as fast as it is read there. */
export function streamPair(): [Duplex, Duplex] {
  const ends: Duplex[] = [];
  const waiting: ((() => void) | undefined)[] = [];
  for (const own of [0, 1]) {
    const other = 1 - own;
    ends.push(
      new Duplex({
        allowHalfOpen: true,
        read: () => {
          const resume = waiting[own];
          waiting[own] = undefined;
          resume?.();
        },
        write: (chunk: Uint8Array, _encoding, done) => {
          if (ends[other]!.destroyed) return done(new Error("the other end is gone"));
          // Another array: who sends may use its own again.
          if (ends[other]!.push(Uint8Array.from(chunk))) done();
          else waiting[other] = done;
        },
        final: (done) => {
          ends[other]!.push(null);
          done();
        },
        destroy: (error, done) => {
          done(error);
          queueMicrotask(() => ends[other]!.destroy());
        },
      }),
    );
    ends[own]!.on("error", () => undefined);
  }
  return [ends[0]!, ends[1]!];
}
