/**
 * When to try again, and whether at all.
 *
 * Before the first connection, what cannot heal (bad credentials, say) takes the broker off the list, and ends the
 * client when it was the last one. Afterwards hardly anything cannot: a broker whose user database is not up yet
 * refuses everybody for a while. A connection that does not last counts as a failed attempt, so that clients that throw
 * each other out, or a broker that falls over its sessions, do not make a storm.
 *
 * @module
 */
import { isRetriable, type Millis, RefusedError } from "@minimqtt/core";
import { backoff } from "../link/backoff.ts";
import type { Clock } from "../link/clock.ts";
import type { Dialler } from "./dialler.ts";
import type { Settings } from "./options.ts";

/** A connection that lasts as many times `reconnect.delay` is a good one; of a second where there is no delay. */
const STEADY = 5;

/** Instead of a wait: the next broker of the list at once. */
export const NOW = -1;

/** As many failed rounds bring the longest wait. */
const LONGEST = 5;

/** "Unsupported protocol version" and "client identifier not valid", in MQTT 5's numbers: no time heals these. */
const FINAL: readonly number[] = [0x84, 0x85];

/** The attempts of one client. */
export class Retries {
  readonly #dialler: Dialler;
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #reconnect: Settings["reconnect"];
  #wasOnline = false;
  #onlineAt: Millis | undefined;
  /** Attempts since there was a connection, attempts since there was a good one, and rounds over all brokers. */
  #attempt = 0;
  #failures = 0;
  #rounds = 0;

  constructor(dialler: Dialler, clock: Clock, random: () => number, reconnect: Settings["reconnect"]) {
    this.#dialler = dialler;
    this.#clock = clock;
    this.#random = random;
    this.#reconnect = reconnect;
  }

  /** Whether the last attempt has brought a connection. */
  get succeeded(): boolean {
    return this.#onlineAt !== undefined;
  }

  /** An attempt begins; gives its number since there was a connection. */
  begin(): number {
    this.#onlineAt = undefined;
    return ++this.#attempt;
  }

  /** The broker has accepted; true when it is the first time that one has. */
  accepted(): boolean {
    const isFirst = !this.#wasOnline;
    this.#wasOnline = true;
    this.#onlineAt = this.#clock.now();
    this.#dialler.accepted();
    return isFirst;
  }

  /** It failed, or the connection was lost: how long to wait for the next; undefined when there is to be none. */
  after(error: unknown): Millis | undefined {
    const reconnect = this.#reconnect;
    const step = this.#dialler.next(this.#isFinal(error));
    if (step === "none") return undefined;
    const onlineAt = this.#onlineAt;
    if (this.#wasOnline ? reconnect === false : step === "round" && !(reconnect && reconnect.initially)) {
      return undefined;
    }
    const { delay, attempts } = reconnect || { delay: 0, attempts: Infinity };
    if (onlineAt !== undefined) this.#attempt = 0;
    if (onlineAt !== undefined && this.#clock.now() - onlineAt >= STEADY * (delay || 1000)) {
      this.#failures = this.#rounds = 0;
      return Math.floor(this.#random() * delay);
    }
    if (++this.#failures >= attempts) return undefined;
    // Its turn has not come in this round.
    if (onlineAt === undefined && step === "more") return NOW;
    this.#rounds++;
    // What somebody has to change takes its time.
    if (!isRetriable(error)) this.#rounds = Math.max(this.#rounds, LONGEST);
    return backoff(this.#rounds, delay, this.#random());
  }

  /** Whether the broker would only say the same again. */
  #isFinal(error: unknown): boolean {
    const reconnect = this.#reconnect;
    if (reconnect && reconnect.final !== undefined) return reconnect.final(error as Error);
    if (!this.#wasOnline && !(reconnect && reconnect.initially)) return !isRetriable(error);
    return error instanceof RefusedError && FINAL.includes(error.reason);
  }
}
