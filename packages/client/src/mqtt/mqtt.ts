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
  type Address,
  type Connection,
  ConnectionError,
  type ConnectOptions,
  Engine,
  type Filter,
  isRetriable,
  type Message,
  type Millis,
  MqttError,
  MQTTMatcher,
  type Payload,
  ProtocolError,
  type QoS,
  RefusedError,
  type Settled,
  type Transport,
  UsageError,
  v4,
  type Will,
} from "@minimqtt/core";
import {
  checkClientId,
  checkConnect,
  checkCredentials,
  checkInteger,
  checkTopic,
  checkWill,
  decodeText,
  utf8Length,
} from "@minimqtt/core/internal";
import { backoff } from "../link/backoff.ts";
import { Call } from "./call.ts";
import { generateClientId } from "../link/client_id.ts";
import { type Clock, sleep } from "../link/clock.ts";
import { MQTT_MSG_MAX_SZ, MQTT_MSG_SZ_LIM, MQTT_TOPIC_LENGTH_LIMIT } from "./constants.ts";
import { defaultTransport } from "./default_transport.ts";
import { dial, suspectTls } from "../link/dial.ts";
import { MMQTTException, MMQTTStateError, noData, toException } from "./exceptions.ts";
import { Link } from "../link/link.ts";
import {
  type ForeignLogger,
  type LogDetails,
  type Logger,
  type LoggerPackage,
  NullLogger,
  toLogger,
} from "./logger.ts";
import {
  byName,
  type CallOptions,
  checkRetain,
  checkSeconds,
  type ConnectArguments,
  type MQTTOptions,
  type OnMessage,
  type PublishArguments,
  type Received,
  type Settings,
  type SubscribeArguments,
  type Subscriptions,
  toFilters,
  toSettings,
  toTopics,
} from "./options.ts";
import { type MessageInput, toPayload } from "../link/payload.ts";
import { Pump } from "./pump.ts";
import { isPromise } from "../link/is_promise.ts";
import { chooseScheme, parseBroker, parsePort, type Target } from "../link/target.ts";

const DEBUG = 10;

/** Above it `publish` asks to be waited for. */
const HIGH_WATER = 65_536;

/** How long `loop(0)` goes on as long as something comes, in milliseconds. */
const GLANCE = 50;

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

  readonly #settings: Settings;
  readonly #binary: boolean;
  readonly #transport: Transport;
  readonly #clock: Clock;
  readonly #engine: Engine;
  readonly #link: Link;
  readonly #pump: Pump;
  readonly #callbacks = new MQTTMatcher<OnMessage<U, B>>();
  /** What to subscribe to again, with the QoS asked for (MM-114, MM-154). */
  readonly #wanted = new Map<string, QoS>();

  #target!: Target;
  #port: number | undefined;
  #keepAlive!: number;
  #username: string | undefined;
  #password: Payload | undefined;
  #will: Will | undefined;
  #limit!: number;
  #cleanSession = true;
  #resumed = false;
  #looping = false;
  #closing = false;
  #dialing: AbortController | undefined;
  #deinits = 0;
  #lostBy: MqttError | null = null;
  #roomy: Promise<void> | undefined;

  /**
   * Takes the options; opens and sends nothing (MM-014).
   *
   * @throws {UsageError} for options that are wrong, unknown, or that the transport cannot serve.
   */
  constructor(options: MQTTOptions<U, B>) {
    const settings = this.#settings = toSettings(options as MQTTOptions);
    this.#transport = settings.transport ?? defaultTransport();
    this.#clock = settings.clock;
    this.#binary = settings.useBinaryMode;
    this.#engine = new Engine({ codec: v4, replyTimeout: settings.recvTimeout * 1000 });
    this.#link = new Link(this.#engine, this.#clock);
    this.#pump = new Pump(this.#engine, this.#link, this.#clock, {
      deliver: (message) => this.#deliver(message),
      // Whoever disconnects meanwhile ends the calls.
      offline: (error) => this.#closing ? DONE : this.#offline(error),
      toException: (error) => this.#toException(error),
      stray: ({ packet }) =>
        this.logger.warning(`ignored a packet of type 0x${packet.toString(16)} that nobody waits for`),
    });
    this.mqttMsg = MQTT_MSG_SZ_LIM;
    this.userData = settings.userData as U;
    this.sessionId = settings.sessionId;
    this.clientId = settings.clientId ?? generateClientId("cpy");
    checkClientId(this.clientId);
    this.keepAlive = settings.keepAlive;
    this.broker = settings.broker;
    this.#port = parsePort(settings.port) ?? this.#port;
    this.usernamePwSet(settings.username ?? this.#username, settings.password ?? this.#password);
  }

  /** The broker's host. It can be set to a host or a URL, for the next `connect`. */
  get broker(): string {
    return this.#target.host;
  }
  set broker(broker: string) {
    const target = parseBroker(broker);
    chooseScheme(this.#transport, target.scheme, this.#settings.isSsl);
    this.#target = target;
    this.#port = target.port ?? this.#port;
    if (target.username !== undefined) {
      this.#username = target.username;
      this.#password = target.password;
    }
  }

  /** The broker's port, for the next `connect`. */
  get port(): number {
    return this.#address.port;
  }
  set port(port: number | null) {
    this.#port = parsePort(port);
  }

  /** Seconds between two packets at most, for the next `connect`; 0 switches keep alive off. */
  get keepAlive(): number {
    return this.#keepAlive;
  }
  set keepAlive(seconds: number) {
    checkInteger(seconds, "keepAlive", 0, 65_535);
    this.#keepAlive = seconds;
  }

  /** The limits for messages, sent and received, and for topics, in bytes (MM-090). Set the first by a number. */
  get mqttMsg(): [number, number] {
    return [this.#limit, MQTT_TOPIC_LENGTH_LIMIT];
  }
  set mqttMsg(size: number) {
    checkInteger(size, "mqttMsg", 0, MQTT_MSG_MAX_SZ);
    this.#limit = size;
    // Fixed header, topic length, topic and packet identifier come on top of the message (MM-096).
    this.#engine.maxPacketSize = size + 5 + 2 + MQTT_TOPIC_LENGTH_LIMIT + 2;
  }

  /** Whether there is a connection of which no end has been noticed. It sends nothing to find out (MM-185). */
  isConnected(): boolean {
    return this.#engine.state === "online" && this.#link.alive;
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
    const given = byName<ConnectArguments>(cleanSession, {
      cleanSession: cleanSession as boolean,
      host,
      port,
      keepAlive,
      sessionId,
    });
    const clean = given.cleanSession ?? true;
    if (typeof clean !== "boolean") {
      throw new UsageError("invalid-argument", "cleanSession must be true or false");
    }
    this.#demandIdle();
    given.signal?.throwIfAborted();
    // Again if a callback of what is delivered has connected, and lost that connection, meanwhile.
    while (this.#engine.state !== "offline" || this.#pump.losing) {
      const deinits = this.#deinits;
      await this.#reportLoss().catch((error) => {
        if (!(error instanceof MMQTTException && error.cause === this.#lostBy)) throw error;
      });
      this.#demandIdle(deinits);
    }
    if (given.host) this.broker = given.host;
    this.#port = parsePort(given.port) ?? this.#port;
    this.keepAlive = given.keepAlive ?? this.#keepAlive;
    if (given.sessionId) this.sessionId = given.sessionId;
    this.#cleanSession = clean;
    const flags = await this.#dial(given.signal);
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
    if (!this.#isOpen) throw notConnected();
    this.#wanted.clear();
    await this.#close();
  }

  /**
   * Disconnects if connected, connects as the last time, and subscribes again to what was subscribed, in order, with
   * its QoS, in one packet (MM-152); not when the broker resumed the session (MM-155). Gives what `connect` gives.
   *
   * With `resubTopics` false the subscriptions are forgotten.
   *
   * @throws what `connect` and `subscribe` throw; the subscriptions are remembered then (MM-154).
   */
  async reconnect(resubTopics = true, options: { readonly signal?: AbortSignal } = {}): Promise<number> {
    options.signal?.throwIfAborted();
    this.#demandNoDialing();
    const deinits = this.#deinits;
    if (this.isConnected()) await this.#close();
    this.#demandIdle(deinits);
    if (!resubTopics) this.#wanted.clear();
    const flags = await this.connect({ cleanSession: this.#cleanSession, signal: options.signal });
    if (flags === 0 && this.#wanted.size > 0) {
      await this.#subscribe(Array.from(this.#wanted, ([topic, qos]) => ({ topic, qos })), options);
    }
    return flags;
  }

  /** Disconnects if connected, gives an attempt in progress up; never throws for not being connected (MM-184). */
  async deinit(): Promise<void> {
    this.#deinits++;
    this.#dialing?.abort(deinitialized());
    if (this.#isOpen) await this.disconnect();
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
        !this.#debugging &&
        (typeof msg === "string" ? msg.length * 3 : msg instanceof Uint8Array ? msg.length : Infinity) <=
          this.#limit
      ) {
        this.#engine.publish(topic, msg as Payload, 0, retain);
        this.#link.kick();
        return this.#engine.pending < HIGH_WATER ? DONE : this.#room();
      }
    } catch (error) {
      return Promise.reject(error);
    }
    return this.#publish(topic, msg, byName<PublishArguments>(retain, { retain: retain as boolean, qos }));
  }

  /**
   * Subscribes to one filter, or to several in one packet, and resolves to the QoS granted for each. `onSubscribe` is
   * called for each that was granted.
   *
   * @throws {MMQTTStateError} when not connected.
   * @throws {UsageError} for a filter or QoS that cannot be sent; nothing is.
   * @throws {MMQTTException} `SUBACK Failure for topic …` with `code` 0x80 for the first that was refused; the others
   * are subscribed all the same (MM-108). When the connection is lost, or the answer does not come in time.
   */
  async subscribe(topic: Subscriptions, qos: QoS | SubscribeArguments = 0): Promise<number[]> {
    const options = byName<SubscribeArguments>(qos, { qos: qos as QoS });
    if (!this.#ready(options)) await this.#demandConnected();
    return this.#subscribe(toFilters(topic, options.qos ?? 0), options);
  }

  /**
   * Unsubscribes from one filter, or from several in one packet. `onUnsubscribe` is called for each.
   *
   * @throws {MMQTTStateError} when not connected, or for a filter that is not subscribed (unless the session was
   * resumed: the broker may know it, MM-116). Nothing is sent then.
   * @throws {UsageError} for what is no filter.
   * @throws {MMQTTException} when the connection is lost, or the answer does not come in time.
   */
  async unsubscribe(topic: string | readonly string[], options: CallOptions = {}): Promise<void> {
    if (!this.#ready(options)) await this.#demandConnected();
    const topics = toTopics(topic);
    if (!this.#resumed && topics.some((topic) => !this.#wanted.has(topic))) {
      throw new MMQTTStateError("Topic must be subscribed to before attempting unsubscribe.");
    }
    const until = this.#until(options);
    this.#debugEach("UNSUBSCRIBING from", topics.map((topic) => ({ topic })));
    const id = this.#engine.unsubscribe(topics);
    await this.#settle(id, until, options, "UNSUBSCRIBE");
    for (const topic of topics) this.#wanted.delete(topic);
    for (const topic of topics) await this.onUnsubscribe?.(this, this.userData, topic, id);
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
    if (timeout !== 0 && timeout < this.#settings.socketTimeout) {
      const text = `loop timeout (${timeout}) must be >= socket timeout (${this.#settings.socketTimeout}))`;
      throw new UsageError("invalid-argument", text);
    }
    if (!this.#ready(options)) await this.#demandConnected();
    if (this.#looping) throw new MMQTTStateError("loop() is running already");
    this.#looping = true;
    const types: number[] = [];
    try {
      const start = this.#clock.now();
      // A packet may come in many pieces: that bytes have come is enough to look again.
      const progress = () => types.length + this.#link.arrivals;
      let before: number;
      do {
        before = progress();
        await this.#pump.run(new Call("time", 0, types), start + timeout * 1000, options.signal);
      } while (
        timeout === 0 && progress() > before && this.#clock.now() < start + GLANCE && this.isConnected()
      );
    } finally {
      this.#looping = false;
    }
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
    if (!this.#ready(options)) await this.#demandConnected();
    // In a callback it may be that the PINGRESP is behind more messages than are read: no time-out would end that.
    const seconds = options.timeout ?? (this.#pump.delivering === undefined ? undefined : this.#patience);
    const until = seconds === undefined ? Infinity : this.#in(seconds);
    this.#engine.ping(this.#clock.now());
    this.#link.kick();
    const types: number[] = [];
    if (!await this.#pump.run(new Call("pong", 0, types), until, options.signal)) {
      throw new MMQTTException(`PINGRESP not returned from broker within ${seconds} seconds.`);
    }
    return types;
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
    will: string | { topic: string; payload?: MessageInput; msg?: MessageInput; qos?: QoS; retain?: boolean },
    message?: MessageInput,
    retention: boolean | { readonly retain?: boolean; readonly qos?: QoS } = false,
    quality: QoS = 0,
  ): void {
    this.#demandNoWill();
    const { topic, payload, retain = false, qos = 0 } = typeof will === "object" && will !== null
      ? { ...will, payload: will.payload ?? will.msg ?? "" }
      : {
        topic: will,
        payload: message,
        ...byName<{ retain?: boolean; qos?: QoS }>(retention, { retain: retention as boolean, qos: quality }),
      };
    checkTopic(topic);
    const bytes = toPayload(payload);
    checkRetain(retain);
    const checked: Will = { topic, payload: own(bytes), qos, retain };
    checkWill(checked);
    this.#will = checked;
  }

  /**
   * Takes the will back.
   *
   * @throws {MMQTTStateError} when connected.
   */
  willClear(): void {
    this.#demandNoWill();
    this.#will = undefined;
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
    this.#username = username ?? undefined;
    this.#password = own(password ?? undefined);
  }

  /**
   * Has `callback` called for messages that match the filter, in `onMessage`'s place; it subscribes to nothing. A
   * filter that has one gets the new one.
   *
   * @throws {UsageError} when either is missing, or for what is no filter.
   */
  addTopicCallback(mqttTopic: string, callback: OnMessage<U, B>): void {
    if (mqttTopic === undefined || mqttTopic === null || typeof callback !== "function") {
      throw new UsageError("invalid-argument", "MQTT topic and callback method must both be defined.");
    }
    this.#callbacks.set(mqttTopic, callback);
  }

  /**
   * Takes a topic callback away.
   *
   * @throws {UsageError} `unknown-topic` when the filter has none.
   */
  removeTopicCallback(mqttTopic: string): void {
    if (mqttTopic === undefined || mqttTopic === null) {
      throw new UsageError("invalid-argument", "MQTT Topic must be defined.");
    }
    if (!this.#callbacks.delete(mqttTopic)) {
      throw new UsageError("unknown-topic", "MQTT topic callback not added with add_topic_callback.");
    }
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

  async #dial(given: AbortSignal | undefined): Promise<number> {
    checkConnect(this.#connectOptions);
    const dialing = this.#dialing = new AbortController();
    const signal = given ? AbortSignal.any([given, dialing.signal]) : dialing.signal;
    try {
      for (let failures = 1;; failures++) {
        try {
          return await this.#attempt(signal);
        } catch (error) {
          await this.#hangUp(error);
          signal.throwIfAborted();
          if (!(error instanceof MqttError)) throw error;
          const exception = toException(error);
          if (error instanceof ConnectionError) {
            this.logger.warning(`Socket error when connecting: ${error.message}`);
          } else this.logger.info(`MQTT error while connecting: ${error.message}`);
          if (error instanceof UsageError) throw error;
          if (error instanceof ProtocolError || !isRetriable(error)) throw exception;
          const { connectRetries, retryDelay, random } = this.#settings;
          if (failures === connectRetries) {
            const text = failures > 1 ? "Repeated connect failures" : "Connect failure";
            throw new MMQTTException(text, exception.code, { cause: exception });
          }
          const wait = backoff(failures, retryDelay * 1000, random());
          this.logger.debug(`Waiting ${wait / 1000} seconds before the next attempt`);
          await sleep(this.#clock, this.#clock.now() + wait, signal);
          signal.throwIfAborted();
        }
      }
    } finally {
      this.#dialing = undefined;
    }
  }

  async #attempt(signal: AbortSignal): Promise<number> {
    const address = this.#address;
    const place = `${address.host}:${address.port}`;
    const { socketTimeout, recvTimeout } = this.#settings;
    this.logger.debug(`Connecting to ${place} over ${this.#transport.name}`);
    const late = `no connection to ${place} within ${socketTimeout} seconds (socketTimeout)`;
    const connect = (signal: AbortSignal) => this.#transport.connect(address, { signal });
    const discard = (late: Connection) => void late.close();
    const connection = await dial(
      place,
      connect,
      this.#clock,
      this.#in(socketTimeout),
      late,
      signal,
      discard,
    );
    try {
      this.#link.attach(connection, this.#connectOptions, (this.#keepAlive || recvTimeout) * 1000);
    } catch (error) {
      await connection.close();
      throw error;
    }
    const call = new Call("online");
    try {
      await this.#pump.run(call, Infinity, signal);
    } catch (error) {
      throw suspectTls(error, address);
    }
    this.#resumed = call.event?.type === "online" && call.event.connack.sessionPresent;
    return this.#resumed ? 1 : 0;
  }

  get #address(): Address & { readonly port: number } {
    const { host, scheme, path } = this.#target;
    const { port, secure } = chooseScheme(this.#transport, scheme, this.#settings.isSsl);
    return { host, port: this.#port ?? port, secure, ...(path && { path }) };
  }

  get #connectOptions(): ConnectOptions {
    return {
      clientId: this.clientId,
      cleanSession: this.#cleanSession,
      keepAlive: this.#keepAlive,
      username: this.#username,
      password: this.#password,
      will: this.#will,
    };
  }

  /** Closes what is left of a connection and ends the calls that still wait on it. */
  async #hangUp(error: unknown, asked = false): Promise<void> {
    const closed = this.#link.detach();
    this.#pump.end(error, asked);
    await closed;
  }

  /** Whether there is a connection, alive or not, that nobody has ended. */
  get #isOpen(): boolean {
    return (this.#engine.state !== "offline" || this.#pump.losing) && this.#dialing === undefined &&
      !this.#closing;
  }

  async #close(): Promise<void> {
    this.#closing = true;
    // A message whose callback disconnects is acknowledged before (MM-231).
    const current = this.#pump.delivering;
    if (current !== undefined) this.#engine.acknowledge(current);
    this.#engine.disconnect();
    // A broker that reads nothing more does not keep us.
    const enough = new AbortController();
    const sent = this.#link.alive && await Promise.race([
      this.#link.drained().then(() => !this.#link.failed),
      sleep(this.#clock, this.#until({}), enough.signal),
    ]);
    enough.abort();
    if (!sent) this.logger.warning("Unable to send DISCONNECT");
    await this.#hangUp(new MMQTTException("MiniMQTT was disconnected before the answer came"), true);
    this.#closing = false;
    await this.onDisconnect?.(this, this.userData, 0);
  }

  /** The connection ended without being asked to. */
  async #offline(error: MqttError): Promise<void> {
    const wasOnline = this.#dialing === undefined;
    this.#lostBy = error;
    await this.#hangUp(this.#toException(error));
    if (wasOnline) await this.onDisconnect?.(this, this.userData, 1);
  }

  /** While connecting it is the attempt that failed, and the core's error decides about the next. */
  #toException(error: MqttError): Error {
    return this.#dialing === undefined ? toException(error) : error;
  }

  /** Delivers what came before a loss that no call has met yet, and rejects with the loss. */
  async #reportLoss(): Promise<void> {
    if (!this.#pump.losing && (this.#engine.state === "offline" || this.isConnected())) return;
    if (this.#pump.delivering !== undefined) {
      throw new MMQTTStateError("MiniMQTT has lost its connection, and still delivers what came before");
    }
    await this.#pump.run(new Call("time"), Infinity);
  }

  /** Whether there is a connection. If so no turn may pass before the command: commands keep their order. */
  #ready(options: CallOptions): boolean {
    options.signal?.throwIfAborted();
    if (!this.isConnected()) return false;
    if (options.timeout !== undefined) checkSeconds(options.timeout, "timeout");
    return true;
  }

  /** Without a connection: rejects with a loss that no call has met yet, else with the state. */
  async #demandConnected(): Promise<never> {
    // A callback cannot wait for the messages behind its own.
    if (this.#isOpen && this.#pump.delivering === undefined) await this.#reportLoss();
    throw notConnected();
  }

  #demandNoWill(): void {
    if (this.isConnected()) throw new MMQTTStateError("Last Will should only be called before connect().");
  }

  #demandNoDialing(): void {
    if (this.#dialing !== undefined) throw new MMQTTStateError("MiniMQTT is already connecting");
  }

  #demandIdle(deinits = this.#deinits): void {
    // What was on its way to a connection when `deinit` was called must not open one.
    if (deinits !== this.#deinits) throw deinitialized();
    this.#demandNoDialing();
    if (this.isConnected()) throw new MMQTTStateError("MiniMQTT is already connected");
  }

  /** One promise for all who wait for the same room; a loss is not forced on those who do not look at it. */
  #room(): Promise<void> {
    if (this.#roomy === undefined) {
      this.#roomy = this.#waitForRoom({}).finally(() => this.#roomy = undefined);
      this.#roomy.catch(() => {});
    }
    return this.#roomy;
  }

  async #waitForRoom(options: CallOptions): Promise<void> {
    const { signal, timeout: seconds = this.#patience } = options;
    const call = new Call("room");
    this.#link.room().then(() => call.settle());
    if (!await this.#pump.run(call, this.#in(seconds), signal)) {
      const text = `Unable to send anything within ${seconds} seconds.`;
      throw new MMQTTException(text, null, { cause: new ConnectionError("write-failed", text) });
    }
    if (!this.#link.alive) await this.#demandConnected();
  }

  /** Seconds after which a broker that answers nothing and takes nothing has failed: two keep alives. */
  get #patience(): number {
    return 2 * (this.#keepAlive || this.#settings.recvTimeout);
  }

  /** Whether anyone wants debug lines: else none is put together. */
  get #debugging(): boolean {
    const logger = this.logger;
    return logger !== SILENCE && (logger.isEnabledFor === undefined || logger.isEnabledFor(DEBUG));
  }

  /** Text from outside is quoted: it can neither forge a line of the log nor be taken for a directive of its format. */
  #debug(what: string, details: LogDetails): void {
    this.logger.debug(`${what} ${JSON.stringify(details).replaceAll("%", "\\u0025")}`, details);
  }

  #debugEach(what: string, list: readonly Filter[] | readonly { readonly topic: string }[]): void {
    if (this.#debugging) { for (const entry of list) this.#debug(what, { ...entry }); }
  }

  async #publish(topic: string, msg: MessageInput, options: PublishArguments): Promise<void> {
    const { retain = false, qos = 0 } = options;
    if (!this.#ready(options)) await this.#demandConnected();
    checkTopic(topic);
    const payload = toPayload(msg);
    checkRetain(retain);
    const size = typeof payload === "string" ? utf8Length(payload) : payload.length;
    if (size > this.#limit && size <= MQTT_MSG_MAX_SZ) {
      const text = `Message size larger than configured limit ${this.#limit} bytes.`;
      throw new UsageError("payload-too-large", text);
    }
    const until = this.#until(options);
    const id = this.#engine.publish(topic, payload, qos, retain);
    if (this.#debugging) this.#debug("Sending PUBLISH", { topic, bytes: size, qos, retain, id });
    this.#link.kick();
    if (qos !== 0) await this.#settle(id, until, options, "PUBLISH");
    else if (this.#engine.pending >= HIGH_WATER) {
      await (options.signal || options.timeout !== undefined ? this.#waitForRoom(options) : this.#room());
    }
    await this.onPublish?.(this, this.userData, topic, qos === 0 ? this.#engine.lastId : id);
  }

  async #subscribe(filters: readonly Filter[], options: CallOptions): Promise<number[]> {
    const until = this.#until(options);
    const id = this.#engine.subscribe(filters);
    this.#debugEach("SUBSCRIBING to", filters);
    const { reasons } = await this.#settle(id, until, options, "SUBSCRIBE");
    // All before the first callback, which may throw, or unsubscribe (MM-106).
    filters.forEach(({ topic, qos }, i) => reasons[i]! <= 2 && this.#wanted.set(topic, qos));
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
    return [...reasons];
  }

  /** Waits for the acknowledgement of a packet. */
  async #settle(id: number, until: Millis, options: CallOptions, request: string): Promise<Settled> {
    this.#link.kick();
    const call = new Call("settled", id);
    try {
      if (await this.#pump.run(call, until, options.signal)) return call.event as Settled;
    } catch (error) {
      const cause = error instanceof MMQTTException ? error.cause : undefined;
      if (request !== "PUBLISH" && cause instanceof ProtocolError && cause.firstByte !== undefined) {
        const text = `invalid message received as response to ${request}: 0x${cause.firstByte.toString(16)}`;
        throw new MMQTTException(text, null, { cause });
      }
      throw error;
    }
    const { timeout: seconds = this.#settings.recvTimeout } = options;
    const text = `no acknowledgement of ${request} ${id} within ${seconds} seconds`;
    const cause = new ConnectionError("acknowledgement-timeout", text);
    throw new MMQTTException(noData(seconds), null, { cause });
  }

  #until(options: CallOptions): Millis {
    return this.#in(options.timeout ?? this.#settings.recvTimeout);
  }

  #in(seconds: number): Millis {
    return this.#clock.now() + seconds * 1000;
  }

  #deliver(message: Message): unknown {
    const { topic } = message;
    if (this.#debugging) {
      this.#debug("Receiving PUBLISH", { topic, bytes: message.payload.length, qos: message.qos });
    }
    const payload = (this.#binary ? message.payload : this.#decode(message)) as Received<B>;
    if (this.#callbacks.size > 0) {
      const callbacks = this.#callbacks.match(topic, []);
      if (callbacks.length > 0) return this.#callEach(callbacks.values(), payload, message);
    }
    return this.onMessage?.(this, topic, payload, message);
  }

  /** One after the other, each waited for if it gives a promise. */
  #callEach(
    callbacks: IterableIterator<OnMessage<U, B>>,
    payload: Received<B>,
    message: Message,
  ): unknown {
    for (const callback of callbacks) {
      const result = callback(this, message.topic, payload, message);
      if (isPromise(result)) {
        return Promise.resolve(result).then(() => this.#callEach(callbacks, payload, message));
      }
    }
    return undefined;
  }

  #decode(message: Message): string {
    try {
      return decodeText(message.payload);
    } catch (cause) {
      throw new MMQTTException("Message payload is not valid UTF-8", null, { cause });
    }
  }
}

function deinitialized(): MMQTTStateError {
  return new MMQTTStateError("MiniMQTT was de-initialized while it was connecting");
}

function notConnected(): MMQTTStateError {
  return new MMQTTStateError("MiniMQTT is not connected");
}

/** Bytes of our own: the caller's may change. Not slice(): a Buffer's does not copy. */
function own<P extends Payload | undefined>(payload: P): P {
  return payload instanceof Uint8Array ? new Uint8Array(payload) as P : payload;
}

const SILENCE = new NullLogger();
const DONE = Promise.resolve();
