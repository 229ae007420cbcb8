import { assert, assertEquals, assertFalse, assertLessOrEqual } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { Engine } from "../engine.ts";
import { UsageError } from "../errors.ts";
import type { EngineEvent } from "../events.ts";
import type { Message, QoS } from "../packets.ts";
import { v5 } from "./mod.ts";
import { bytes, hex } from "../../tests/support.ts";
import { connack, type Loose, server, understood } from "../../tests/mqtt5.ts";
import { randomFrom } from "../../tests/random.ts";

const TOPICS = ["house/kitchen", "house/cellar", "a", "house/attic/window/left"];

/** An engine, whoever uses it, and a server that knows MQTT 5 and has its moods. */
class World {
  readonly engine = new Engine({ codec: v5, maxInflight: 4 });
  readonly #random: (below: number) => number;
  now = 0;
  /** What has been published and has come to no end, and how often each end was. */
  readonly open = new Set<number>();
  /** What was given up meanwhile: it may still be acknowledged. */
  readonly #abandoned = new Set<number>();
  readonly ends: Record<string, number> = {};
  readonly #held: Message[] = [];
  // Of one connection.
  #limits: Loose = {};
  #flying = new Set<number>();
  #aliases = new Map<number, string>();
  #unanswered: Loose[] = [];
  #left = 0;
  isAccepted = false;

  constructor(random: (below: number) => number) {
    this.#random = random;
  }

  command(action: () => void): void {
    // What is due leaves before, whatever becomes of the command.
    if (this.engine.state === "online") this.take();
    const { pending } = this.engine;
    try {
      action();
    } catch (error) {
      assert(error instanceof UsageError, `${error}`);
      if (this.engine.state === "online") assertEquals(this.engine.pending, pending, "not a byte");
      this.ends[error.code] = (this.ends[error.code] ?? 0) + 1;
    }
  }

  open_(): void {
    this.command(() => {
      const properties = { sessionExpiryInterval: 100, receiveMaximum: 3, topicAliasMaximum: 2 };
      this.engine.opened(
        { clientId: "c", cleanSession: this.#random(8) === 0, keepAlive: 60, properties, topicAliases: true },
        3000,
        this.now,
      );
      this.#flying.clear();
      this.#aliases.clear();
      this.#unanswered = [];
      this.#left = 0;
      this.isAccepted = false;
      this.take();
      const r = this.#random;
      this.#limits = {
        ...(r(3) === 0 && { receiveMaximum: 1 + r(3) }),
        ...(r(4) === 0 && { maximumQoS: r(2) }),
        ...(r(4) === 0 && { retainAvailable: false }),
        ...(r(3) === 0 && { maximumPacketSize: 60 }),
        ...(r(2) === 0 && { topicAliasMaximum: r(4) }),
        ...(r(4) === 0 && { serverKeepAlive: r(20) }),
      };
      if (r(6) > 0) this.receive(connack(this.#limits, r(3) > 0));
    });
  }

  publish(): void {
    const r = this.#random;
    this.command(() => {
      const qos = r(3) as QoS;
      const properties = r(2) === 0 ? undefined : {
        ...(r(2) === 0 && { messageExpiryInterval: r(20) }),
        ...(r(3) === 0 && { contentType: "text/plain" }),
        ...(r(9) === 0 && { responseTopic: r(2) === 0 ? "a/#" : "back" }),
        ...(r(3) === 0 && { userProperties: [["k", "v".repeat(r(20))]] as const }),
      };
      const topic = TOPICS[r(TOPICS.length)]!;
      const id = this.engine.publish(topic, "x".repeat(r(30)), qos, r(5) === 0, properties, this.now);
      if (id === 0) return;
      assertFalse(this.open.has(id));
      this.#abandoned.delete(id);
      this.open.add(id);
    });
  }

  abandon(): void {
    const id = [...this.open][this.#random(this.open.size || 1)];
    if (id === undefined) return;
    // A packet that waits to leave already does so.
    this.take();
    this.engine.abandon(id);
    this.open.delete(id);
    this.#abandoned.add(id);
    this.ends["abandoned"] = (this.ends["abandoned"] ?? 0) + 1;
  }

  request(): void {
    const r = this.#random;
    const filters = Array.from(
      { length: r(3) },
      () => ({ topic: r(9) === 0 ? "a+" : "a/#", qos: r(3) as QoS, noLocal: r(2) === 0 }),
    );
    this.command(() => {
      if (r(2) === 0) this.engine.subscribe(filters, { subscriptionIdentifier: r(5) });
      else this.engine.unsubscribe(filters.map(({ topic }) => topic));
    });
  }

  take(): void {
    const batch = this.engine.take(this.now);
    if (batch === null) return;
    for (const packet of understood(hex(batch))) this.#leaves(packet);
    this.engine.give(batch, this.now);
  }

  /** A packet leaves, and must be one that this server takes. */
  #leaves(packet: Loose): void {
    const cmd = packet["cmd"];
    assertEquals(cmd === "connect", this.#left++ === 0, "CONNECT first, and once");
    assert(cmd === "connect" || cmd === "disconnect" || this.isAccepted, `${cmd} before CONNACK`);
    const size = packet["length"] as number + 2;
    assert(cmd === "connect" || size <= ((this.#limits["maximumPacketSize"] as number) ?? Infinity));
    const id = packet["messageId"] as number;
    this.#unanswered.push(packet);
    if (cmd === "pubrel" && (this.open.has(id) || this.#abandoned.has(id))) this.#flying.add(id);
    if (cmd !== "publish") return;
    const alias = (packet["properties"] as Loose | undefined)?.["topicAlias"] as number | undefined;
    assertLessOrEqual(alias ?? 0, (this.#limits["topicAliasMaximum"] as number) ?? 0);
    assertFalse(packet["dup"] === true && alias !== undefined, "an alias on a message that is sent again");
    if (alias !== undefined && packet["topic"] !== "") this.#aliases.set(alias, packet["topic"] as string);
    assert(packet["topic"] !== "" || this.#aliases.has(alias!), "an alias that was not told");
    assertLessOrEqual(packet["qos"] as number, (this.#limits["maximumQoS"] as number) ?? 2);
    assertFalse(packet["retain"] === true && this.#limits["retainAvailable"] === false);
    if (packet["qos"] === 0) return;
    assertFalse(this.#abandoned.has(id), "an abandoned message is sent");
    this.#flying.add(id);
    // As many as the window has, which does not count what was abandoned, as the server does.
    assertLessOrEqual([...this.#flying].filter((id) => this.open.has(id)).length, 4, "window");
    assertLessOrEqual(
      this.#flying.size,
      (this.#limits["receiveMaximum"] as number) ?? Infinity,
      "receive maximum",
    );
  }

  receive(text: string): void {
    const stream = bytes(text);
    const cut = this.#random(stream.length + 1);
    this.engine.receive(stream.slice(0, cut), this.now);
    this.engine.receive(stream.slice(cut), this.now);
  }

  /** The server answers something, well or badly. */
  answer(): void {
    const r = this.#random;
    const [packet] = this.#unanswered.splice(r(this.#unanswered.length || 1), 1);
    if (packet === undefined) return;
    const { messageId } = packet;
    const isRefused = r(6) === 0;
    const told = { properties: r(3) === 0 ? { reasonString: "because" } : {} };
    const codes = (count: number, code: number) => new Array(count).fill(isRefused ? 0x87 : code);
    switch (packet["cmd"]) {
      case "publish":
        if (packet["qos"] === 0) return;
        return this.receive(server({
          cmd: packet["qos"] === 1 ? "puback" : "pubrec",
          messageId,
          reasonCode: isRefused ? 0x97 : 0,
          ...told,
        }));
      case "pubrel":
        return this.receive(server({ cmd: "pubcomp", messageId, reasonCode: isRefused ? 0x92 : 0, ...told }));
      case "pubrec":
        return this.receive(server({ cmd: "pubrel", messageId, reasonCode: 0 }));
      case "subscribe": {
        const granted = codes((packet["subscriptions"] as unknown[]).length, 1);
        return this.receive(server({ cmd: "suback", messageId, granted, ...told }));
      }
      case "unsubscribe": {
        const granted = codes((packet["unsubscriptions"] as unknown[]).length, 0);
        return this.receive(server({ cmd: "unsuback", messageId, granted, ...told }));
      }
      case "pingreq":
        return this.receive("d000");
    }
  }

  /** The server has a message, or something to say. */
  speak(): void {
    const r = this.#random;
    if (r(60) === 0) return this.receive(server({ cmd: "disconnect", reasonCode: 0x8b }));
    if (r(60) === 0) return this.receive("3003000000");
    const properties = {
      ...(r(2) === 0 && { topicAlias: 1 + r(2) }),
      ...(r(3) === 0 && { contentType: "c" }),
    };
    const message = { payload: "x", qos: r(3), messageId: 1 + r(3), retain: false, dup: r(2) === 0 };
    this.receive(
      server({ cmd: "publish", topic: "in", ...message, dup: message.dup && message.qos > 0, properties }),
    );
  }

  pull(): void {
    for (let event = this.engine.next(); event !== null; event = this.engine.next()) this.#came(event);
  }

  #came(event: EngineEvent): void {
    if (event.type === "online") this.isAccepted = true;
    if (event.type === "message") this.#held.push(event);
    // SUBSCRIBE and UNSUBSCRIBE have answers of their own.
    const isOfMessage = event.type === "settled"
      ? event.packet < 0x90
      : event.type === "lost" || event.type === "dropped";
    if (!isOfMessage || !("id" in event)) return;
    // Acknowledged since, or told of when it was not yet abandoned.
    const isLate = this.#abandoned.delete(event.id);
    assert(isLate || this.open.delete(event.id), `a second end: ${event.type} ${event.id}`);
    this.#flying.delete(event.id);
    const end = event.type === "dropped" ? event.error.code : event.type;
    this.ends[end] = (this.ends[end] ?? 0) + 1;
  }

  step(): void {
    const r = this.#random;
    const actions: readonly (readonly [weight: number, action: () => void])[] = [
      [6, () => this.engine.state === "offline" && this.open_()],
      [12, () => this.publish()],
      [3, () => this.request()],
      [2, () => this.abandon()],
      [12, () => this.answer()],
      [6, () => this.speak()],
      [
        8,
        () =>
          this.#held.length > 0 && this.engine.acknowledge(this.#held.splice(r(this.#held.length), 1)[0]!),
      ],
      [10, () => this.take()],
      [12, () => this.pull()],
      [4, () => this.engine.tick(this.now += [0, 100, 3000, 20_000][r(4)]!)],
      [1, () => this.engine.closed(null)],
      [1, () => this.command(() => this.engine.disconnect(r(2) * 4))],
      [1, () => this.command(() => this.engine.authenticate(0x19))],
      [1, () => this.command(() => this.engine.ping(this.now))],
    ];
    let left = r(actions.reduce((sum, [weight]) => sum + weight, 0));
    for (const [weight, action] of actions) {
      if (left < weight) return void action();
      left -= weight;
    }
  }

  /** A server that takes all: whatever was published comes to its end. */
  finish(): void {
    this.engine.closed(null);
    this.pull();
    this.#limits = {};
    this.command(() => {
      const properties = { receiveMaximum: 65_535 };
      this.engine.opened({ clientId: "c", cleanSession: false, keepAlive: 0, properties }, 3000, this.now);
      this.#left = 0;
      this.#flying.clear();
      this.#aliases.clear();
      this.#unanswered = [];
      this.isAccepted = false;
    });
    this.take();
    this.receive(connack({}, true));
    for (let i = 0; i < 3000 && this.open.size > 0; i++) {
      this.pull();
      this.take();
      this.answer();
    }
    assertEquals([...this.open], []);
  }
}

describe("an engine with MQTT 5", () => {
  it("keeps its promises and the server's limits, whatever is called and whatever the server does", () => {
    const ends: Record<string, number> = {};
    for (let seed = 1; seed <= 300; seed++) {
      const world = new World(randomFrom(seed));
      try {
        for (let i = 0; i < 200; i++) world.step();
        world.finish();
      } catch (error) {
        throw new Error(`seed ${seed}`, { cause: error });
      }
      for (const [end, count] of Object.entries(world.ends)) ends[end] = (ends[end] ?? 0) + count;
    }
    for (
      const end of [
        "settled",
        "abandoned",
        "lost",
        "message-expired",
        "not-supported",
        "payload-too-large",
        "invalid-topic",
        "invalid-filter",
      ]
    ) assert((ends[end] ?? 0) > 10, `${end} was not reached: ${JSON.stringify(ends)}`);
  });
});
