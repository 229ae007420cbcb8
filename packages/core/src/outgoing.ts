/**
 * Messages and requests on their way to the server: packet identifiers, what is unacknowledged, and the send window.
 *
 * A message with QoS 1 or 2 is in one of three phases: `queued` (never sent), `sent` (its PUBLISH waits for PUBACK or
 * PUBREC) or `released` (its PUBREL waits for PUBCOMP). Messages outlive a connection as the session does, and are
 * sent again on the next. A SUBSCRIBE or UNSUBSCRIBE ends with the connection.
 *
 * A message that was abandoned is never sent again, and takes no place in the send window. But the server may know its
 * identifier, which stays taken until it is acknowledged or the session is gone; and a server that has told how many
 * messages it takes at a time counts it until then, or until the connection is gone.
 *
 * The map's order is the order of sending again: PUBLISH in the order of the first sending [MQTT-4.6.0-1], PUBREL in
 * the order of the PUBRECs [MQTT-4.6.0-4]; so a message moves to the end when it is released.
 *
 * @module
 */
import { UsageError } from "./errors.ts";
import type { Millis, PacketId, Payload, QoS } from "./packets.ts";
import { Queue } from "./queue.ts";

/** The most messages under way: as many as there are identifiers. */
const MOST = 65_535;

/** A message with QoS 1 or 2 that the server has not finished acknowledging. */
export interface Flight {
  /** Its packet identifier. */
  readonly id: PacketId;
  /** The topic name. */
  readonly topic: string;
  /** Text, or bytes of our own: the caller's may have changed since. Empty once it is abandoned. */
  payload: Payload;
  /** Its quality of service: 1 or 2. */
  readonly qos: QoS;
  /** Whether the server is to keep it. */
  readonly retain: boolean;
  /** As the version of the protocol encodes them. */
  readonly properties: Uint8Array | undefined;
  /** When it is not worth sending any more, unless it has been; undefined, which costs least, when it always is. */
  readonly expiresAt: Millis | undefined;
  /** How far it has come. */
  phase: "queued" | "sent" | "released";
  /**
   * When its PUBLISH or PUBREL left on this connection, counted with the requests; 0 while it has not, and negative
   * where it was abandoned since.
   */
  flying: number;
  /** Whether the application has given it up after it was sent. */
  abandoned: boolean;
}

/** A SUBSCRIBE or UNSUBSCRIBE that waits for its acknowledgement. */
export interface Request {
  /** The packet type of the answer. */
  readonly answer: number;
  /** How many filters it named. */
  readonly count: number;
  /** When it was sent on this connection, counted with the messages. */
  readonly flying: number;
}

/** What has been asked of the server and is not settled. */
export class Outgoing {
  /** The most messages in phase `sent` or `released` at a time. */
  /** Whether the next message has to wait until all that was sent is answered, requests included. */
  oneAtATime = false;
  /** No message that waits for its first sending expires earlier. */
  expiresAt: Millis = Infinity;
  /** The most messages that the server takes at a time, less those that were abandoned and that it still has. */
  places: number = MOST;
  readonly #window: number;
  readonly #flights = new Map<PacketId, Flight>();
  readonly #requests = new Map<PacketId, Request>();
  readonly #windowQoS2: number;
  #queue = new Queue<Flight>();
  #flying = 0;
  #flyingQoS2 = 0;
  /** What has been sent on this connection, counted. */
  #sent = 0;
  #last: PacketId = 0;

  /** Takes the send window, and how many of those messages may have QoS 2. */
  constructor(window: number, windowQoS2: number) {
    this.#window = window;
    this.#windowQoS2 = windowQoS2;
  }

  /** The identifier given out last; 0 before the first. */
  get lastId(): PacketId {
    return this.#last;
  }

  /** How many identifiers are not in use. */
  get free(): number {
    return MOST - this.#flights.size - this.#requests.size;
  }

  /** Whether anything sent on this connection waits for an answer. */
  get awaits(): boolean {
    return this.#flying > 0 || this.#requests.size > 0 || this.places <= 0;
  }

  /** The identifier of what was sent first on this connection and is not answered; 0 when nothing is. */
  get firstUnanswered(): PacketId {
    let first = 0;
    let since = Infinity;
    for (const [id, { flying, abandoned }] of this.#flights) {
      if (flying > 0 && flying < since && !abandoned) [first, since] = [id, flying];
    }
    for (const [id, { flying }] of this.#requests) if (flying < since) [first, since] = [id, flying];
    return first;
  }

  /** Whether a message waits for {@link next}. */
  get waiting(): boolean {
    return this.#queue.first !== undefined;
  }

  /**
   * An identifier that is not in use [MQTT-2.3.1-2]: the one after the last, 1 after 65535.
   *
   * @throws {UsageError} `no-packet-id` when all are in use.
   */
  allocate(): PacketId {
    if (this.free <= 0) {
      throw new UsageError(
        "no-packet-id",
        "all 65535 packet identifiers are in use: wait for acknowledgements first",
      );
    }
    let id = this.#last;
    do id = id === MOST ? 1 : id + 1; while (this.#flights.has(id) || this.#requests.has(id));
    this.#last = id;
    return id;
  }

  /** Takes a message in; it waits in the queue until {@link next} gives it out. */
  add(flight: Flight): void {
    this.#flights.set(flight.id, flight);
    this.#queue.push(flight);
    if (flight.expiresAt !== undefined) this.expiresAt = Math.min(this.expiresAt, flight.expiresAt);
  }

  /** All messages that are not settled. */
  all(): Iterable<Flight> {
    return this.#flights.values();
  }

  /** The next message to send, if the window has room: what has to be sent again first, then what is new. */
  next(): Flight | undefined {
    while (this.oneAtATime ? !this.awaits : this.#flying < this.#window && this.#flying < this.places) {
      const flight = this.#queue.first;
      if (flight === undefined) break;
      // One that is gone was acknowledged, sent or abandoned while it waited to be sent again.
      const isGone = this.#flights.get(flight.id) !== flight || flight.flying !== 0 ||
        (flight.abandoned && flight.phase === "sent");
      if (!isGone && flight.qos === 2 && this.#flyingQoS2 >= this.#windowQoS2) break;
      this.#queue.shift();
      if (isGone) continue;
      this.fly(flight);
      return flight;
    }
    return undefined;
  }

  /** A message leaves, in its turn or before. */
  fly(flight: Flight): void {
    flight.flying = ++this.#sent;
    this.#flying++;
    if (flight.qos === 2) this.#flyingQoS2++;
  }

  /** The message with this identifier, if it has been sent, on this connection or an earlier one of the session. */
  sent(id: PacketId): Flight | undefined {
    const flight = this.#flights.get(id);
    return flight?.phase === "queued" ? undefined : flight;
  }

  /** PUBREC came: from now on it is the PUBREL that counts. */
  release(flight: Flight): void {
    flight.phase = "released";
    this.#flights.delete(flight.id);
    this.#flights.set(flight.id, flight);
  }

  /** The flow is complete: its identifier is free [MQTT-2.3.1-3], the window has a place more. */
  settle(flight: Flight): void {
    this.#flights.delete(flight.id);
    this.#land(flight);
  }

  /** The application gives a message up: it is never sent again. False when there is none with this identifier. */
  abandon(id: PacketId): boolean {
    const flight = this.#flights.get(id);
    if (flight === undefined || flight.abandoned) return false;
    // Whatever is left in the queue, `next` passes over.
    if (flight.phase === "queued") this.#flights.delete(id);
    const { flying } = flight;
    flight.payload = "";
    flight.abandoned = true;
    this.#land(flight);
    if (flying > 0) {
      flight.flying = -flying;
      this.places--;
    }
    return true;
  }

  /** A message has no place in the window any more. */
  #land(flight: Flight): void {
    const { flying, qos } = flight;
    flight.flying = 0;
    if (flying < 0) this.places++;
    else if (flying > 0) {
      this.#flying--;
      if (qos === 2) this.#flyingQoS2--;
    }
  }

  /** Remembers a request. */
  request(id: PacketId, answer: number, count: number): void {
    this.#requests.set(id, { answer, count, flying: ++this.#sent });
  }

  /** Whether an identifier is that of something sent: a SUBSCRIBE, an UNSUBSCRIBE or a message. */
  knows(id: PacketId): boolean {
    return this.#requests.has(id) || this.sent(id) !== undefined;
  }

  /** Takes back the request that `answer` acknowledges, if there is one. */
  answered(id: PacketId, answer: number): Request | undefined {
    const request = this.#requests.get(id);
    if (request?.answer !== answer) return undefined;
    this.#requests.delete(id);
    return request;
  }

  /** The connection is gone: requests go with it, messages stay until the server says what it knows of them. */
  closed(): void {
    this.#requests.clear();
    this.#queue.clear();
    this.#flying = this.#flyingQoS2 = this.#sent = 0;
    this.places = MOST;
    for (const flight of this.#flights.values()) flight.flying = 0;
  }

  /** The server has our session: everything that was under way is due again, in order [MQTT-4.4.0-1]. */
  resume(): void {
    const queued = ({ phase }: Flight) => Number(phase === "queued");
    const due = [...this.#flights.values()].filter(({ abandoned, phase }) =>
      !abandoned || phase === "released"
    );
    this.#queue = new Queue(due.sort((a, b) => queued(a) - queued(b)));
  }

  /**
   * The server has no session of ours: what was under way is lost, and given back; what was queued is due. With
   * `again`, so is what waits for PUBACK or PUBREC, as if it had never been sent.
   */
  forget(again: boolean): readonly Flight[] {
    const lost: Flight[] = [];
    for (const flight of this.#flights.values()) {
      if (flight.phase === "sent" && again && !flight.abandoned) flight.phase = "queued";
      if (flight.phase !== "queued") lost.push(flight);
    }
    for (const flight of lost) this.#flights.delete(flight.id);
    this.#queue = new Queue([...this.#flights.values()]);
    return lost.filter(({ abandoned }) => !abandoned);
  }
}
