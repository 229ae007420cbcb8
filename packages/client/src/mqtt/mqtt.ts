/**
 * MiniMQTT's client: the API CircuitPython users know, in camelCase.
 *
 * Nothing moves unless a method is called: messages reach callbacks from inside `loop`, `connect`, `subscribe` and
 * the rest, and between calls nothing is read and no timer runs. Times are in seconds, as in MiniMQTT.
 *
 * Wrong arguments reject with {@link UsageError}, a wrong state with {@link MMQTTStateError}, whatever network and
 * broker do with {@link MMQTTException}. What a callback throws rejects the call in which it ran, untouched.
 *
 * Longer than 300 lines: it is the API of one class, and half of it is its contract.
 *
 * @module
 */
import {
  Engine,
  type Filter,
  type Message,
  type PacketId,
  type Payload,
  type QoS,
  RefusedError,
  UsageError,
  v4,
} from "@minimqtt/core";
import {
  checkClientId,
  checkCredentials,
  checkInteger,
  checkOptions,
  checkTopic,
  isBytes,
  utf8Length,
} from "@minimqtt/core/internal";
import { generateClientId } from "../link/client_id.ts";
import { inPackets } from "../link/filter_packets.ts";
import { Link } from "../link/link.ts";
import { type MessageInput, toPayload } from "../link/payload.ts";
import { parsePort } from "../link/target.ts";
import { Broker } from "./broker.ts";
import { MQTT_MSG_MAX_SZ, MQTT_MSG_SZ_LIM, MQTT_TOPIC_LENGTH_LIMIT } from "./constants.ts";
import { Delivery } from "./delivery.ts";
import { MMQTTException, MMQTTStateError } from "./exceptions.ts";
import { debug, debugEach, isDebugging, SILENCE } from "./log_lines.ts";
import { Lifeline, notConnected } from "./lifeline.ts";
import { type ForeignLogger, type Logger, type LoggerPackage, toLogger } from "./logger.ts";
import {
  byName,
  CALL,
  type CallOptions,
  checkRetain,
  checkSeconds,
  CONNECT,
  type ConnectArguments,
  type MQTTOptions,
  type NamedWill,
  ownBytes,
  PUBLISH,
  type PublishArguments,
  type Received,
  type Settings,
  SIGNAL,
  SUBSCRIBE,
  type SubscribeArguments,
  type Subscriptions,
  toFilters,
  toSettings,
  toTopics,
  toWill,
  type WillArguments,
} from "./options.ts";
import { Pump } from "./pump.ts";
import { Waits } from "./waits.ts";

/** Above it `publish` asks to be waited for. */
const HIGH_WATER = 65_536;

/** A message callback. The fourth argument tells QoS, retain and the rest (MM-131). A promise is waited for. */
export type OnMessage<U = unknown, B extends boolean = boolean> = (
  client: MQTT<U, B>,
  topic: string,
  message: Received<B>,
  packet: Message,
) => unknown;

/** A client with MiniMQTT's API. `U` is the type of `userData`, `B` whether messages come as bytes. */
export class MQTT<U = unknown, B extends boolean = false> implements AsyncDisposable {
  /** Called when the broker accepted the connection, before `connect` resolves: `flags` is 1 for a session resumed. */
  onConnect: ((client: MQTT<U, B>, userData: U, flags: number, rc: number) => unknown) | null = null;
  /** Called when the connection has ended: `rc` is 0 after `disconnect`, 1 when it was lost (MM-178). */
  onDisconnect: ((client: MQTT<U, B>, userData: U, rc: number) => unknown) | null = null;
  /** Called for each topic filter the broker granted, with the QoS it granted (MM-107). */
  onSubscribe: ((client: MQTT<U, B>, userData: U, topic: string, grantedQos: number) => unknown) | null =
    null;
  /** Called for each topic filter that was unsubscribed, with the packet identifier. */
  onUnsubscribe: ((client: MQTT<U, B>, userData: U, topic: string, pid: number) => unknown) | null = null;
  /** Called when a message is published. With QoS 0 `pid` means nothing: it is the last one used (MM-084). */
  onPublish: ((client: MQTT<U, B>, userData: U, topic: string, pid: number) => unknown) | null = null;
  /** Called for each message that no topic callback matches. */
  onMessage: OnMessage<U, B> | null = null;
  /** Anything; callbacks get it. */
  userData: U;
  /** Kept for MiniMQTT's sake; no effect (MM-046). */
  sessionId: string | null;
  /** Sent with CONNECT; made once, kept for every reconnect (MM-013). */
  clientId: string;

  /** Where log lines go; a logger that does nothing until {@link enableLogger}. */
  logger: Logger = SILENCE;

  readonly #engine: Engine;
  readonly #link: Link;
  readonly #waits: Waits;
  readonly #settings: Settings;
  readonly #delivery: Delivery<MQTT<U, B>, B>;
  readonly #broker: Broker;
  readonly #lifeline: Lifeline;
  /** What to subscribe to again, with the QoS asked for (MM-114, MM-154). */
  readonly #wanted = new Map<string, Filter>();
  /** Whether the broker may hold more subscriptions than these. */
  #resumed = false;
  #limit!: number;

  /**
   * Takes the options; opens and sends nothing (MM-014).
   *
   * @throws {UsageError} for options that are wrong, unknown, or that the transport cannot serve.
   */
  constructor(options: MQTTOptions<U, B>) {
    const settings = this.#settings = toSettings(options as MQTTOptions);
    const delivery = this.#delivery = new Delivery<MQTT<U, B>, B>(this, settings.useBinaryMode);
    const engine = this.#engine = new Engine({ codec: v4, replyTimeout: settings.recvTimeout * 1000 });
    const link = this.#link = new Link(engine, settings.clock);
    const pump = new Pump(engine, link, settings.clock, {
      deliver: (message) => delivery.deliver(message),
      offline: (error) => this.#lifeline.lost(error),
      toException: (error) => this.#lifeline.toException(error),
      stray: ({ packet }) =>
        this.logger.warning(`ignored a packet of type 0x${packet.toString(16)} that nobody waits for`),
    });
    this.mqttMsg = MQTT_MSG_SZ_LIM;
    this.userData = settings.userData as U;
    this.sessionId = settings.sessionId;
    this.clientId = settings.clientId ?? generateClientId("cpy");
    checkClientId(this.clientId);
    const broker = this.#broker = new Broker(settings);
    const lifeline = this.#lifeline = new Lifeline(
      engine,
      link,
      pump,
      settings,
      this,
      broker,
      (rc) => this.onDisconnect?.(this, this.userData, rc),
    );
    this.#waits = new Waits(engine, link, pump, settings, lifeline, broker);
    this.keepAlive = settings.keepAlive;
    this.broker = settings.broker;
    broker.port = parsePort(settings.port) ?? broker.port;
    const { username, password } = broker.says;
    this.usernamePwSet(settings.username ?? username, settings.password ?? password);
  }

  /** The broker's host. It can be set to a host or a URL, for the next `connect`. */
  get broker(): string {
    return this.#broker.host;
  }
  set broker(broker: string) {
    this.#broker.host = broker;
  }

  /** The broker's port, for the next `connect`. */
  get port(): number {
    return this.#broker.address.port;
  }
  set port(port: number | null) {
    this.#broker.port = parsePort(port);
  }

  /** Seconds between two packets at most, for the next `connect`; 0 switches keep alive off. */
  get keepAlive(): number {
    return this.#broker.says.keepAlive;
  }
  set keepAlive(seconds: number) {
    checkInteger(seconds, "keepAlive", 0, 65_535);
    this.#broker.says.keepAlive = seconds;
  }

  /** The limits for messages, sent and received, and for topics, in bytes (MM-090). Set the first by a number. */
  get mqttMsg(): [number, number] {
    return [this.#limit, MQTT_TOPIC_LENGTH_LIMIT];
  }
  set mqttMsg(size: number) {
    checkInteger(size, "mqttMsg", 0, MQTT_MSG_MAX_SZ);
    this.#limit = size;
    // Fixed header, topic length, topic and packet identifier come on top of the message (MM-096).
    this.#engine.maxPacketSize = size + (5 + 2 + MQTT_TOPIC_LENGTH_LIMIT + 2);
  }

  /** Whether there is a connection of which no end has been noticed. It sends nothing to find out (MM-185). */
  isConnected(): boolean {
    return this.#lifeline.isConnected;
  }

  /**
   * Connects, and resolves to 1 when the broker resumed a session, else to 0 (MM-031). Arguments given replace the
   * client's own for good (MM-023).
   *
   * Tries `connectRetries` times, with longer and longer waits between (MM-036); not again for a refusal that would
   * be repeated: protocol version, client identifier, credentials (MM-034, MM-035), nor for an answer that is no MQTT
   * (MM-030, MM-033).
   *
   * @throws {MMQTTStateError} when connected or connecting.
   * @throws {MMQTTException} with the refusal's own text and `code`, or with `Repeated connect failures` (`Connect
   * failure` for a single attempt), the last attempt's error as `cause` and its `code`.
   */
  async connect(
    cleanSession: boolean | ConnectArguments = true,
    host?: string | null,
    port?: number | null,
    keepAlive?: number | null,
    sessionId?: string | null,
  ): Promise<number> {
    const given = byName<ConnectArguments>(
      cleanSession,
      {
        cleanSession: cleanSession as boolean,
        host,
        port,
        keepAlive,
        sessionId,
      },
      "connect()",
      CONNECT,
    );
    const { cleanSession: clean = true } = given;
    if (typeof clean !== "boolean") {
      throw new UsageError("invalid-argument", "cleanSession must be true or false");
    }
    const broker = this.#broker;
    this.#resumed = await this.#lifeline.connect(given.signal, () => {
      if (given.host) this.broker = given.host;
      broker.port = parsePort(given.port) ?? broker.port;
      this.keepAlive = given.keepAlive ?? this.keepAlive;
      if (given.sessionId) this.sessionId = given.sessionId;
      broker.says.cleanSession = clean;
    });
    const flags = this.#resumed ? 1 : 0;
    await this.onConnect?.(this, this.userData, flags, 0);
    return flags;
  }

  /**
   * Sends DISCONNECT, so that the broker drops the will, closes, and calls `onDisconnect`. Subscriptions are
   * forgotten; callbacks, will and credentials stay. Calls in progress reject; `loop` resolves with what it has.
   *
   * @throws {MMQTTStateError} when not connected.
   */
  async disconnect(): Promise<void> {
    if (!this.#lifeline.isOpen) throw notConnected();
    this.#wanted.clear();
    await this.#lifeline.close();
  }

  /**
   * Disconnects if connected, connects as the last time, and subscribes again to what was subscribed, in order, with
   * its QoS, in one packet unless `filtersPerPacket` makes it more (MM-152); not when the broker resumed the session (MM-155). Gives what `connect` gives.
   *
   * With `resubTopics` false the subscriptions are forgotten.
   *
   * @throws what `connect` and `subscribe` throw; the subscriptions are remembered then (MM-154).
   */
  async reconnect(resubTopics = true, options: { readonly signal?: AbortSignal } = {}): Promise<number> {
    if (typeof resubTopics !== "boolean") {
      throw new UsageError("invalid-argument", "resubTopics must be true or false");
    }
    checkOptions(options, "reconnect()", SIGNAL);
    options.signal?.throwIfAborted();
    const lifeline = this.#lifeline;
    const { ending } = lifeline;
    if (lifeline.isOpen && lifeline.isConnected) await lifeline.close();
    ending.throwIfAborted();
    lifeline.demandIdle();
    if (!resubTopics) this.#wanted.clear();
    const flags = await this.connect({
      cleanSession: this.#broker.says.cleanSession,
      signal: options.signal,
    });
    if (flags === 0 && this.#wanted.size > 0) {
      if (!this.#ready(options)) await this.#lifeline.demandConnected();
      await this.#subscribe([...this.#wanted.values()], options);
    }
    return flags;
  }

  /** Disconnects if connected, gives an attempt in progress up; never throws for not being connected (MM-184). */
  async deinit(): Promise<void> {
    this.#lifeline.end();
    if (this.#lifeline.isOpen) await this.disconnect();
  }

  /** Is {@link deinit}, for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.deinit();
  }

  /**
   * Publishes a message. Numbers are sent as text; bytes may be used again as soon as the call returns.
   *
   * With QoS 0 it resolves when the connection has room for more: await it to be slowed down by a slow broker, or
   * don't. With QoS 1 and 2 it resolves when the broker has acknowledged; calls may overlap.
   *
   * @throws {MMQTTStateError} when not connected.
   * @throws {UsageError} for a topic, message, size or QoS that cannot be sent, in this order (MM-071).
   * @throws {MMQTTException} when the connection is lost, or the acknowledgement does not come in time.
   */
  publish(
    topic: string,
    msg: MessageInput,
    retain: boolean | PublishArguments = false,
    qos: QoS = 0,
  ): Promise<void> {
    try {
      // The way of nearly every message: no promise of its own, nothing but bytes into the batch.
      if (
        qos === 0 && typeof retain === "boolean" && this.onPublish === null && this.isConnected() &&
        !isDebugging(this.logger) &&
        (typeof msg === "string" ? msg.length * 3 : isBytes(msg) ? msg.length : Infinity) <= this.#limit
      ) {
        this.#engine.publish(topic, msg as Payload, 0, retain);
        this.#link.kick();
        return this.#engine.pending < HIGH_WATER ? DONE : this.#waits.room();
      }
      const positional = { retain: retain as boolean, qos };
      return this.#publish(topic, msg, byName<PublishArguments>(retain, positional, "publish()", PUBLISH));
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /**
   * Subscribes to one filter, or to several in one packet (unless `filtersPerPacket` makes it more), and resolves to
   * the QoS granted for each. `onSubscribe` is called for each that was granted.
   *
   * @throws {MMQTTStateError} when not connected.
   * @throws {UsageError} for a filter or QoS that cannot be sent; nothing is.
   * @throws {MMQTTException} `SUBACK Failure for topic …` with `code` 0x80 for the first that was refused; the others
   * are subscribed all the same (MM-108). When the connection is lost, or the answer does not come in time.
   */
  async subscribe(topic: Subscriptions, qos: QoS | SubscribeArguments = 0): Promise<number[]> {
    const options = byName<SubscribeArguments>(qos, { qos: qos as QoS }, "subscribe()", SUBSCRIBE);
    if (!this.#ready(options)) await this.#lifeline.demandConnected();
    return this.#subscribe(toFilters(topic, options.qos === undefined ? 0 : options.qos), options);
  }

  /**
   * Unsubscribes from one filter, or from several in one packet (unless `filtersPerPacket` makes it more).
   * `onUnsubscribe` is called for each.
   *
   * @throws {MMQTTStateError} when not connected, or for a filter that is not subscribed (unless the session was
   * resumed: the broker may know it, MM-116). Nothing is sent then.
   * @throws {UsageError} for what is no filter.
   * @throws {MMQTTException} when the connection is lost, or the answer does not come in time.
   */
  async unsubscribe(topic: string | readonly string[], options: CallOptions = {}): Promise<void> {
    checkOptions(options, "unsubscribe()", CALL);
    if (!this.#ready(options)) await this.#lifeline.demandConnected();
    const topics = toTopics(topic);
    if (!this.#resumed && topics.some((topic) => !this.#wanted.has(topic))) {
      throw new MMQTTStateError("Topic must be subscribed to before attempting unsubscribe.");
    }
    debugEach(this.logger, "UNSUBSCRIBING from", topics.map((topic) => ({ topic })));
    const ids = new Map<string, PacketId>();
    for (const packet of this.#inPackets(topics, 2)) {
      const id = this.#engine.unsubscribe(packet);
      await this.#waits.settled(id, options, "UNSUBSCRIBE");
      for (const topic of packet) {
        this.#wanted.delete(topic);
        ids.set(topic, id);
      }
    }
    for (const [topic, id] of ids) await this.onUnsubscribe?.(this, this.userData, topic, id);
  }

  /**
   * Handles what arrives until `timeout` seconds have passed, and resolves to the types of the packets, one for each
   * in order, or to null if there was none (MM-160, MM-162). Pings when a ping is due.
   *
   * `loop(0)` handles what has already arrived and returns at once.
   *
   * @throws {UsageError} for a timeout below `socketTimeout`, unless it is 0 (MM-163).
   * @throws {MMQTTStateError} when not connected, or when another `loop` runs.
   * @throws {MMQTTException} when the connection is lost.
   */
  async loop(timeout = 1, options: { readonly signal?: AbortSignal } = {}): Promise<number[] | null> {
    checkSeconds(timeout, "loop timeout");
    checkOptions(options, "loop()", SIGNAL);
    if (timeout !== 0 && timeout < this.#settings.socketTimeout) {
      const text = `loop timeout (${timeout}) must be >= socket timeout (${this.#settings.socketTimeout}))`;
      throw new UsageError("invalid-argument", text);
    }
    if (!this.#ready(options)) await this.#lifeline.demandConnected();
    const types = await this.#waits.time(timeout, options.signal);
    return types.length === 0 ? null : types;
  }

  /**
   * Sends a PINGREQ, and resolves to the types of the packets that came up to its PINGRESP (MM-172).
   *
   * @throws {MMQTTStateError} when not connected.
   * @throws {MMQTTException} when none came within `keepAlive` seconds (`recvTimeout` with keep alive off): the
   * connection is closed then (MM-173). When the connection is lost.
   */
  async ping(options: CallOptions = {}): Promise<number[]> {
    checkOptions(options, "ping()", CALL);
    if (!this.#ready(options)) await this.#lifeline.demandConnected();
    return this.#waits.pong(options);
  }

  /**
   * Sets the message that the broker publishes when the connection is lost without `disconnect`; it stays set. By
   * position as `publish` has it, or by name, where `payload` may be absent for an empty one.
   *
   * @throws {MMQTTStateError} when connected.
   * @throws {UsageError} for a topic, message, size or QoS that cannot be sent, in this order (MM-053).
   */
  willSet(
    topic: string,
    msg: MessageInput,
    retain?: boolean | { readonly retain?: boolean; readonly qos?: QoS },
    qos?: QoS,
  ): void;
  /** The same by name. */
  willSet(
    will: { topic: string; payload?: MessageInput; msg?: MessageInput; qos?: QoS; retain?: boolean },
  ): void;
  willSet(
    will: string | NamedWill,
    message?: MessageInput,
    retention: boolean | WillArguments = false,
    quality: QoS = 0,
  ): void {
    this.#demandNoWill();
    this.#broker.says.will = toWill(will, message, retention, quality);
  }

  /**
   * Takes the will back.
   *
   * @throws {MMQTTStateError} when connected.
   */
  willClear(): void {
    this.#demandNoWill();
    this.#broker.says.will = undefined;
  }

  /**
   * Sets user name and password for the next `connect`; what is absent is cleared (MM-065).
   *
   * @throws {MMQTTStateError} when connected.
   * @throws {UsageError} for a password without a user name, and for either over 65535 bytes.
   */
  usernamePwSet(username?: string | null, password?: Payload | null): void {
    if (this.isConnected()) throw new MMQTTStateError("This method must be called before connect().");
    checkCredentials(username ?? undefined, password ?? undefined);
    const { says } = this.#broker;
    says.username = username ?? undefined;
    says.password = ownBytes(password ?? undefined);
  }

  /**
   * Has `callback` called for messages that match the filter, in `onMessage`'s place; it subscribes to nothing. A
   * filter that has one gets the new one.
   *
   * @throws {UsageError} when either is missing, or for what is no filter.
   */
  addTopicCallback(mqttTopic: string, callback: OnMessage<U, B>): void {
    this.#delivery.set(mqttTopic, callback);
  }

  /**
   * Takes a topic callback away.
   *
   * @throws {UsageError} `unknown-topic` when the filter has none.
   */
  removeTopicCallback(mqttTopic: string): void {
    this.#delivery.delete(mqttTopic);
  }

  /**
   * Logs from now on, and gives the logger: `logPkg.getLogger(loggerName)` with its level set, as of
   * `@minimqtt/logger`, or any object with the five methods, pino and the console included (MM-191).
   *
   * @throws {UsageError} when it can be no logger.
   */
  enableLogger(logPkg: LoggerPackage | Logger | ForeignLogger, logLevel = 20, loggerName = "log"): Logger {
    return this.logger = toLogger(logPkg, logLevel, loggerName);
  }

  /** Logs nothing from now on. */
  disableLogger(): void {
    this.logger = SILENCE;
  }

  /** Whether there is a connection. If so no turn may pass before the command: commands keep their order. */
  #ready(options: CallOptions): boolean {
    options.signal?.throwIfAborted();
    if (!this.isConnected()) return false;
    if (options.timeout !== undefined) checkSeconds(options.timeout, "timeout");
    return true;
  }

  #demandNoWill(): void {
    if (this.isConnected()) throw new MMQTTStateError("Last Will should only be called before connect().");
  }

  async #publish(topic: string, msg: MessageInput, options: PublishArguments): Promise<void> {
    const { retain = false, qos = 0 } = options;
    if (!this.#ready(options)) await this.#lifeline.demandConnected();
    checkTopic(topic);
    const payload = toPayload(msg);
    checkRetain(retain);
    const size = typeof payload === "string" ? utf8Length(payload) : payload.length;
    if (size > this.#limit && size <= MQTT_MSG_MAX_SZ) {
      const text = `Message size larger than configured limit ${this.#limit} bytes.`;
      throw new UsageError("payload-too-large", text);
    }
    const id = this.#engine.publish(topic, payload, qos, retain);
    if (isDebugging(this.logger)) {
      debug(this.logger, "Sending PUBLISH", { topic, bytes: size, qos, retain, id });
    }
    this.#link.kick();
    if (qos !== 0) await this.#waits.settled(id, options, "PUBLISH");
    else if (this.#engine.pending >= HIGH_WATER) {
      await this.#waits.room(options);
    }
    await this.onPublish?.(this, this.userData, topic, qos === 0 ? this.#engine.lastId : id);
  }

  async #subscribe(filters: readonly Filter[], options: CallOptions): Promise<number[]> {
    const reasons: number[] = [];
    // All before the first callback, which may throw, or unsubscribe (MM-106).
    for (const { length } of this.#inPackets(filters.map(({ topic }) => topic), 3)) {
      const packet = filters.slice(reasons.length, reasons.length + length);
      const id = this.#engine.subscribe(packet);
      debugEach(this.logger, "SUBSCRIBING to", packet);
      const answer = await this.#waits.settled(id, options, "SUBSCRIBE");
      packet.forEach((filter, i) => {
        const reason = answer.reasons[i]!;
        reasons.push(reason);
        if (reason <= 2) this.#wanted.set(filter.topic, filter);
      });
    }
    for (const [i, { topic }] of filters.entries()) {
      if (reasons[i]! <= 2) await this.onSubscribe?.(this, this.userData, topic, reasons[i]!);
    }
    const refused = reasons.findIndex((reason) => reason > 2);
    if (refused >= 0) {
      const code = reasons[refused]!;
      const text = `SUBACK Failure for topic ${filters[refused]!.topic}: 0x${code.toString(16)}`;
      throw new MMQTTException(text, code, {
        cause: new RefusedError("subscription-refused", text, code, code),
      });
    }
    return reasons;
  }

  /** The filters as they go into packets; none at all is left to the engine to refuse. */
  #inPackets(filters: readonly string[], overhead: number): Iterable<readonly string[]> {
    return filters.length === 0 ? [filters] : inPackets(filters, overhead, this.#settings.filtersPerPacket);
  }
}

const DONE = Promise.resolve();
