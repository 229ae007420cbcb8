/**
 * A broker small enough to be right: sessions, subscriptions to single topics, all three qualities of service. It
 * writes down what it took over and what a client did that the standard forbids; how it misbehaves is its user's
 * choice. Its packets are made by a library, apart from our codec.
 *
 * Longer than 300 lines: one side of a protocol, packet by packet.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import type { Connection } from "@minimqtt/core";
import {
  generate,
  type IConnectPacket,
  type IPublishPacket,
  type ISubscribePacket,
  type IUnsubscribePacket,
  type Packet,
  parser,
} from "mqtt-packet";

type QoS = 0 | 1 | 2;

/** A message that the broker took over from a client. */
export interface Taken {
  readonly topic: string;
  readonly payload: string;
  readonly qos: QoS;
}

/** A message on its way to a subscriber. */
interface Sent {
  readonly message: Taken;
  /** Whether PUBREC has come, so that PUBREL is what counts. */
  released: boolean;
}

/** What the broker keeps for one client identifier. */
class Session {
  readonly filters = new Map<string, QoS>();
  /** QoS 2 identifiers of the client's messages from PUBLISH to PUBREL. */
  readonly held = new Set<number>();
  /** Messages to the client that are not acknowledged. */
  readonly sent = new Map<number, Sent>();
  link: ModelLink | undefined;
  /** Whether the client may not know that it has begun; it would take what is new for a part of the one before. */
  isFresh = true;
  #lastId = 0;

  nextId(): number {
    do this.#lastId = this.#lastId % 65_535 + 1; while (this.sent.has(this.#lastId));
    return this.#lastId;
  }
}

/** What becomes of a packet that the broker is about to send. */
export type Fate = "send" | "hold" | "drop";

/** One connection, as the broker sees it. */
export class ModelLink {
  readonly connection: Connection;
  readonly broker: ModelBroker;
  session: Session | undefined;
  /** Packets that are held back, oldest first. */
  readonly held: Packet[] = [];
  /** Whether the broker reads; it goes on with what lies there when it does again. */
  #paused: Promise<void> | undefined;
  #resume: (() => void) | undefined;
  /** Bytes that wait for those before them to be taken. */
  readonly #waiting: Uint8Array[] = [];
  #writing = false;
  over = false;

  constructor(broker: ModelBroker, connection: Connection) {
    this.broker = broker;
    this.connection = connection;
  }

  /** Reads nothing more until {@link resume}. */
  pause(): void {
    this.#paused ??= new Promise((resolve) => this.#resume = resolve);
  }

  resume(): void {
    this.#resume?.();
    this.#paused = this.#resume = undefined;
  }

  /** Sends bytes, whatever they are: at once, or with all that waits for those before. */
  write(bytes: Uint8Array): void {
    this.#waiting.push(bytes);
    if (!this.#writing) void this.#flush();
  }

  async #flush(): Promise<void> {
    this.#writing = true;
    while (this.#waiting.length > 0) {
      const batch = Buffer.concat(this.#waiting.splice(0));
      // That the client is gone is noticed by reading.
      await this.broker.transmit(batch, this).catch(() => {});
      if (this.over) this.#waiting.length = 0;
    }
    this.#writing = false;
  }

  send(packet: Packet): void {
    if (!this.over) this.write(generate(packet));
  }

  /** Sends the first packet of this kind that is held back; false when there is none. */
  release(command: Packet["cmd"]): boolean {
    const at = this.held.findIndex(({ cmd }) => cmd === command);
    if (at < 0) return false;
    const [packet] = this.held.splice(at, 1);
    this.send(packet!);
    return true;
  }

  /** Sends all that is held back. */
  releaseAll(): void {
    for (const packet of this.held.splice(0)) this.send(packet);
  }

  async serve(): Promise<void> {
    const reader = parser();
    reader.on("packet", (packet: Packet) => {
      if (!this.over) this.broker.take(packet, this);
    });
    reader.on("error", (error: unknown) => this.broker.blame(`sends no MQTT: ${String(error)}`));
    for (;;) {
      await this.#paused;
      const chunk = await this.connection.read().catch(() => null);
      await this.#paused;
      if (chunk === null || this.over) break;
      reader.parse(Buffer.from(chunk));
    }
    this.hangUp();
  }

  /** Ends the connection in good order. */
  hangUp(): void {
    this.leave();
    void this.connection.close();
  }

  /** It is over for the broker; the connection is the caller's to end. */
  leave(): void {
    this.over = true;
    this.held.length = 0;
    this.broker.links.delete(this);
    if (this.session?.link === this) this.session.link = undefined;
  }
}

/** The broker. */
export class ModelBroker {
  /** What clients published, in the order in which it was taken over. */
  readonly taken: Taken[] = [];
  /** What clients did that the standard forbids. */
  readonly violations: string[] = [];
  readonly links: Set<ModelLink> = new Set();
  /** How many CONNECTs came. */
  connects = 0;
  /** What becomes of each packet that is about to be sent. */
  fate: (packet: Packet, link: ModelLink) => Fate = () => "send";
  /** Puts bytes on the wire. */
  transmit: (bytes: Uint8Array, link: ModelLink) => Promise<void> = (bytes, link) =>
    link.connection.write(bytes);
  /** Called with each packet that comes, before it is answered. */
  watch: (packet: Packet, link: ModelLink) => void = () => {};
  readonly #sessions = new Map<string, Session>();

  /** Takes a connection over. */
  serve(connection: Connection): ModelLink {
    const link = new ModelLink(this, connection);
    this.links.add(link);
    void link.serve();
    return link;
  }

  /** Forgets all sessions of clients that are away. */
  forget(): void {
    for (const [clientId, { link }] of this.#sessions) {
      if (link === undefined) this.#sessions.delete(clientId);
    }
  }

  /** Whether a client that is there now or comes back gets messages of this topic. */
  hasSubscriber(topic: string): boolean {
    return [...this.#sessions.values()].some(({ filters }) => filters.has(topic));
  }

  /** How many messages to clients are not acknowledged. */
  get unacknowledged(): number {
    return [...this.#sessions.values()].reduce((sum, { sent }) => sum + sent.size, 0);
  }

  /** Hands a message to all who subscribed to its topic; gives whether anybody is owed it from now on. */
  publish(topic: string, payload: string, qos: QoS): boolean {
    let owed = false;
    for (const session of this.#sessions.values()) {
      const granted = session.filters.get(topic);
      if (granted === undefined) continue;
      const message = { topic, payload, qos: Math.min(qos, granted) as QoS };
      if (message.qos === 0) {
        if (session.link !== undefined) this.#out(session.link, toPublish(message, 0, false));
        continue;
      }
      const id = session.nextId();
      session.sent.set(id, { message, released: false });
      if (session.link !== undefined) this.#out(session.link, toPublish(message, id, false));
      owed = true;
    }
    return owed;
  }

  blame(violation: string): void {
    this.violations.push(violation);
  }

  take(packet: Packet, link: ModelLink): void {
    this.watch(packet, link);
    if (link.over) return;
    const { session } = link;
    if (packet.cmd === "connect") return this.#connect(packet, link);
    if (session === undefined) return this.blame(`${packet.cmd} before CONNECT`);
    session.isFresh = false;
    const { messageId = 0 } = packet;
    switch (packet.cmd) {
      case "publish":
        return this.#published(packet, link, session);
      case "pubrel":
        session.held.delete(messageId);
        return this.#out(link, { cmd: "pubcomp", messageId });
      case "puback":
      case "pubcomp": {
        const sent = session.sent.get(messageId);
        if (packet.cmd === "puback" ? sent?.message.qos !== 1 : sent?.released !== true) {
          return this.blame(`${packet.cmd} ${messageId} for nothing`);
        }
        session.sent.delete(messageId);
        return;
      }
      case "pubrec": {
        const sent = session.sent.get(messageId);
        if (sent?.message.qos !== 2) return this.blame(`pubrec ${messageId} for nothing`);
        // From now on it is behind all that is sent again as PUBLISH.
        session.sent.delete(messageId);
        session.sent.set(messageId, sent);
        sent.released = true;
        return this.#out(link, { cmd: "pubrel", messageId });
      }
      case "subscribe":
        return this.#subscribed(packet, link, session);
      case "unsubscribe":
        return this.#unsubscribed(packet, link, session);
      case "pingreq":
        return this.#out(link, { cmd: "pingresp" });
      case "disconnect":
        return link.hangUp();
      default:
        this.blame(`a client sends ${packet.cmd}`);
    }
  }

  #connect({ clientId, clean = true }: IConnectPacket, link: ModelLink): void {
    if (link.session !== undefined) return this.blame("a second CONNECT");
    this.connects++;
    const before = this.#sessions.get(clientId);
    before?.link?.hangUp();
    // A real broker would resume a fresh one, and MQTT 3.1.1 has no way to notice: that is not what is tried here.
    const known = clean || before?.isFresh ? undefined : before;
    const session = known ?? new Session();
    this.#sessions.set(clientId, session);
    session.link = link;
    link.session = session;
    this.#out(link, { cmd: "connack", sessionPresent: known !== undefined, returnCode: 0 });
    for (const [messageId, { message, released }] of session.sent) {
      this.#out(link, released ? { cmd: "pubrel", messageId } : toPublish(message, messageId, true));
    }
  }

  #published({ topic, payload, qos, dup, messageId = 0 }: IPublishPacket, link: ModelLink, session: Session) {
    const message = { topic, payload: payload.toString(), qos };
    if (qos === 2 && session.held.has(messageId)) {
      if (!dup) this.blame(`PUBLISH ${messageId} anew that is in flight`);
    } else {
      this.taken.push(message);
      if (qos === 2) session.held.add(messageId);
    }
    if (qos > 0) this.#out(link, { cmd: qos === 1 ? "puback" : "pubrec", messageId });
  }

  #subscribed({ subscriptions, messageId = 0 }: ISubscribePacket, link: ModelLink, session: Session): void {
    for (const { topic, qos } of subscriptions) session.filters.set(topic, qos);
    this.#out(link, { cmd: "suback", messageId, granted: subscriptions.map(({ qos }) => qos) });
  }

  #unsubscribed({ unsubscriptions, messageId = 0 }: IUnsubscribePacket, link: ModelLink, session: Session) {
    for (const topic of unsubscriptions) session.filters.delete(topic);
    this.#out(link, { cmd: "unsuback", messageId, granted: [] });
  }

  #out(link: ModelLink, packet: Packet): void {
    const fate = this.fate(packet, link);
    if (fate === "send") link.send(packet);
    else if (fate === "hold") link.held.push(packet);
  }
}

function toPublish({ topic, payload, qos }: Taken, messageId: number, dup: boolean): Packet {
  return { cmd: "publish", topic, payload, qos, dup, retain: false, ...(qos > 0 && { messageId }) };
}
