/**
 * The protocol, without a socket, a clock or a callback: bytes, commands and time go in; events, one batch of bytes
 * and one deadline come out.
 *
 * An engine outlives its connections, as an MQTT session does: {@link Engine.opened} begins one, {@link Engine.closed}
 * ends it, and packet identifiers, unacknowledged messages and held QoS 2 identifiers stay for the next.
 *
 * The rules of this file:
 *
 * - Every order of calls is legal. A command that cannot be done throws a {@link UsageError} before a byte is queued.
 * - A fault of the peer never throws. It ends the connection and comes out as the one `offline` event.
 * - One packet is decoded per {@link Engine.next}: what is not pulled stays as bytes, and nobody is called back.
 * - Time is only what the caller passes as `now`, and may not run backwards.
 *
 * Longer than 300 lines: one state machine, whose commands, packets and endings are read best side by side.
 *
 * @module
 */
import type { Codec, Wire } from "./codec.ts";
import { checkPayload, checkQoS, checkSize } from "./checks.ts";
import { ConnectionError, MqttError, ProtocolError, RefusedError, UsageError } from "./errors.ts";
import type { EngineEvent } from "./events.ts";
import { NAMES } from "./fields.ts";
import { Inbox } from "./inbox.ts";
import { Incoming } from "./incoming.ts";
import { Liveness } from "./liveness.ts";
import { Outbox } from "./outbox.ts";
import { type Flight, Outgoing } from "./outgoing.ts";
import {
  type Acknowledgement,
  AUTH,
  CONNACK,
  type ConnectOptions,
  DISCONNECT,
  type Filter,
  type Message,
  type Millis,
  type PacketId,
  type Payload,
  PINGRESP,
  PUBACK,
  PUBCOMP,
  PUBLISH,
  PUBREC,
  PUBREL,
  type QoS,
  SUBACK,
  UNSUBACK,
} from "./packets.ts";
import type {
  AuthProperties,
  DisconnectProperties,
  PublishProperties,
  SubscribeProperties,
  UnsubscribeProperties,
} from "./properties.ts";
import { encodeText, payloadBytes } from "./text.ts";
import { checkFilter, checkTopic, utf8Length } from "./topic.ts";

/** The most answers that may wait to leave, 4 or 5 bytes each. */
const MOST_ANSWERS = 16_384;

/** A batch of this size is worth a write of its own; more waits in the queue, where it costs less. */
const FULL_BATCH = 65_536;

/** What a server that waits for TLS answers to our CONNECT begins with: an alert of its own (MM-199). */
const TLS_ALERT = 0x15;
const TLS_EXPECTED = "the broker speaks TLS at this port: use tls(), or another port";

/** What an engine is made of. */
export interface EngineOptions {
  /** The version of the protocol: `v4` or `v5`. */
  readonly codec: Codec;
  /** How long CONNACK, and a gap within a packet, may take, in milliseconds; 10 000 when absent. */
  readonly replyTimeout?: Millis;
  /** The longest packet taken from the server, in bytes; 10 065 546 when absent (10 MB of payload). */
  readonly maxPacketSize?: number;
  /**
   * What becomes of a longer PUBLISH: `skip` passes it over without holding it and gives a `skipped` event, `close`, as
   * when absent, ends the connection. Any other packet over the limit ends it, and with MQTT 5 so does a PUBLISH: the
   * server knows the limit.
   */
  readonly tooLarge?: "skip" | "close";
  /** The most messages with QoS 1 and 2 that may be unacknowledged at a time; 1024 when absent. */
  readonly maxInflight?: number;
  /**
   * The most of them that may have QoS 2; 10 when absent. MQTT 3.1.1 has no way to ask a server what it takes, and
   * mosquitto closes the connection of a client whose unfinished QoS 2 messages reach its `max_inflight_messages`, 20.
   */
  readonly maxInflightQoS2?: number;
  /**
   * What becomes of messages whose PUBLISH is unacknowledged when the server turns out to have lost the session: true
   * publishes them anew, in order and before all others; false, as when absent, gives a `lost` event for each.
   */
  readonly republish?: boolean;
  /**
   * How long the server may leave all that was sent unacknowledged before the connection counts as broken, in
   * milliseconds; for ever when absent. One acknowledgement, of whatever it be, begins it anew.
   */
  readonly acknowledgeTimeout?: Millis;
  /**
   * Whether a server that has said nothing for a keep alive is pinged even where enough leaves to keep the connection
   * up: what leaves may leave into nothing. Not when absent, for MiniMQTT does not (MM-167).
   */
  readonly pingsSilentServer?: boolean;
}

/** `connecting` from `opened` to CONNACK; `closing` once nothing may be sent any more; `offline` with no connection. */
export type EngineState = "offline" | "connecting" | "online" | "closing";

/** One client's side of the protocol. */
export class Engine {
  /** The version of the protocol it speaks. */
  readonly codec: Codec;
  readonly #republish: boolean;
  readonly #inbox: Inbox;
  readonly #outbox = new Outbox();
  readonly #outgoing: Outgoing;
  readonly #incoming: Incoming;
  readonly #replyTimeout: Millis;
  readonly #acknowledgeTimeout: Millis;
  readonly #pingsSilentServer: boolean;
  #liveness: Liveness;
  readonly #acknowledgement: Acknowledgement = { id: 0, reason: 0, properties: undefined };

  #state: EngineState = "offline";
  /** The time of the last call that told it. */
  #now: Millis = 0;
  #wire: Wire;
  #clientId: string | undefined;
  #cleanSession = true;
  /** Events that no packet brings, before the next packet's; the last is the first to be pulled. */
  #events: EngineEvent[] = [];
  /** How the connection ended, once it has; the `offline` event tells it after the last whole packet. */
  #ending: { readonly error: MqttError | null } | undefined;
  #accepted = false;
  /** Whether what the session has under way is still to leave on this connection: behind what a SUBSCRIBE asks for. */
  #due = false;
  #asked = false;
  /** Acknowledgements that wait for {@link take}. */
  #answers = 0;
  #refused: number | undefined;
  #topic = "";
  #topicBytes: Uint8Array = new Uint8Array(0);

  /** Takes what it is made of; no connection is there yet. */
  constructor(options: EngineOptions) {
    this.codec = options.codec;
    this.#wire = options.codec.open();
    this.#republish = options.republish ?? false;
    this.#inbox = new Inbox(options.maxPacketSize ?? 10_065_546, (first, remaining) => {
      if (!this.#accepted && (first & 0xf0) !== CONNACK && (first !== AUTH || !this.#wire.readControl)) {
        if (first === TLS_ALERT) throw new ConnectionError("tls-expected", TLS_EXPECTED);
        throw unexpected(`expected CONNACK, got a packet of type ${first >> 4}`, "MQTT-3.2.0-1");
      }
      this.#wire.check(first, remaining);
    }, options.tooLarge === "skip" && !options.codec.announcesLimit);
    this.#outgoing = new Outgoing(options.maxInflight ?? 1024, options.maxInflightQoS2 ?? 10);
    this.#incoming = new Incoming((message) =>
      this.#writeAnswer(message.qos === 2 ? PUBREC : PUBACK, message.id)
    );
    this.#replyTimeout = options.replyTimeout ?? 10_000;
    this.#acknowledgeTimeout = options.acknowledgeTimeout ?? Infinity;
    this.#pingsSilentServer = options.pingsSilentServer ?? false;
    this.#liveness = new Liveness(this.#replyTimeout, 0, Infinity, Infinity, false, 0);
  }

  /** Where the connection is in its life. */
  get state(): EngineState {
    return this.#state;
  }

  /** How many bytes wait for {@link take}; at least 1 while there is something to be put among them. */
  get pending(): number {
    return this.#outbox.length || (this.#due && this.#state === "online" ? 1 : 0);
  }

  /** The packet identifier used last; 0 before the first. */
  get lastId(): PacketId {
    return this.#outgoing.lastId;
  }

  /** How many packet identifiers are not in use. */
  get freeIds(): number {
    return this.#outgoing.free;
  }

  /**
   * Whether the next message with QoS 1 or 2 waits until all that was sent is answered, SUBSCRIBE and UNSUBSCRIBE
   * included: for who wants to know which of them the server hangs up at. May be changed at any time.
   */
  get oneAtATime(): boolean {
    return this.#outgoing.oneAtATime;
  }
  set oneAtATime(value: boolean) {
    this.#outgoing.oneAtATime = value;
    this.#due ||= !value && this.#outgoing.waiting;
  }

  /** How long the last PINGRESP of this connection took, in milliseconds; undefined before the first. */
  get roundTrip(): Millis | undefined {
    return this.#liveness.roundTrip;
  }

  /**
   * The longest packet taken from the server, in bytes; may be changed at any time, though a server that is told of it
   * (MQTT 5) hears of a change on the next connection only.
   */
  get maxPacketSize(): number {
    return this.#inbox.limit;
  }
  set maxPacketSize(bytes: number) {
    this.#inbox.limit = bytes;
  }

  /**
   * When {@link tick} wants to be called next; `Infinity` when there is nothing to wait for. It may change with any
   * other call.
   */
  get deadline(): Millis {
    const isOnline = this.#state === "online";
    return Math.min(
      this.#outgoing.expiresAt,
      isOnline ? this.#liveness.pingAt : Infinity,
      isOnline || this.#state === "connecting" ? this.#giveUpAt : Infinity,
    );
  }

  /**
   * A connection was opened: queues CONNECT. Call {@link take} next.
   *
   * `pongTimeout`, in milliseconds, is how long a PINGRESP may take.
   *
   * @throws {UsageError} `already-connected` unless `offline` (pull the `offline` event first); `invalid-argument`
   * and `invalid-topic` for options that CONNECT cannot carry.
   */
  opened(connect: ConnectOptions, pongTimeout: Millis, now: Millis): void {
    if (this.#state !== "offline") {
      throw new UsageError(
        "already-connected",
        "the last connection has not ended: pull its offline event first",
      );
    }
    this.codec.checkConnect(connect);
    this.#outbox.clear();
    const wire = this.codec.open();
    wire.writeConnect(this.#outbox, connect, this.#inbox.limit);
    this.#wire = wire;
    this.#now = now;
    if (connect.clientId !== this.#clientId) this.#forget();
    this.#clientId = connect.clientId;
    this.#cleanSession = connect.cleanSession;
    this.#accepted = this.#asked = this.#due = false;
    this.#refused = undefined;
    this.#state = "connecting";
    this.#liveness = new Liveness(
      this.#replyTimeout,
      connect.keepAlive,
      pongTimeout,
      this.#acknowledgeTimeout,
      this.#pingsSilentServer,
      now,
    );
  }

  /**
   * The connection is gone; `cause` tells why if it did not simply end. Packets that arrived whole are still to be
   * pulled; the `offline` event comes behind them.
   */
  closed(cause: MqttError | null): void {
    if (this.#state === "offline" || this.#ending !== undefined) return;
    this.#end(cause ?? new ConnectionError("closed", "Connection closed by broker"));
  }

  /** Bytes came. The array must not change afterwards: payloads are views of it. */
  receive(chunk: Uint8Array, now: Millis): void {
    this.#expire(now);
    if (this.#state === "offline") return;
    this.#inbox.push(chunk);
    this.#liveness.received(now);
  }

  /** Time has passed: pings, or gives the peer up, if {@link deadline} has come. Harmless early, late or twice. */
  tick(now: Millis): void {
    this.#expire(now);
    if (now < this.deadline) return;
    const giveUpAt = this.#giveUpAt;
    if (now >= giveUpAt) {
      if (this.#liveness.excuses(giveUpAt, now)) return;
      this.#end(this.#liveness.verdict(this.#inbox.missing, now));
    } else this.#ping(now);
  }

  /** Nobody reads from now on: deadlines for answers stand still, keep alive goes on. */
  pause(now: Millis): void {
    this.#liveness.pause(now);
  }

  /** Somebody reads again. */
  resume(now: Millis): void {
    this.#liveness.resume(now);
  }

  /**
   * Queues a message; gives its packet identifier, 0 with QoS 0. Bytes are copied.
   *
   * With QoS 1 and 2 it is kept until it is acknowledged, and sent when there is a connection and the send window has
   * room; its end is a `settled`, `lost` or `dropped` event. One with a message expiry interval, which counts from
   * `now`, is dropped if it waits longer than that, and says when it leaves how much is left.
   *
   * @throws {UsageError} `invalid-topic`, `invalid-argument`, `payload-too-large`, `no-packet-id`; `not-connected`
   * with QoS 0 unless `online`; `not-supported` for what the server that is connected said it does not take.
   */
  publish(
    topic: string,
    payload: Payload,
    qos: QoS = 0,
    retain = false,
    properties?: PublishProperties,
    now?: Millis,
  ): PacketId {
    if (topic !== this.#topic || topic === "") {
      checkTopic(topic);
      this.#topicBytes = encodeText(topic);
      this.#topic = topic;
    }
    checkPayload(payload, this.#topicBytes.length + (qos === 0 ? 2 : 4));
    checkQoS(qos);
    const encoded = properties === undefined ? undefined : this.codec.encode(properties);
    const bytes = this.#topicBytes;
    if (qos !== 0) {
      this.#now = now ?? this.#now;
      return this.#enqueue(topic, payload, qos, retain, encoded, properties?.messageExpiryInterval);
    }
    this.#demandOnline();
    if (this.#due) this.#depart();
    this.#wire.writePublish(
      this.#outbox,
      bytes,
      payloadBytes(payload),
      0,
      retain,
      false,
      0,
      topic,
      encoded,
    );
    return 0;
  }

  /** Apart from {@link publish}, which is to stay so small that a JIT compiler takes it into the caller's loop. */
  #enqueue(
    topic: string,
    payload: Payload,
    qos: QoS,
    retain: boolean,
    properties: Uint8Array | undefined,
    expiry: number | undefined,
  ): PacketId {
    if (this.#state === "online") {
      this.#wire.checkPublish?.(this.#topicBytes.length, payload, qos, retain, properties);
    }
    const id = this.#outgoing.allocate();
    // Not slice(): a Buffer's does not copy.
    const owned = typeof payload === "string" ? payload : new Uint8Array(payload);
    this.#outgoing.add({
      id,
      topic,
      payload: owned,
      qos,
      retain,
      properties,
      expiresAt: expiry === undefined ? undefined : this.#now + expiry * 1000,
      phase: "queued",
      flying: 0,
      abandoned: false,
    });
    this.#depart();
    return id;
  }

  /**
   * Gives a message up that is not acknowledged yet: it is never sent again, takes no place in the send window, and no
   * event tells of it any more, but a `settled` of a late acknowledgement. Nothing happens for any other identifier.
   */
  abandon(id: PacketId): void {
    if (!this.#outgoing.abandon(id)) return;
    this.#liveness.abandoned(this.#outgoing.awaits);
    this.#depart();
  }

  /**
   * Queues a SUBSCRIBE for all filters; gives its packet identifier. A `settled` event ends it.
   *
   * @throws {UsageError} `invalid-filter`, `invalid-argument`, `no-packet-id`; `not-connected` unless `online`;
   * `not-supported`, `payload-too-large` for what the server said it does not take.
   */
  subscribe(filters: readonly Filter[], properties?: SubscribeProperties): PacketId {
    for (const { qos } of filters) checkQoS(qos);
    const id = this.#allocate("subscribe", filters.map(({ topic }) => topic), 3);
    this.#wire.writeSubscribe(this.#outbox, id, filters, properties);
    this.#outgoing.request(id, SUBACK, filters.length);
    return id;
  }

  /**
   * Queues an UNSUBSCRIBE for all filters; gives its packet identifier. A `settled` event ends it.
   *
   * @throws {UsageError} `invalid-filter`, `invalid-argument`, `no-packet-id`; `not-connected` unless `online`;
   * `payload-too-large` for more than the server said it takes.
   */
  unsubscribe(filters: readonly string[], properties?: UnsubscribeProperties): PacketId {
    const id = this.#allocate("unsubscribe", filters, 2);
    this.#wire.writeUnsubscribe(this.#outbox, id, filters, properties);
    this.#outgoing.request(id, UNSUBACK, filters.length);
    return id;
  }

  /**
   * The application is done with a message: PUBACK or PUBREC leaves, in the order of arrival. The engine never
   * acknowledges by itself. Nothing happens with QoS 0, a second time, or for a message of an earlier connection.
   */
  acknowledge(message: Message): void {
    if (message.qos !== 0) this.#incoming.acknowledge(message);
  }

  /**
   * Queues a PINGREQ; a `pong` event answers it.
   *
   * @throws {UsageError} `not-connected` unless `online`.
   */
  ping(now: Millis): void {
    this.#demandOnline();
    this.#ping(now);
  }

  /**
   * Queues an AUTH of the enhanced authentication that CONNECT's `authenticationMethod` began: 0x18 answers an `auth`
   * event, 0x19 begins anew on an open connection. The method is added.
   *
   * @throws {UsageError} `not-connected` unless there is a connection, `invalid-argument` out of turn, without a method,
   * and with MQTT 3.1.1.
   */
  authenticate(reason: 0x18 | 0x19, properties?: AuthProperties): void {
    if (this.#state !== "connecting") this.#demandOnline();
    this.#wire.writeAuth(this.#outbox, reason, properties);
  }

  /**
   * Queues a DISCONNECT if `online`; nothing is sent behind it [MQTT-3.14.4-2]. Close the connection once it left.
   * With MQTT 5 it may say why: 0x04 has the server publish the will.
   *
   * @throws {UsageError} `invalid-argument` for a reason and properties that the server may not be told.
   */
  disconnect(reason = 0, properties?: DisconnectProperties): void {
    if (this.#state === "online") this.#wire.writeDisconnect(this.#outbox, reason, properties);
    if (this.#state === "offline") return;
    this.#asked = true;
    this.#state = "closing";
  }

  /**
   * Whether so many answers wait to leave that {@link next} gives no further packet before {@link take}: a peer that
   * sends and does not read is not owed ever more. Not while the connection ends.
   */
  get congested(): boolean {
    return this.#answers >= MOST_ANSWERS && this.#ending === undefined;
  }

  /**
   * The next event; null when there is none before more bytes come, or bytes leave ({@link congested}). One packet is
   * decoded per call, and answered if the protocol asks for it.
   */
  next(): EngineEvent | null {
    if (this.#events.length > 0) return this.#events.pop()!;
    if (this.#state === "offline") return null;
    try {
      if (!this.congested && this.#inbox.next()) return this.#handle();
    } catch (error) {
      if (!(error instanceof MqttError)) throw error;
      this.#outbox.clear();
      // What the peer did wrong, or said, tells more than that it then hung up.
      return this.#leave(this.#asked ? null : this.#wire.fault?.(this.#outbox, error) ?? error);
    }
    return this.#ending === undefined ? null : this.#leave(this.#ending.error);
  }

  /**
   * Takes no further message with QoS 1 or 2 on this connection: neither given out nor acknowledged, they stay the
   * server's, which sends them again on the next connection of the session.
   */
  refuse(): void {
    this.#refused ??= 0;
  }

  /** How many messages were {@link refuse | refused} on the last connection; undefined when all are taken. */
  get refused(): number | undefined {
    return this.#refused;
  }

  /** Whether a message of this connection is not acknowledged by the application. */
  get unacknowledged(): boolean {
    return this.#incoming.waits;
  }

  /** Forgets what has come and was not pulled; nothing but the end of the connection comes out any more. */
  discard(): void {
    if (this.#ending !== undefined) this.#inbox.clear();
  }

  /**
   * Hands out all bytes that wait as one batch, which counts as traffic for keep alive; null when there are none. The
   * array stays untouched until it comes back by {@link give}.
   */
  take(now: Millis): Uint8Array | null {
    this.#expire(now);
    if (this.#due) this.#depart();
    const batch = this.#outbox.take();
    if (batch === null) return null;
    this.#answers = 0;
    this.#liveness.taken(this.#outgoing.awaits, now);
    this.#depart();
    return batch;
  }

  /** A part of the batch has been written: it moves. */
  moved(now: Millis): void {
    this.#liveness.moved(now);
  }

  /** Takes a batch back once it is written, so that its memory is used again. */
  give(batch: Uint8Array, now: Millis): void {
    this.#outbox.give(batch);
    this.#liveness.left(now);
  }

  #handle(): EngineEvent {
    const inbox = this.#inbox;
    const packet = inbox.first & 0xf0;
    if (packet === PUBLISH) return this.#published(this.#wire.readPublish(inbox));
    if (packet === PINGRESP) {
      this.#liveness.ponged();
      return PONG;
    }
    if (packet === CONNACK) return this.#connected();
    if (packet === SUBACK || packet === UNSUBACK) return this.#answered(packet);
    if (packet === DISCONNECT || packet === AUTH) return this.#wire.readControl!(inbox);
    this.#wire.readAcknowledgement(inbox, this.#acknowledgement);
    const id = this.#acknowledgement.id;
    if (packet === PUBREL) {
      const expected = this.#incoming.released(id);
      // An identifier we do not hold is answered too: the server may have missed our first PUBCOMP [MQTT-4.3.3-2].
      this.#writeAnswer(PUBCOMP, id, !expected);
      return progress(packet, id, expected);
    }
    return this.#acknowledged(packet, id);
  }

  #connected(): EngineEvent {
    if (this.#accepted) throw unexpected("a second CONNACK", "section 3.2");
    this.#accepted = true;
    const connack = this.#wire.readConnack(this.#inbox);
    const { reason, returnCode, sessionPresent, properties } = connack;
    if (returnCode !== 0) {
      const text = REFUSALS[returnCode] ?? `Unknown reason (${returnCode})`;
      throw new RefusedError("connection-refused", `Connection Refused - ${text}`, reason, returnCode);
    }
    if (sessionPresent && this.#cleanSession) {
      const summary = "invalid CONNACK: session present in a clean session";
      throw unexpected(summary, "MQTT-3.2.2-1");
    }
    if (this.#state === "connecting") this.#state = "online";
    this.#liveness.online(properties?.serverKeepAlive);
    this.#clientId = properties?.assignedClientIdentifier ?? this.#clientId;
    this.#outgoing.places = connack.receiveMaximum;
    if (sessionPresent) this.#outgoing.resume();
    else this.#forget();
    this.#expire(this.#now, true);
    this.#due = this.#outgoing.waiting;
    return { type: "online", packet: CONNACK, connack };
  }

  #published(message: Message): EngineEvent {
    const size = this.#inbox.skipped;
    if (size > 0) message = { ...message, payload: NOTHING };
    if (message.qos !== 0) {
      if (this.#refused !== undefined) this.#refused++;
      else if (this.#incoming.arrived(message)) return this.#arrived(message, size);
      return progress(PUBLISH, message.id, true);
    }
    return this.#arrived(message, size);
  }

  #arrived(message: Message, size: number): EngineEvent {
    return size > 0 ? { type: "skipped", packet: PUBLISH, message, size } : message;
  }

  #answered(packet: number): EngineEvent {
    const reasons = this.#wire.readReasons(this.#inbox, this.#acknowledgement);
    const id = this.#acknowledgement.id;
    const request = this.#outgoing.answered(id, packet);
    this.#liveness.acknowledged(this.#outgoing.awaits);
    if (request === undefined) {
      if (this.#outgoing.knows(id)) throw wrongKind(packet, id, this.#outgoing.sent(id));
      return progress(packet, id, false);
    }
    this.#depart();
    if (packet === SUBACK && reasons.length !== request.count) {
      const summary = `invalid SUBACK: ${reasons.length} return codes for ${request.count} topic filters`;
      throw new ProtocolError("malformed-packet", summary, "MQTT-3.8.4-5");
    }
    return { type: "settled", packet, id, reasons, properties: this.#acknowledgement.properties };
  }

  #acknowledged(packet: number, id: PacketId): EngineEvent {
    const flight = this.#demandKind(packet, id);
    const { reason, properties } = this.#acknowledgement;
    if (packet === PUBREC && reason < 0x80) {
      const expected = flight !== undefined;
      if (flight?.phase === "sent") this.#outgoing.release(flight);
      // Also for one released before, or unknown: the server waits for it [MQTT-4.3.3-1]. Where the PUBLISH has not
      // been sent again yet, the PUBREL takes its place in the queue.
      if (flight === undefined || flight.flying !== 0 || flight.abandoned) {
        this.#writeAnswer(PUBREL, id, !expected);
      }
      this.#liveness.acknowledged(this.#outgoing.awaits);
      return progress(packet, id, expected);
    }
    // A PUBREC that refuses the message ends its flow as a PUBCOMP does: no PUBREL follows [MQTT5-4.3.3-4]. A PUBCOMP
    // before the PUBREC ends nothing, nor does such a PUBREC behind one that took the message.
    if (flight === undefined || flight.phase === (packet === PUBCOMP ? "sent" : "released")) {
      return progress(packet, id, false);
    }
    this.#outgoing.settle(flight);
    this.#depart();
    this.#liveness.acknowledged(this.#outgoing.awaits);
    const reasons = reason === 0 ? NONE : [reason];
    if (packet !== PUBACK || flight.qos === 1) return { type: "settled", packet, id, reasons, properties };
    return { type: "settled", packet, id, reasons, properties, error: notSupported() };
  }

  /** An acknowledgement of the wrong kind shows that the server takes one thing for another. */
  #demandKind(packet: number, id: PacketId): Flight | undefined {
    const flight = this.#outgoing.sent(id);
    // A server that knows no QoS 2 acknowledges with PUBACK.
    const isWrong = flight === undefined
      ? this.#outgoing.knows(id)
      : flight.qos === 1
      ? packet !== PUBACK
      : packet === PUBACK && flight.phase === "released";
    if (isWrong) throw wrongKind(packet, id, flight);
    return flight;
  }

  /** An identifier for a packet that names filters, each with `overhead` other bytes, once all of that is in order. */
  #allocate(name: string, filters: readonly string[], overhead: number): PacketId {
    // [MQTT-3.8.3-3] [MQTT-3.10.3-2]
    if (filters.length === 0) {
      throw new UsageError("invalid-argument", `${name}() needs at least one topic filter`);
    }
    let size = 2;
    for (const filter of filters) {
      checkFilter(filter);
      size += overhead + utf8Length(filter);
    }
    checkSize(size);
    this.#demandOnline();
    return this.#outgoing.allocate();
  }

  /** Answers; `isUnknown` for an identifier that is not in use (MQTT 5 says so). */
  #writeAnswer(type: number, id: PacketId, isUnknown?: boolean): void {
    if (this.#state !== "online") return;
    this.#answers++;
    this.#wire.writeAcknowledgement(this.#outbox, type, id, isUnknown);
  }

  /** Sends what is queued, as far as the window allows and the batch is not full; {@link take} goes on with it. */
  #depart(): void {
    if (this.#state !== "online") return;
    this.#due = false;
    while (this.#outbox.length < FULL_BATCH) {
      const flight = this.#outgoing.next();
      if (flight === undefined) return;
      this.#send(flight);
    }
  }

  #send(flight: Flight): void {
    if (flight.phase === "released") return this.#writeAnswer(PUBREL, flight.id);
    const { topic, payload, qos, retain, id, properties, expiresAt } = flight;
    const bytes = topic === this.#topic ? this.#topicBytes : encodeText(topic);
    // [MQTT-3.3.1-1]
    const duplicate = flight.phase === "sent";
    flight.phase = "sent";
    this.#wire.writePublish(
      this.#outbox,
      bytes,
      payloadBytes(payload),
      qos,
      retain,
      duplicate,
      id,
      topic,
      properties,
      expiresAt === undefined ? undefined : expiresAt - this.#now,
    );
  }

  /**
   * It is `now`: what has waited longer than it is worth is given up; and, on a new connection, what its server does not
   * take.
   */
  #expire(now: Millis, isNew?: boolean): void {
    this.#now = now;
    if (!isNew && now < this.#outgoing.expiresAt) return;
    this.#events.unshift(...this.#wire.review?.(this.#outbox, this.#outgoing, now, isNew) ?? []);
  }

  #ping(now: Millis): void {
    this.#wire.writePing(this.#outbox);
    this.#liveness.pinged(now);
  }

  get #giveUpAt(): Millis {
    return this.#liveness.giveUpAt(this.#inbox.missing, this.#inbox.unread);
  }

  #demandOnline(): void {
    if (this.#state !== "online") {
      throw new UsageError("not-connected", `not connected: the engine is ${this.#state}`);
    }
  }

  /** The server has no session of this client identifier. */
  #forget(): void {
    for (const { id, phase } of this.#outgoing.forget(this.#republish)) {
      this.#events.push({ type: "lost", packet: 0, id, released: phase === "released" });
    }
    this.#events.reverse();
    this.#incoming.forget();
  }

  /** Nothing is sent any more; {@link next} tells the end once the packets that arrived are pulled. */
  #end(error: MqttError | null): void {
    this.#ending ??= { error: this.#asked ? null : error };
    this.#state = "closing";
    this.#answers = 0;
    this.#outbox.clear();
  }

  #leave(error: MqttError | null): EngineEvent {
    const unanswered = this.#outgoing.firstUnanswered;
    this.#state = "offline";
    this.#ending = undefined;
    this.#answers = 0;
    this.#inbox.clear();
    this.#outgoing.closed();
    this.#incoming.closed();
    return { type: "offline", packet: 0, error, unanswered };
  }
}

function progress(packet: number, id: PacketId, expected: boolean): EngineEvent {
  return { type: "progress", packet, id, expected };
}

function wrongKind(packet: number, id: PacketId, flight: Flight | undefined): ProtocolError {
  const name = NAMES[packet >> 4];
  return flight === undefined
    ? unexpected(`${name} ${id} answers a SUBSCRIBE or UNSUBSCRIBE`, "MQTT-4.8.0-1")
    : unexpected(`${name} ${id} answers a message with QoS ${flight.qos}`, `MQTT-4.3.${flight.qos + 1}-2`);
}

function notSupported(): RefusedError {
  const text = "the broker acknowledged QoS 2 as QoS 1, which is all it has: the message may arrive twice";
  return new RefusedError("qos-not-supported", text, 0x9b, 0);
}

function unexpected(summary: string, statement: string): ProtocolError {
  return new ProtocolError("unexpected-packet", summary, statement);
}

const PONG: EngineEvent = { type: "pong", packet: PINGRESP };
const NONE: readonly number[] = [];
const NOTHING = new Uint8Array(0);

/** MiniMQTT's words for CONNACK's return codes. */
const REFUSALS: Readonly<Record<number, string>> = {
  1: "Incorrect Protocol Version",
  2: "ID Rejected",
  3: "Server unavailable",
  4: "Incorrect username/password",
  5: "Unauthorized",
};
