/**
 * A clock for pages that are to stay connected while nobody looks at them: {@link workerClock}.
 *
 * Browsers let the timers of a hidden tab fire once a minute, so that a keep alive below that is not held. The timers of
 * a Worker run on.
 *
 * @module
 */
import type { Millis } from "@minimqtt/core";
import { type Clock, systemClock } from "../link/clock.ts";

export type { Clock } from "../link/clock.ts";

/** The part of a page's `Worker` that is used. */
export interface ClockWorker {
  /** Sends it a message. */
  postMessage(message: unknown): void;
  /** Ends it. */
  terminate(): void;
  /** Listens to its messages, and to what goes wrong with it. */
  addEventListener(type: "message" | "error", listener: (event: ClockWorkerEvent) => void): void;
}

/** What is used of the events of a {@link ClockWorker}. */
export interface ClockWorkerEvent {
  /** Which event it is. */
  readonly type?: string;
  /** Of a `message`. */
  readonly data?: unknown;
  /** Keeps an error from being reported as uncaught. */
  preventDefault?(): void;
}

/** A clock that has a Worker of its own. */
export interface WorkerClock extends Clock, Disposable {
  /** Ends the Worker. Timers that are armed, and those that are armed later, are the page's own from then on. */
  [Symbol.dispose](): void;
}

/**
 * The program of the Worker. A page whose Content-Security-Policy allows no `blob:` in `worker-src` serves it as a file of
 * its own: `workerClock(new Worker("/clock.js"))`.
 */
export const workerClockSource: string = `const timers = new Map();
onmessage = ({ data: [id, wait] }) => {
  clearTimeout(timers.get(id));
  timers.delete(id);
  if (wait < 0) return;
  timers.set(id, setTimeout(() => {
    timers.delete(id);
    postMessage(id);
  }, wait));
};
`;

interface Timer {
  readonly at: Millis;
  readonly wake: () => void;
  /** Of the page's own timer, where there is no Worker. */
  cancel?: () => void;
}

/**
 * Makes the clock: `Client.connect(url, { transport: ws(), clock: workerClock() })`. One serves all clients of a page.
 * Takes the Worker, which must run {@link workerClockSource}, and belongs to the clock from then on; makes one by itself
 * where there is none.
 *
 * Where Workers are not to be had (Node, or a policy that forbids them), or when the Worker breaks, it is the clock that a
 * client has anyway: nothing waits for ever.
 */
export function workerClock(worker: ClockWorker | undefined = start()): WorkerClock {
  const timers = new Map<number, Timer>();
  const turns = new Turns();
  let next = 0;
  const onPage = (id: number, timer: Timer) => {
    timer.cancel = systemClock.timer(timer.at, () => fire(id));
  };
  const fire = (id: number) => {
    const timer = timers.get(id);
    timers.delete(id);
    timer?.wake();
  };
  const giveUp = () => {
    if (worker === undefined) return;
    worker.terminate();
    worker = undefined;
    for (const [id, timer] of timers) onPage(id, timer);
  };
  worker?.addEventListener("message", ({ data }) => fire(data as number));
  worker?.addEventListener("error", (event) => {
    event.preventDefault?.();
    giveUp();
  });
  return {
    now: () => systemClock.now(),
    timer(at, wake) {
      const id = next++;
      const timer: Timer = { at, wake };
      timers.set(id, timer);
      if (worker) worker.postMessage([id, Math.min(Math.max(0, Math.ceil(at - systemClock.now())), LONGEST)]);
      else onPage(id, timer);
      return () => {
        if (!timers.delete(id)) return;
        if (timer.cancel) timer.cancel();
        else worker?.postMessage([id, -1]);
      };
    },
    turn: turns.next,
    [Symbol.dispose]() {
      giveUp();
      turns.close();
    },
  };
}

/** A longer wait would overflow. Whoever is woken early looks at the clock and waits again. */
const LONGEST = 0x7fff_ffff;

/** A Worker with the program, or none. */
function start(): ClockWorker | undefined {
  const { Worker } = globalThis as { readonly Worker?: new (url: string) => ClockWorker };
  if (Worker === undefined) return undefined;
  const url = URL.createObjectURL(new Blob([workerClockSource], { type: "text/javascript" }));
  try {
    return new Worker(url);
  } catch {
    return undefined;
  }
}

/** The next turn of the event loop: a message to oneself is no timer, and not made to wait. */
class Turns {
  readonly #waiting: (() => void)[] = [];
  #ports: InstanceType<typeof MessageChannel> | undefined;

  readonly next = (wake: () => void): void => {
    if ("setImmediate" in globalThis) return systemClock.turn(wake);
    this.#waiting.push(wake);
    if (this.#ports === undefined) {
      this.#ports = new MessageChannel();
      const onmessage = () => this.#waiting.shift()?.();
      Object.assign(this.#ports.port1, { onmessage });
    }
    this.#ports.port2.postMessage(null);
  };

  close(): void {
    this.#ports?.port1.close();
    this.#ports = undefined;
    for (const wake of this.#waiting.splice(0)) systemClock.turn(wake);
  }
}
