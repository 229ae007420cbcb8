/**
 * When to ping, and when to give the peer up. Nothing but times in fields: expiry is a comparison.
 *
 * A deadline for an answer runs only while somebody listens. A client that is called now and then (MiniMQTT's `loop`)
 * or that has stopped reading because its consumer is slow must not take its own silence for the peer's: what
 * {@link pause} and {@link resume} enclose is added to every such deadline. Pings are due all the same.
 *
 * @module
 */
import { ConnectionError } from "./errors.ts";
import type { Millis } from "./packets.ts";

/** How long a reader that comes back late is given to find what already lies in the socket. */
const GRACE: Millis = 100;

/** Keep alive and reply deadlines of one connection. */
export class Liveness {
  readonly #replyTimeout: Millis;
  #keepAlive: number;
  readonly #pongTimeout: Millis;
  #lastSent: Millis;
  #lastReceived: Millis;
  #connackBy: Millis;
  #pongBy = Infinity;
  #leaveBy = Infinity;
  #stalled = false;
  #excused = false;
  #pausedAt: Millis | undefined;

  /**
   * CONNECT is on its way. Takes how long CONNACK, and a gap within a packet, may take; keep alive in seconds, as in
   * CONNECT; how long PINGRESP may take; and the time.
   */
  constructor(replyTimeout: Millis, keepAlive: number, pongTimeout: Millis, now: Millis) {
    this.#replyTimeout = replyTimeout;
    this.#keepAlive = keepAlive;
    this.#pongTimeout = pongTimeout;
    this.#lastSent = this.#lastReceived = now;
    this.#connackBy = now + replyTimeout;
  }

  /** CONNACK came, perhaps with another keep alive in seconds than CONNECT's. */
  online(keepAlive: number = this.#keepAlive): void {
    this.#connackBy = Infinity;
    this.#keepAlive = keepAlive;
  }

  /** Bytes left: that they do is what counts for keep alive, not that they were asked for. */
  sent(now: Millis): void {
    this.#lastSent = now;
    this.#leaveBy = Infinity;
    this.#stalled = false;
  }

  /** A ping is due, but bytes wait before it: they have the time to leave that a PINGRESP has to come. */
  stalled(now: Millis): void {
    this.#leaveBy = now + this.#pongTimeout;
    this.#stalled = true;
  }

  /** Bytes came. */
  received(now: Millis): void {
    this.#lastReceived = now;
    this.#excused = false;
  }

  /** A PINGREQ was queued: the first unanswered one counts. */
  pinged(now: Millis): void {
    if (this.#pongBy === Infinity) this.#pongBy = now + this.#pongTimeout;
  }

  /** PINGRESP came. */
  ponged(): void {
    this.#pongBy = Infinity;
  }

  /** Nobody listens from now on. */
  pause(now: Millis): void {
    this.#pausedAt ??= now;
  }

  /** Somebody listens again: what may have come meanwhile gets the time it takes to read it. */
  resume(now: Millis): void {
    if (this.#pausedAt === undefined) return;
    const away = now - this.#pausedAt;
    this.#pausedAt = undefined;
    this.#postpone(away, now);
  }

  /**
   * Whether a verdict that was due at `giveUpAt` must wait a moment, because it comes late: a program that was busy
   * has not looked at what may lie in the socket. Once only, until something comes.
   */
  excuses(giveUpAt: Millis, now: Millis): boolean {
    if (this.#excused || now <= giveUpAt + GRACE) return false;
    this.#excused = true;
    this.#postpone(0, now);
    return true;
  }

  #postpone(by: Millis, now: Millis): void {
    const soonest = now + GRACE;
    this.#connackBy = Math.max(this.#connackBy + by, soonest);
    this.#pongBy = Math.max(this.#pongBy + by, soonest);
    this.#leaveBy = Math.max(this.#leaveBy + by, soonest);
    this.#lastReceived = Math.max(this.#lastReceived + by, soonest - this.#replyTimeout);
  }

  /** When a PINGREQ is due; `Infinity` with keep alive off, and while what goes before it does not leave. */
  get pingAt(): Millis {
    // A margin of a tenth: the interval counts between packets as the server sees them [MQTT-3.1.2-23].
    return this.#stalled ? Infinity : this.#lastSent + (this.#keepAlive * 900 || Infinity);
  }

  /** When the peer is given up, if `missing` bytes of a packet that began have not come. */
  giveUpAt(missing: number): Millis {
    if (this.#pausedAt !== undefined) return Infinity;
    const packetBy = missing === 0 ? Infinity : this.#lastReceived + this.#replyTimeout;
    return Math.min(this.#connackBy, this.#pongBy, this.#leaveBy, packetBy);
  }

  /** Why the peer is given up at `now`. */
  verdict(missing: number, now: Millis): ConnectionError {
    const reply = this.#replyTimeout / 1000;
    const pong = this.#pongTimeout / 1000;
    const [code, text] = now >= this.#connackBy
      ? ["connack-timeout", `No data received from broker for ${reply} seconds.`] as const
      : now >= this.#pongBy
      ? ["pingresp-timeout", `PINGRESP not returned from broker within ${pong} seconds.`] as const
      : now >= this.#leaveBy
      ? ["write-failed", `Unable to send anything within ${pong} seconds.`] as const
      : ["packet-timeout", `Unable to receive ${missing} bytes within ${reply} seconds.`] as const;
    return new ConnectionError(code, text);
  }
}
