/**
 * When to ping, and when to give the peer up. Nothing but times in fields: expiry is a comparison.
 *
 * The peer is judged by what it does, not by what we do. It is asked (PINGREQ) when nothing has come from it for a keep
 * alive, however much we send, and given up when it is asked and gives no sign of life for the time that an answer may
 * take. A sign of life is any byte of it; and that it takes bytes of ours for which it had made us wait, for that which
 * takes no time shows only that some buffer had room.
 *
 * A question counts from when it has really left: what is queued behind a slow write has not been asked yet, and while
 * it waits it is the write that must move.
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

/** A write that takes longer than this has waited for the peer. */
const WAITED: Millis = 100;

/** Where the PINGREQ is that counts: there is none, it waits to leave, it is in the batch under way, it has left. */
const NONE = 0;
const QUEUED = 1;
const LEAVING = 2;
const ASKED = 3;

/** Keep alive and reply deadlines of one connection. */
export class Liveness {
  readonly #replyTimeout: Millis;
  #pingAfter: Millis;
  readonly #pongTimeout: Millis;
  readonly #acknowledgeTimeout: Millis;
  readonly #pingsSilent: boolean;
  #lastSent: Millis;
  #lastReceived: Millis;
  #connackBy: Millis;
  #ping: 0 | 1 | 2 | 3 = NONE;
  /** Whether a further PINGREQ waits to leave: keep alive asks for no other before it has. */
  #again = false;
  #pingLeftAt: Millis = 0;
  /** How long the last PINGRESP took, from when its PINGREQ had left. */
  roundTrip: Millis | undefined;
  /** From when on the PINGRESP, or the leaving of the PINGREQ, has its time. */
  #askedAt: Millis = Infinity;
  /** When the batch under way was taken. */
  #takenAt: Millis;
  /** From when on an acknowledgement has its time; `Infinity` when none is awaited. */
  #owedSince: Millis = Infinity;
  #excused = false;
  #pausedAt: Millis | undefined;

  /**
   * CONNECT is on its way. Takes how long CONNACK, and a gap within a packet, may take; keep alive in seconds, as in
   * CONNECT; how long PINGRESP may take; how long the server may leave everything unacknowledged; whether it is pinged
   * when it has been silent for a keep alive, however much left; and the time.
   */
  constructor(
    replyTimeout: Millis,
    keepAlive: number,
    pongTimeout: Millis,
    acknowledgeTimeout: Millis,
    pingsSilent: boolean,
    now: Millis,
  ) {
    this.#replyTimeout = replyTimeout;
    this.#pingAfter = pingAfter(keepAlive);
    this.#pongTimeout = pongTimeout;
    this.#acknowledgeTimeout = acknowledgeTimeout;
    this.#pingsSilent = pingsSilent;
    this.#lastSent = this.#lastReceived = this.#takenAt = now;
    this.#connackBy = now + replyTimeout;
  }

  /** CONNACK came, perhaps with another keep alive in seconds than CONNECT's. */
  online(keepAlive?: number): void {
    this.#connackBy = Infinity;
    if (keepAlive !== undefined) this.#pingAfter = pingAfter(keepAlive);
  }

  /** A batch is on its way, with something in it that is to be acknowledged, or was before, if `awaits`. */
  taken(awaits: boolean, now: Millis): void {
    this.#lastSent = this.#takenAt = now;
    this.#again = false;
    if (this.#ping === QUEUED) {
      this.#ping = LEAVING;
      this.#askedAt = now;
    }
    if (awaits && this.#owedSince === Infinity) this.#owedSince = now;
  }

  /** A part of the batch has left. */
  moved(now: Millis): void {
    if (this.#ping === QUEUED || this.#ping === LEAVING) this.#askedAt = now;
    if (now - this.#takenAt < WAITED) return;
    if (this.#ping === ASKED) this.#askedAt = now;
    if (this.#owedSince !== Infinity) this.#owedSince = now;
  }

  /** All of the batch has left. */
  left(now: Millis): void {
    this.moved(now);
    this.#lastSent = now;
    if (this.#ping !== LEAVING) return;
    this.#ping = ASKED;
    this.#pingLeftAt = now;
  }

  /** Bytes came. */
  received(now: Millis): void {
    this.#lastReceived = now;
    if (this.#ping === ASKED) this.#askedAt = now;
    this.#excused = false;
  }

  /** A PINGREQ was queued: the first unanswered one counts. */
  pinged(now: Millis): void {
    if (this.#ping !== NONE) {
      this.#again = true;
      return;
    }
    this.#ping = QUEUED;
    this.#askedAt = now;
  }

  /** PINGRESP came. */
  ponged(): void {
    if (this.#ping === ASKED) this.roundTrip = this.#lastReceived - this.#pingLeftAt;
    this.#ping = NONE;
  }

  /** Something was acknowledged; `awaits`: something else that was sent is not. */
  acknowledged(awaits: boolean): void {
    this.#owedSince = awaits ? this.#lastReceived : Infinity;
  }

  /** Something that was sent is not waited for any more; `awaits`: something else is. */
  abandoned(awaits: boolean): void {
    if (!awaits) this.#owedSince = Infinity;
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
    this.#askedAt = Math.max(this.#askedAt + by, soonest - this.#pongTimeout);
    this.#owedSince = Math.max(this.#owedSince + by, soonest - this.#acknowledgeTimeout);
    this.#lastReceived = Math.max(this.#lastReceived + by, soonest - this.#replyTimeout);
  }

  /** When a PINGREQ is due; `Infinity` with keep alive off, and while one waits to leave. */
  get pingAt(): Millis {
    if (this.#ping === QUEUED || this.#ping === LEAVING || this.#again) return Infinity;
    const sentOnly = !this.#pingsSilent || this.#ping === ASKED || this.#pausedAt !== undefined;
    return (sentOnly ? this.#lastSent : Math.min(this.#lastSent, this.#lastReceived)) + this.#pingAfter;
  }

  /**
   * When the peer is given up, if `missing` bytes of a packet that began have not come. While some of what came is
   * `unread` only for taking nothing: that may be the answer.
   */
  giveUpAt(missing: number, unread: boolean): Millis {
    if (this.#pausedAt !== undefined) return Infinity;
    if (unread) return this.#leaveBy;
    const packetBy = missing === 0 ? Infinity : this.#lastReceived + this.#replyTimeout;
    return Math.min(this.#connackBy, this.#pongBy, this.#leaveBy, packetBy, this.#acknowledgeBy);
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
      : now >= this.#acknowledgeBy
      ? [
        "acknowledgement-timeout",
        `Nothing was acknowledged within ${this.#acknowledgeTimeout / 1000} seconds.`,
      ] as const
      : ["packet-timeout", `Unable to receive ${missing} bytes within ${reply} seconds.`] as const;
    return new ConnectionError(code, text);
  }

  get #pongBy(): Millis {
    return this.#ping === ASKED ? this.#askedAt + this.#pongTimeout : Infinity;
  }

  get #leaveBy(): Millis {
    return this.#ping === QUEUED || this.#ping === LEAVING ? this.#askedAt + this.#pongTimeout : Infinity;
  }

  get #acknowledgeBy(): Millis {
    return this.#owedSince + this.#acknowledgeTimeout;
  }
}

/** A margin of a tenth: keep alive, in seconds, counts between packets as the server sees them [MQTT-3.1.2-23]. */
function pingAfter(keepAlive: number): Millis {
  return keepAlive * 900 || Infinity;
}
