/**
 * How fast to write before 3.0.0. There a write takes what fits into the send buffer, which is free again when the peer
 * has acknowledged it; and where nothing fits, the firmware closes the connection (trap 14). Nobody says how full the
 * buffer is: only a write that was taken in part does, for then it is exactly full.
 *
 * So the path is modelled, by its round trip and its rate: the model tells when what was sent will have been
 * acknowledged, and less is sent than fits. Where it is too confident a write is taken in part, not at once one not at
 * all: there is room for that between what is sent and what fits. Such a write says exactly how much was acknowledged,
 * and from that the rate is found.
 *
 * @module
 */

/** A write: how much had been sent by the end of it, and when. */
interface Written {
  readonly sent: number;
  readonly at: number;
}

/** The pace of one connection's writes. Times are milliseconds, all of one clock. */
export class LegacyPace {
  #sent = 0;
  /** Writes that may not have been acknowledged, and those that the rate is found from. */
  #log: Written[] = [];
  /** What was acknowledged for certain, and when the last of it had gone out. */
  #base: { readonly sent: number; readonly departed: number } = { sent: 0, departed: -Infinity };
  /** The path by the model: bytes in a millisecond. */
  #rate = FIRST_RATE;
  #roundTrip: number;
  /** Not before then. */
  #resume = 0;
  /** Bytes taken since a write was not taken in full. */
  #streak = 0;
  /** When the next write is due by the rate alone. */
  #due = -Infinity;
  /** The rate that a write taken in part has told, as far as it could; undefined before. */
  #told: number | undefined;
  #toldAt = Infinity;
  /** Whether the buffer was ever full. */
  #full = false;
  /** Whether the round trip is one that was seen. */
  #seen: boolean;

  /** Takes how long the connection took to be opened: a round trip or more, 0 if not known. */
  constructor(roundTrip: number) {
    this.#roundTrip = roundTrip;
    this.#seen = roundTrip >= TELLING;
  }

  /** Bytes of the next write: less after some, for the smaller they are the more of the buffer can be used. */
  get size(): number {
    // No two of the same size: they must not fill it exactly, which nothing would tell.
    return this.#full || this.#streak > UNHURRIED ? CHUNK - this.#sent % 61 : FIRST_CHUNK;
  }

  /** The first answer of the peer came so long after the first write: an acknowledgement takes no longer. */
  answered(time: number): void {
    if (this.#full || time <= this.#roundTrip) return;
    this.#roundTrip = time;
    this.#seen = true;
  }

  /** When so many bytes may be written. */
  next(size: number): number {
    // Small ones need not wait for each other: there is a timer's length of time between larger ones in any case.
    const early = SLACK * (1 - Math.min(size, FIRST_CHUNK) / FIRST_CHUNK);
    return Math.max(this.#resume, this.#due - early, this.#acknowledgedAt(this.#sent + size - WINDOW));
  }

  /** Notes that of a write of `size` bytes so many were taken. */
  note(size: number, taken: number, now: number): void {
    this.#forget(now);
    const idle = Math.min(1000, now - (this.#log.at(-1)?.at ?? now));
    this.#sent += taken;
    this.#streak += taken;
    this.#log.push({ sent: this.#sent, at: now });
    this.#due = Math.max(this.#due, now) + taken / this.#rate;
    if (taken < size) this.#short(now);
    else if (this.#streak > UNHURRIED || this.#full && this.#rate < (this.#told ?? SLOW_RATE)) {
      // By time as well: what was slow once need not be for long.
      const forgetting = now - this.#toldAt > MEMORY ? 2 ** (idle / 1000) : 1;
      this.#rate = Math.min(HIGHEST_RATE, forgetting * this.#faster ** (taken / CHUNK) * this.#rate);
    }
  }

  /** What becomes of the rate with each write that goes well: much at first, little once it is known. */
  get #faster(): number {
    if (this.#told === undefined) return 1.15;
    if (this.#rate < this.#told) return 1.03;
    return this.#seen ? 1.0005 : 1.05;
  }

  /** The buffer is full: exactly {@link BUFFER} bytes were not acknowledged. */
  #short(now: number): void {
    const acknowledged = this.#sent - BUFFER;
    this.#full = true;
    this.#streak = 0;
    if (acknowledged <= this.#base.sent) {
      // Not even the first of them: nothing is known but that it takes longer.
      const { at, sent } = this.#log[0]!;
      const limit = (sent - this.#base.sent) / Math.max(1, now - at - this.#roundTrip);
      this.#rate = Math.max(LOWEST_RATE, Math.min(this.#rate / 2, limit));
      this.#resume = Math.max(at + this.#roundTrip, now) + (this.#seen ? SEEN_PATIENCE : PATIENCE);
      return;
    }
    // What was acknowledged is told write by write: the rate lies between those for this one and for the next.
    const least = this.#solve(acknowledged, now);
    const took = now - this.#sentAt(acknowledged);
    this.#told = 0.97 * this.#solve(acknowledged + 1, now);
    this.#toldAt = now;
    this.#rate = Math.min(this.#told, Math.sqrt(least * this.#told));
    this.#base = { sent: acknowledged, departed: now - this.#roundTrip };
    this.#log = this.#log.filter(({ sent }) => sent > acknowledged);
    // Whatever the truth: by then something more is acknowledged.
    const oldest = this.#log[0]!.at;
    const next = Math.min(this.#model(acknowledged + 1, least), now + PATIENCE);
    this.#resume = Math.max(now + LEAST_PAUSE, next, oldest + 1.35 * took);
  }

  /** When a byte was sent, by how many there were up to it. */
  #sentAt(position: number): number {
    return this.#log.find(({ sent }) => sent >= position)!.at;
  }

  /** The rate at which exactly so much would have been acknowledged by now. */
  #solve(acknowledged: number, now: number): number {
    let [low, high] = [LOWEST_RATE, HIGHEST_RATE];
    for (let step = 0; step < 40; step++) {
      const middle = Math.sqrt(low * high);
      if (this.#model(acknowledged, middle) > now) low = middle;
      else high = middle;
    }
    return low;
  }

  /** When so much will have been acknowledged: by the model, and a little later. */
  #acknowledgedAt(position: number): number {
    if (position <= this.#base.sent) return -Infinity;
    const at = this.#model(position, this.#rate);
    return at + Math.max(2, 0.03 * this.#roundTrip);
  }

  /** When so much is acknowledged on a path of this rate. */
  #model(position: number, rate: number): number {
    let { sent, departed } = this.#base;
    for (const piece of this.#log) {
      departed = Math.max(departed, piece.at) + (piece.sent - sent) / rate;
      sent = piece.sent;
      if (sent >= position) break;
    }
    return departed + this.#roundTrip;
  }

  /** What was sent long ago, or two buffers ago, is acknowledged. */
  #forget(now: number): void {
    const last = this.#log.at(-1);
    if (last && now - this.#model(last.sent, this.#rate) >= PATIENCE) {
      // Nothing is under way, and what went before says nothing about what comes.
      this.#base = { sent: last.sent, departed: -Infinity };
      this.#log = [];
    }
    while (this.#log.length > 1 && this.#log[0]!.sent < this.#sent - 2 * BUFFER) {
      const { sent, at } = this.#log.shift()!;
      const departed = Math.max(this.#base.departed, at) + (sent - this.#base.sent) / this.#rate;
      this.#base = { sent, departed };
    }
  }
}

/** The firmware's send buffer, and what is used of it: what is left makes a write that comes too soon one taken in part. */
const BUFFER = 5744;
const WINDOW = BUFFER - 128;
/** Bytes of one write, at first and then at most. */
const FIRST_CHUNK = 1024;
const CHUNK = 700;
/** Bytes in a millisecond at the beginning, of how many bytes; the most and the least believed in, and what is slow. */
const FIRST_RATE = 200;
const UNHURRIED = 10 * FIRST_CHUNK;
const HIGHEST_RATE = 450;
const LOWEST_RATE = 2;
const SLOW_RATE = 20;
/** Milliseconds after which a rate that was told is doubted: it doubles in a second then, until it is told again. */
const MEMORY = 1500;
/** Milliseconds that a small write may come too early. */
const SLACK = 4;
/** From here on the time that a connection took to be opened says what the path is like, and not what the bus takes. */
const TELLING = 5;
/** The pause where nothing is known, where the round trip is, and the shortest one. */
const PATIENCE = 600;
const SEEN_PATIENCE = 250;
const LEAST_PAUSE = 50;
