/**
 * A TCP proxy on loopback that behaves badly by a plan drawn from a seed: it cuts connections in the middle of a packet,
 * by reset or in good order, falls silent, and hands bytes on in odd pieces. Between two misdeeds it is faithful.
 */
import { type AddressInfo, connect, createServer, type Socket } from "node:net";

/** What becomes of a connection once its measure of bytes has passed. */
export type Misdeed =
  /** Both ends are reset. */
  | "reset"
  /** Both ends are closed in good order, behind half a packet. */
  | "end"
  /** Nothing passes for a moment, then both ends are reset. */
  | "stall"
  /** Nothing passes any more, and nobody is told: only keep alive finds out. */
  | "silence";

/** What {@link startUnrulyProxy} takes. */
export interface ProxyOptions {
  /** The port that it hands everything on to, asked for each connection. */
  readonly target: () => number;
  /** How many connections it ruins; from then on it is faithful. */
  readonly cuts: number;
  /** The most bytes, both directions together, that pass on a connection before it is ruined. */
  readonly most: number;
  /** Random numbers from 0 up to 1. */
  readonly random: () => number;
  /** Is shown what the broker has sent, as far as it is handed on; connections count from 1. */
  readonly watch?: (connection: number, bytes: Uint8Array) => void;
  /** What it does, one drawn for each connection; `reset`, `end` and `stall` when absent. */
  readonly misdeeds?: readonly Misdeed[];
}

/** A proxy that runs. */
export interface UnrulyProxy extends AsyncDisposable {
  readonly host: string;
  readonly port: number;
  /** How many connections it has ruined. */
  readonly cuts: number;
  /** How many connections it has taken. */
  readonly connections: number;
  /** Ruins all connections now, beside the plan. */
  cut(): void;
  /** Stops listening and ends all connections. */
  stop(): Promise<void>;
}

/** Starts a proxy on a free port. */
export async function startUnrulyProxy(options: ProxyOptions): Promise<UnrulyProxy> {
  const { target, most, random, misdeeds = ["reset", "end", "stall"] } = options;
  const open = new Set<() => void>();
  let cuts = 0;
  let connections = 0;
  const server = createServer({ noDelay: true, allowHalfOpen: true }, (client) => {
    const connection = ++connections;
    const broker = connect({ port: target(), host: HOST, noDelay: true, allowHalfOpen: true });
    const pieces = random() < 0.5;
    let left = Math.floor(random() * most);
    let silent = false;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const destroy = (): void => {
      clearTimeout(timer);
      open.delete(destroy);
      client.resetAndDestroy();
      broker.resetAndDestroy();
    };
    open.add(destroy);
    const ruin = (): void => {
      cuts++;
      silent = true;
      const misdeed = misdeeds[Math.floor(random() * misdeeds.length)];
      if (misdeed === "reset") destroy();
      else if (misdeed === "stall") timer = setTimeout(destroy, 200);
      else if (misdeed === "end") {
        client.end();
        broker.end();
        timer = setTimeout(destroy, 50);
      } else {
        client.resume();
        broker.resume();
      }
    };
    const hand = (from: Socket, to: Socket): void => {
      from.on("data", (chunk: Uint8Array) => {
        if (silent) return;
        const ruined = chunk.length >= left && cuts < options.cuts;
        const part = ruined ? chunk.subarray(0, left) : chunk;
        left -= part.length;
        if (from === broker) options.watch?.(connection, part);
        if (!write(to, part, pieces ? random : undefined)) {
          from.pause();
          to.once("drain", () => from.resume());
        }
        if (ruined) ruin();
      });
      from.on("end", () => silent || to.end());
      from.on("error", () => {});
      from.on("close", () => silent || destroy());
    };
    hand(client, broker);
    hand(broker, client);
  });
  await new Promise<void>((resolve) => server.listen(0, HOST, resolve));
  const stop = async (): Promise<void> => {
    const closed = new Promise((resolve) => server.close(resolve));
    for (const destroy of open) destroy();
    await closed;
  };
  return {
    host: HOST,
    port: (server.address() as AddressInfo).port,
    get cuts() {
      return cuts;
    },
    get connections() {
      return connections;
    },
    cut() {
      for (const destroy of [...open]) destroy();
    },
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

/** Writes bytes, with `random` as two pieces that are cut anywhere; false when the socket wants a break. */
function write(to: Socket, bytes: Uint8Array, random?: () => number): boolean {
  if (bytes.length === 0) return true;
  if (random === undefined) return to.write(bytes);
  const at = Math.floor(random() * bytes.length);
  if (at > 0) to.write(bytes.subarray(0, at));
  return to.write(bytes.subarray(at));
}

/** Random numbers from 0 up to 1, the same for the same seed (mulberry32's recurrence). */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

const HOST = "127.0.0.1";
