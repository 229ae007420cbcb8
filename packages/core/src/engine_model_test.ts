import { assert, assertEquals, assertFalse, assertLessOrEqual } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import fc from "fast-check";
import { Buffer } from "node:buffer";
import { type Packet, parser } from "mqtt-packet";
import { Engine } from "./engine.ts";
import { UsageError } from "./errors.ts";
import type { EngineEvent } from "./events.ts";
import type { Message, QoS } from "./packets.ts";
import { v4 } from "./v4/mod.ts";
import { serverPacketArb, topicArb } from "../tests/arbitraries.ts";
import { bytes, field, packet, publish, u16 } from "../tests/support.ts";

/** Something of ours that has an identifier. */
interface Live {
  readonly kind: QoS | "subscribe" | "unsubscribe";
  readonly count: number;
  /** The connection during or before which it was asked for. */
  readonly since: number;
  /** The last connection on which its PUBLISH was seen. */
  seen: number;
  released: boolean;
  /** Whether it may have been queued on a connection, so that it may be told lost. */
  flown: boolean;
}

/** An answer that is due for something that came in. */
interface Due {
  readonly cmd: "puback" | "pubrec";
  readonly id: number;
  /** What the application has to be done with first; absent for a copy, which one PUBREC may answer with others. */
  readonly message: Message | undefined;
}

const WINDOW = 3;

/** An engine, what a user does, what a server does, and what must hold whatever they do. */
class World {
  readonly engine = new Engine({ codec: v4, maxInflight: WINDOW, replyTimeout: 5000 });
  now = 0;
  connections = 0;
  ends = 0;
  readonly live = new Map<number, Live>();
  readonly messages: Message[] = [];
  readonly acknowledged = new Set<Message>();
  readonly delivered = new Set<number>();
  clientId = "";
  clean = true;
  accepted = false;

  // Of one connection.
  #parser = parser();
  #sent: Packet[] = [];
  #unanswered: Packet[] = [];
  #due: Due[] = [];
  #flying = new Set<number>();

  command(action: () => void): void {
    try {
      action();
    } catch (error) {
      assert(error instanceof UsageError, `${error}`);
    }
  }

  open(clientId: string, clean: boolean, keepAlive: number): void {
    this.command(() => {
      this.engine.opened({ clientId, cleanSession: clean, keepAlive }, 3000, this.now);
      if (clientId !== this.clientId) this.delivered.clear();
      this.clientId = clientId;
      this.clean = clean;
      this.accepted = false;
      this.connections++;
      this.#sent = [];
      this.#unanswered = [];
      this.#due = [];
      this.#flying.clear();
      this.#parser = parser();
      this.#parser.on("packet", (found: Packet) => this.#leaves(found));
      this.#parser.on("error", (error: unknown) => {
        throw error;
      });
    });
  }

  publish(topic: string, qos: QoS): void {
    this.command(() => {
      const id = this.engine.publish(topic, "x", qos);
      if (qos === 0) assertEquals([id, this.engine.state], [0, "online"]);
      else this.#began(id, qos, 0);
    });
  }

  request(kind: "subscribe" | "unsubscribe", topic: string, count: number): void {
    this.command(() => {
      const topics = new Array<string>(count).fill(topic);
      const id = kind === "subscribe"
        ? this.engine.subscribe(topics.map((topic) => ({ topic, qos: 1 })))
        : this.engine.unsubscribe(topics);
      assertEquals(this.engine.state, "online");
      this.#began(id, kind, count);
    });
  }

  #began(id: number, kind: Live["kind"], count: number): void {
    assert(id >= 1 && id <= 65_535);
    assertFalse(this.live.has(id), `identifier ${id} is in use`);
    assertEquals(this.engine.lastId, id);
    this.live.set(id, {
      kind,
      count,
      since: this.connections,
      seen: 0,
      released: false,
      flown: this.engine.state === "online",
    });
  }

  acknowledge(index: number): void {
    const message = this.messages[index % this.messages.length];
    if (message === undefined) return;
    this.acknowledged.add(message);
    this.engine.acknowledge(message);
  }

  receive(text: string, at: number): void {
    const stream = bytes(text);
    const cut = at % (stream.length + 1);
    this.engine.receive(stream.slice(0, cut), this.now);
    this.engine.receive(stream.slice(cut), this.now);
  }

  /** The server answers something that it has seen and not answered. */
  answer(index: number): void {
    const [found] = this.#unanswered.splice(index % (this.#unanswered.length || 1), 1);
    if (found === undefined) return;
    const id = u16(found.messageId ?? 0);
    switch (found.cmd) {
      case "publish":
        return this.receive((found.qos === 1 ? "4002" : "5002") + id, index);
      case "pubrel":
        return this.receive(`7002${id}`, index);
      case "pubrec":
        return this.receive(`6202${id}`, index);
      case "subscribe":
        return this.receive(packet(0x90, id + "01".repeat(found.subscriptions.length)), index);
      case "unsubscribe":
        return this.receive(`b002${id}`, index);
      case "pingreq":
        return this.receive("d000", index);
    }
  }

  take(): void {
    const { pending } = this.engine;
    const batch = this.engine.take(this.now);
    // What is sent again joins at this moment: SUBSCRIBE may go before it.
    const length = batch?.length ?? 0;
    assert(pending === 0 ? length === 0 : length >= pending, `${length} bytes left, ${pending} were pending`);
    if (batch === null) return;
    this.#parser.parse(Buffer.from(batch));
    this.engine.give(batch, this.now);
  }

  /** A packet leaves. */
  #leaves(found: Packet): void {
    const before = this.#sent.at(-1);
    assertEquals(found.cmd === "connect", before === undefined, "CONNECT first, and once");
    assert(before?.cmd !== "disconnect", "nothing behind DISCONNECT");
    assert(found.cmd === "connect" || this.accepted, `${found.cmd} before CONNACK`);
    this.#sent.push(found);
    this.#unanswered.push(found);
    const id = found.messageId ?? 0;
    switch (found.cmd) {
      case "connect":
        assertEquals([found.clientId, found.clean, found.protocolVersion], [this.clientId, this.clean, 4]);
        return;
      case "publish": {
        if (found.qos === 0) return assertFalse(found.dup);
        const live = this.live.get(id);
        // Settled between its queueing and its leaving: nothing to compare it with.
        if (live === undefined || live.kind === "subscribe" || live.kind === "unsubscribe") return;
        assertEquals(found.qos, live.kind);
        assert(live.seen < this.connections, "not twice on one connection");
        if (live.seen > 0) assert(found.dup, "DUP where it was sent before");
        if (live.since === this.connections) assertFalse(found.dup, "no DUP the first time");
        live.seen = this.connections;
        this.#flying.add(id);
        assertLessOrEqual(this.#flying.size, WINDOW);
        return;
      }
      case "pubrel":
        if (this.live.get(id)?.released) this.#flying.add(id);
        assertLessOrEqual(this.#flying.size, WINDOW);
        return;
      case "puback":
      case "pubrec":
        for (;;) {
          const due = this.#due.shift();
          assert(due !== undefined, `${found.cmd} ${id} answers nothing, or out of turn`);
          if (due.message !== undefined) {
            assertEquals([found.cmd, id], [due.cmd, due.id], "answers leave in order");
            assert(this.acknowledged.has(due.message), "not before the application is done");
          }
          if (due.cmd === found.cmd && due.id === id) return;
        }
    }
  }

  /** Pulls one event; false when there is none. */
  next(): boolean {
    const event = this.engine.next();
    if (event === null) return false;
    this.#came(event);
    return true;
  }

  #came(event: EngineEvent): void {
    if (event.type === "offline") {
      this.ends++;
      assertEquals(this.ends, this.connections, "one end for each connection");
      assertEquals([this.engine.state, this.engine.pending], ["offline", 0]);
      for (const [id, { kind }] of this.live) {
        if (kind === "subscribe" || kind === "unsubscribe") this.live.delete(id);
      }
      return;
    }
    assertEquals(this.ends, this.connections - 1, "nothing behind the end");
    switch (event.type) {
      case "online":
        assertFalse(this.accepted);
        this.accepted = true;
        if (!event.connack.sessionPresent) this.delivered.clear();
        for (const live of this.live.values()) live.flown = true;
        return;
      case "message":
        if (event.qos === 0) return;
        if (event.qos === 2) {
          assertFalse(this.delivered.has(event.id), "QoS 2 is delivered once");
          this.delivered.add(event.id);
        }
        this.messages.push(event);
        this.#due.push({ cmd: event.qos === 1 ? "puback" : "pubrec", id: event.id, message: event });
        return;
      case "progress":
        if (event.packet === 0x30) this.#due.push({ cmd: "pubrec", id: event.id, message: undefined });
        if (event.packet === 0x60) assertEquals(event.expected, this.delivered.delete(event.id));
        if (event.packet === 0x50 && event.expected) this.live.get(event.id)!.released = true;
        return;
      case "settled": {
        const live = this.live.get(event.id);
        assert(live !== undefined, "settled once");
        const packets = { 1: 0x40, 2: 0x70, subscribe: 0x90, unsubscribe: 0xb0, 0: -1 };
        // A PUBACK ends QoS 2 as well, badly.
        if (event.error !== undefined) assertEquals([live.kind, event.packet], [2, 0x40]);
        else assertEquals(event.packet, packets[live.kind]);
        assertEquals(event.reasons.length, live.kind === "subscribe" ? live.count : 0);
        this.live.delete(event.id);
        this.#flying.delete(event.id);
        return;
      }
      case "lost": {
        const live = this.live.get(event.id);
        assert(live !== undefined && live.flown, "lost once, and only what was under way");
        assertEquals(event.released, live.released);
        this.live.delete(event.id);
      }
    }
  }

  pull(): void {
    while (this.next());
  }

  tick(ms: number): void {
    this.now += ms;
    this.engine.tick(this.now);
    this.engine.tick(this.now);
  }
}

type Step = (world: World) => void;

/** A step that says what it is, for the counterexample. */
function named(name: string, step: Step): Step {
  return Object.assign((world: World) => step(world), { [fc.toStringMethod]: () => name });
}

const at = fc.nat(30);
const qos = fc.constantFrom<QoS>(0, 1, 2);
const id = fc.integer({ min: 1, max: 4 });

const connect = fc.tuple(
  fc.constantFrom("a", "a", "a", "b"),
  fc.boolean(),
  fc.constantFrom(0, 10),
  fc.boolean(),
)
  .map(([clientId, clean, keepAlive, present]) =>
    named(`connect ${clientId} ${clean ? "clean" : present ? "present" : "keep"}`, (world) => {
      world.open(clientId, clean, keepAlive);
      world.take();
      if (world.engine.state !== "connecting") return;
      world.receive(present && !clean ? "20020100" : "20020000", 0);
      world.pull();
    })
  );

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 5, arbitrary: connect },
  { weight: 1, arbitrary: fc.boolean().map((clean) => named("open", (w) => w.open("a", clean, 10))) },
  {
    weight: 1,
    arbitrary: fc.constantFrom("20020000", "20020100", "20020003").map((text) =>
      named(`connack ${text}`, (w) => w.receive(text, 2))
    ),
  },
  {
    weight: 8,
    arbitrary: fc.tuple(topicArb, qos).map(([topic, qos]) =>
      named(`publish ${qos}`, (w) => w.publish(topic, qos))
    ),
  },
  {
    weight: 3,
    arbitrary: fc.tuple(fc.constantFrom("subscribe" as const, "unsubscribe" as const), topicArb, fc.nat(3))
      .map((
        [kind, topic, count],
      ) => named(`${kind} ${count}`, (w) => w.request(kind, topic, count))),
  },
  { weight: 10, arbitrary: at.map((index) => named(`answer ${index}`, (w) => w.answer(index))) },
  {
    weight: 8,
    arbitrary: fc.tuple(qos, id, fc.boolean(), at).map(([qos, id, dup, at]) =>
      named(
        `message ${qos} ${id} ${dup}`,
        (w) => w.receive(publish("in", "x", { qos, id, dup: dup && qos > 0 }), at),
      )
    ),
  },
  {
    weight: 3,
    arbitrary: fc.tuple(fc.constantFrom("40", "50", "62", "70"), id, at).map(([first, id, at]) =>
      named(`stray ${first} ${id}`, (w) => w.receive(`${first}02${u16(id)}`, at))
    ),
  },
  {
    weight: 2,
    arbitrary: fc.tuple(serverPacketArb, at).map(([text, at]) => named(text, (w) => w.receive(text, at))),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom("f000", "3003000123", "30", packet(0x10, field("MQTT"))).map((text) =>
      named(`garbage ${text}`, (w) => w.receive(text, 1))
    ),
  },
  { weight: 8, arbitrary: at.map((index) => named(`acknowledge ${index}`, (w) => w.acknowledge(index))) },
  { weight: 1, arbitrary: fc.constant(named("ping", (w) => w.command(() => w.engine.ping(w.now)))) },
  { weight: 1, arbitrary: fc.constant(named("disconnect", (w) => w.engine.disconnect())) },
  { weight: 2, arbitrary: fc.constant(named("closed", (w) => w.engine.closed(null))) },
  { weight: 8, arbitrary: fc.constant(named("take", (w) => w.take())) },
  {
    weight: 4,
    arbitrary: fc.constantFrom(0, 10, 200, 1000, 5000, 9000).map((ms) =>
      named(`tick ${ms}`, (w) => w.tick(ms))
    ),
  },
  {
    weight: 2,
    arbitrary: fc.constantFrom("", "300a00").map((begun) =>
      named(`silence ${begun}`, (w) => {
        w.receive(begun, 1);
        w.pull();
        for (const ms of [4900, 200, 3900, 200]) w.tick(ms);
      })
    ),
  },
  { weight: 1, arbitrary: fc.constant(named("pause", (w) => w.engine.pause(w.now))) },
  { weight: 1, arbitrary: fc.constant(named("resume", (w) => w.engine.resume(w.now))) },
  { weight: 4, arbitrary: fc.constant(named("next", (w) => void w.next())) },
  { weight: 8, arbitrary: fc.constant(named("pull", (w) => w.pull())) },
);

const stepsArb = fc.array(step, { maxLength: 120, size: "max" });

/** What must be there at the end of every story. */
function finish(world: World): void {
  world.engine.closed(null);
  world.pull();
  assertEquals([world.engine.state, world.ends], ["offline", world.connections]);
  // Everything that is left can still be brought to its end, and then the engine is as new.
  world.open("a", false, 0);
  world.take();
  world.receive("20020100", 0);
  world.pull();
  assertEquals(world.engine.state, "online");
  for (const message of world.messages) world.engine.acknowledge(message);
  for (let round = 0; round < 1000 && world.live.size > 0; round++) {
    world.take();
    for (let i = 0; i < 10; i++) world.answer(0);
    world.pull();
  }
  assertEquals([...world.live.keys()], []);
}

describe("an engine", () => {
  it("keeps its promises whatever is called, and whatever the server does, in any order", () => {
    fc.assert(
      fc.property(stepsArb, (steps) => {
        const world = new World();
        for (const step of steps) step(world);
        finish(world);
      }),
      { numRuns: 400 },
    );
  });

  it("reaches everything in those stories that there is to reach", () => {
    const found = new Set<string>();
    for (const steps of fc.sample(stepsArb, { numRuns: 300, seed: 7 })) {
      const world = new World();
      const { engine } = world;
      const next = engine.next.bind(engine);
      engine.next = () => {
        const event = next();
        if (event !== null) found.add(event.type === "offline" ? `offline ${event.error?.code}` : event.type);
        if (event?.type === "progress") found.add(`${event.packet} ${event.expected}`);
        if (event?.type === "settled") found.add(`settled ${event.packet}`);
        return event;
      };
      for (const step of steps) step(world);
      finish(world);
    }
    for (
      const name of [
        "online",
        "message",
        "pong",
        "lost",
        "settled 64",
        "settled 112",
        "settled 144",
        "settled 176",
        "48 true",
        "80 true",
        "80 false",
        "96 true",
        "96 false",
        "64 false",
        "112 false",
        "offline undefined",
        "offline closed",
        "offline unexpected-packet",
        "offline malformed-packet",
        "offline connection-refused",
        "offline connack-timeout",
        "offline pingresp-timeout",
        "offline packet-timeout",
      ]
    ) assert(found.has(name), `${name} was not reached; reached: ${[...found].join(", ")}`);
  });
});
