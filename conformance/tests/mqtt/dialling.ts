/**
 * A stage whose transport writes down every attempt to connect, and fails those that a test wants to fail.
 */
import type { MQTTOptions, Transport } from "@minimqtt/client";
import type { MemoryOptions } from "@minimqtt/client/memory";
import { type Stage, stage } from "./stage.ts";

type Scheme = Transport["schemes"][number];
type Address = Parameters<Transport["connect"]>[0];
type Options = Partial<MQTTOptions<unknown, false>>;

/** What becomes of an attempt: an error fails it, `hang` lets it wait for its signal; anything else goes through. */
export type Outcome = Error | "hang" | undefined;

export interface DiallingStage extends Stage {
  /** Where was dialled, in order. */
  readonly addresses: Address[];
  /** When, in milliseconds of the stage's clock. */
  readonly times: number[];
  /** How many connections are open. */
  open(): number;
}

/** Schemes of a transport that can do both, as one for a browser or a proxy could. */
export const BOTH: readonly [Scheme, Scheme] = [
  { name: "mqtt", port: 1883, secure: false },
  { name: "mqtts", port: 8883, secure: true },
];
export const SECURE: readonly [Scheme] = [BOTH[1]];

/** A stage; `outcome` is asked with the attempt's number, from 1 on. */
export function dialling(
  options: Options = {},
  outcome: (attempt: number) => Outcome = () => undefined,
  schemes: readonly [Scheme, ...Scheme[]] = [BOTH[0]],
  network: MemoryOptions = {},
): DiallingStage {
  const addresses: Address[] = [];
  const times: number[] = [];
  let open = 0;
  const transport: Transport = {
    name: "fake",
    schemes,
    async connect(address, { signal } = {}) {
      signal?.throwIfAborted();
      addresses.push(address);
      times.push(scene.clock.now());
      const result = outcome(addresses.length);
      if (result instanceof Error) throw result;
      if (result === "hang") {
        await new Promise((resolve) => signal?.addEventListener("abort", resolve));
        signal?.throwIfAborted();
      }
      const connection = await scene.network.transport.connect(address, signal ? { signal } : {});
      open++;
      let closed = false;
      return {
        read: () => connection.read(),
        write: (bytes) => connection.write(bytes),
        close: () => {
          if (!closed) open--;
          closed = true;
          return connection.close();
        },
      };
    },
  };
  const scene = stage({ transport, ...options }, network);
  return { ...scene, addresses, times, open: () => open };
}

/** The waits between attempts, in milliseconds. */
export function gaps(times: readonly number[]): number[] {
  return times.slice(1).map((time, i) => time - times[i]!);
}
