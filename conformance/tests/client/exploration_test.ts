// Test limit: 40 minutes
/**
 * Every order of calls, packets, losses and failing writes, to a fixed depth, on a small `Client`: two messages, one
 * subscription, a window and a queue of one. Whatever has happened: as soon as broker and network are well again and
 * the reader reads, every promise settles within a bound of time, and nothing is left behind after `close()`.
 *
 * A failure names its path; EXPLORE repeats it, as `resume turn 0: QoS 1, cut, CONNACK`.
 *
 * Longer than 300 lines: every step there is, and what must be true behind any of them.
 */
import process from "node:process";
import { assert, assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { Client, type SubscriptionStream } from "@minimqtt/client";
import { memory } from "@minimqtt/client/memory";
import { generate, type Packet } from "mqtt-packet";
import { settled } from "../../src/player/fake_clock.ts";
import { ModelBroker, type ModelLink } from "../peers/model_broker.ts";
import { rounds, shortened } from "../soak.ts";
import { randomFrom, settles, UnrulyConnection, WatchedClock, withSeeds } from "../chance.ts";

/** How many steps are tried in every order. */
const DEPTH = rounds(4, 2);
/** How many walks are made at random, and how long they are. */
const WALKS = rounds(50_000, 1500);
const LONG = 16;

/** How long everything may take once all is well: a write that failed is given a second, then an attempt is due. */
const SOON = 30_000;

/** More than the high water of a batch. */
const LARGE = "x".repeat(70_000);

/** In which world a path is walked. */
interface World {
  readonly session: "clean" | "resume";
  /** Whether a turn of the event loop passes between two steps, or they come at once. */
  readonly pace: "turn" | "once";
  readonly delay: number;
}

const WORLDS: readonly World[] = [
  { session: "resume", pace: "turn", delay: 0 },
  { session: "clean", pace: "turn", delay: 0 },
  { session: "resume", pace: "once", delay: 0 },
  { session: "clean", pace: "once", delay: 0 },
  { session: "resume", pace: "turn", delay: 1000 },
];

/** One client, its broker, and what was asked of them. */
class Walk {
  readonly clock: WatchedClock;
  readonly broker = new ModelBroker();
  readonly connections: UnrulyConnection[] = [];
  client!: Client;
  link: ModelLink | undefined;
  /** Promises that have to settle. */
  readonly calls: Promise<unknown>[] = [];
  readonly open: AbortController[] = [];
  /** What was promised of messages. */
  readonly promised: { payload: string; qos: number; outcome: "pending" | "resolved" | "rejected" }[] = [];
  readonly seen: string[] = [];
  messages = 0;
  came = 0;
  forgotten = false;
  subscribed = false;
  stream: SubscriptionStream | undefined;
  reading = false;
  closing: Promise<void> | undefined;
  dials = 0;
  readonly pace: World["pace"];
  /** Whether the last step was a turn. */
  turned = true;

  constructor(pace: World["pace"], path: () => string) {
    this.pace = pace;
    this.clock = new WatchedClock(path);
  }

  async begin({ session, delay }: World): Promise<void> {
    const { broker, clock, connections } = this;
    const network = memory();
    const serve = async () => {
      for (;;) this.link = broker.serve(await network.accept());
    };
    void serve();
    const { name, schemes } = network.transport;
    this.client = await Client.connect("mqtt://broker.test", {
      transport: {
        name,
        schemes,
        connect: async (address, options) => {
          this.dials++;
          const connection = new UnrulyConnection(await network.transport.connect(address, options));
          connections.push(connection);
          return connection;
        },
      },
      clock,
      random: () => 0,
      clientId: "explorer",
      session,
      reconnect: { delay },
      sending: { window: 1 },
      receiving: { messages: 1 },
    });
    broker.fate = ({ cmd }) => cmd === "publish" || cmd === "pubrel" || cmd === "pingresp" ? "send" : "hold";
    broker.watch = ({ cmd }) => {
      if (cmd === "connect") this.link = [...broker.links].at(-1);
    };
  }

  get connection(): UnrulyConnection {
    return this.connections.at(-1)!;
  }

  holds(command: Packet["cmd"]): boolean {
    return this.link?.held.some(({ cmd }) => cmd === command) ?? false;
  }

  publish(qos: 0 | 1 | 2, text = ""): void {
    const abort = new AbortController();
    // A signal takes QoS 0 off its shortest way.
    const signal = qos === 0 ? undefined : abort.signal;
    const payload = `${this.messages++}${text}`;
    const entry: Walk["promised"][number] = { payload, qos, outcome: "pending" };
    this.promised.push(entry);
    const promise = this.client.publish("out", payload, { qos, ...(signal && { signal }) });
    if (qos > 0) this.open.push(abort);
    const forget = () => {
      if (this.open.includes(abort)) this.open.splice(this.open.indexOf(abort), 1);
    };
    promise.then(() => {
      entry.outcome = "resolved";
      forget();
    }, () => {
      entry.outcome = "rejected";
      forget();
    });
    this.calls.push(promise);
  }

  subscribe(): void {
    this.subscribed = true;
    const abort = new AbortController();
    const promise = this.client.subscribe("in", { qos: 2, signal: abort.signal });
    this.open.push(abort);
    promise.then((stream) => this.stream = stream, () => {});
    this.calls.push(promise);
  }

  /** Reads one message; a read that waits for a message that never comes is no fault. */
  async read(): Promise<void> {
    this.reading = true;
    try {
      const { done, value } = await this.stream!.next();
      if (!done) this.seen.push(value!.payload.length === 0 ? "" : value!.text());
      else this.stream = undefined;
    } catch {
      this.stream = undefined;
    }
    this.reading = false;
  }

  close(): void {
    this.closing = this.client.close();
    this.calls.push(this.closing);
  }
}

interface Action {
  readonly name: string;
  readonly may: (walk: Walk) => boolean;
  readonly act: (walk: Walk) => void | Promise<void>;
}

const isOnline = ({ link, connection }: Walk) => link !== undefined && !link.over && !connection.closed;

function release(name: string, command: Packet["cmd"]): Action {
  return {
    name,
    may: (walk) => walk.holds(command),
    act: (walk) => void walk.link!.release(command),
  };
}

function publish(name: string, qos: 0 | 1 | 2, text?: string): Action {
  return {
    name,
    may: ({ messages, closing }) => messages < 2 && closing === undefined,
    act: (walk) => walk.publish(qos, text),
  };
}

function message(qos: 0 | 1 | 2): Action {
  return {
    name: `message QoS ${qos}`,
    may: (walk) => isOnline(walk) && walk.came < 3 && walk.broker.hasSubscriber("in"),
    act: (walk) => void walk.broker.publish("in", `m${walk.came++}`, qos),
  };
}

const ACTIONS: readonly Action[] = [
  publish("QoS 0", 0),
  publish("large QoS 0", 0, LARGE),
  publish("QoS 1", 1),
  publish("large QoS 1", 1, LARGE),
  publish("QoS 2", 2),
  { name: "subscribe", may: (walk) => !walk.subscribed && !walk.closing, act: (walk) => walk.subscribe() },
  {
    name: "read",
    may: ({ stream, reading }) => stream !== undefined && !reading,
    act: (walk) => void walk.read(),
  },
  { name: "abort", may: ({ open }) => open.length > 0, act: ({ open }) => open.shift()!.abort("aborted") },
  { name: "close", may: ({ closing }) => closing === undefined, act: (walk) => walk.close() },
  release("CONNACK", "connack"),
  release("SUBACK", "suback"),
  release("PUBACK", "puback"),
  release("PUBREC", "pubrec"),
  release("PUBCOMP", "pubcomp"),
  message(0),
  message(1),
  message(2),
  {
    name: "PUBACK for QoS 2",
    may: (walk) => walk.holds("pubrec"),
    act({ link }) {
      const at = link!.held.findIndex(({ cmd }) => cmd === "pubrec");
      const [{ messageId = 0 }] = link!.held.splice(at, 1) as [Packet];
      link!.session!.held.delete(messageId);
      link!.write(generate({ cmd: "puback", messageId }));
    },
  },
  {
    name: "cut",
    may: isOnline,
    act({ link }) {
      link!.leave();
      (link!.connection as unknown as { reset(): void }).reset();
    },
  },
  { name: "end", may: isOnline, act: ({ link }) => link!.hangUp() },
  {
    name: "lose session",
    may: (walk) => !walk.forgotten && !isOnline(walk),
    act(walk) {
      walk.forgotten = true;
      walk.broker.forget();
    },
  },
  {
    name: "writes fail",
    may: (walk) => isOnline(walk) && !walk.connection.failsWrites,
    act: ({ connection }) => void (connection.failsWrites = true),
  },
  { name: "writes stall", may: isOnline, act: ({ connection }) => connection.stall() },
  { name: "turn", may: ({ pace, turned }) => pace === "once" && !turned, act: () => settled() },
  {
    name: "a second",
    may: ({ connections }) => connections.length > 0,
    act: ({ clock }) => clock.advance(1100),
  },
];

/** The last step of a path that ends without anything having become well. */
const CLOSE_AS_IT_IS: Action = { name: "close as it is", may: () => false, act: (walk) => walk.close() };

/** Walks a path, and on with `choose` where it is given, then makes all well; gives what could be done next. */
async function walk(
  world: World,
  path: readonly Action[],
  choose: (next: readonly Action[], length: number) => Action | undefined = () => undefined,
): Promise<readonly Action[]> {
  const walked: Action[] = [];
  const walker = new Walk(world.pace, () => describePath(world, walked));
  await walker.begin(world);
  let next: readonly Action[];
  for (;;) {
    next = ACTIONS.filter(({ may }) => may(walker));
    const action = path[walked.length] ?? choose(next, walked.length);
    if (action === undefined) break;
    // Where all comes at once, what is to be may be on its way yet.
    if (!next.includes(action)) await settled();
    walked.push(action);
    await action.act(walker);
    walker.turned = action.name === "turn";
    if (world.pace === "turn") await settled();
  }
  try {
    await (walked.at(-1) === CLOSE_AS_IT_IS ? leave(walker) : heal(walker));
  } catch (error) {
    throw new Error(`EXPLORE="${describePath(world, walked)}": ${(error as Error).message}`, {
      cause: error,
    });
  }
  return next;
}

async function heal(walker: Walk): Promise<void> {
  const { broker, calls, client, clock, connection, connections, link, promised, seen } = walker;
  // What was written makes room for what waits behind it in the next turns.
  for (let turns = 0; turns < 3; turns++) await settled();
  checkFlow(walker);
  broker.fate = () => "send";
  link?.releaseAll();
  connection.go();
  await settled();
  const dials = walker.dials;
  // Nobody reads yet: that neither keeps the client from coming back, nor an answer from whoever waits for it.
  const inTime = await settles(clock, Promise.allSettled(calls), SOON);
  assert(inTime, `${await pendingOf(calls)} of ${calls.length} calls have not settled`);
  assert(walker.dials - dials < 20, `${walker.dials - dials} attempts though all is well`);
  if (walker.closing === undefined) {
    const until = clock.now() + SOON;
    while (client.state !== "online" && clock.now() < until) await clock.advance(1000);
    assertEquals(client.state, "online");
  }
  const unread = setReader(walker);
  if (walker.closing === undefined) {
    // It works as on its first day.
    const works = client.publish("out", "works", { qos: 1 });
    assert(await settles(clock, works, SOON), "a further publish does not settle");
    await works;
    await clock.advance(1000);
    assertEquals(broker.unacknowledged, 0, "messages to the client are not acknowledged");
  }
  const closed = client.close();
  assert(await settles(clock, closed, SOON), "close() does not settle");
  unread();
  await settled();
  assertEquals(clock.armed, 0, "timers are armed after close()");
  assertEquals(connections.filter(({ closed }) => !closed).length, 0, "connections are open after close()");
  assertEquals(broker.violations, []);
  for (const { payload, qos, outcome } of promised) {
    const count = broker.taken.filter((taken) => taken.payload === payload).length;
    if (qos > 0 && outcome === "resolved") {
      assert(count > 0, `a message with QoS ${qos} resolved and did not arrive`);
    }
    if (qos === 0) assert(count <= 1, "a message with QoS 0 arrived twice");
  }
  for (const text of seen) {
    assert(/^m\d$/.test(text), `a message ${text} that was never sent`);
  }
}

/** Whatever does not work: the end comes within `closeTimeout`, and a moment for goodbye. */
async function leave({ calls, clock, connections }: Walk): Promise<void> {
  assert(await settles(clock, Promise.allSettled(calls), 10_000 + 3000), "close() or a call does not settle");
  assertEquals(clock.armed, 0, "timers are armed after close()");
  assertEquals(connections.filter(({ closed }) => !closed).length, 0, "connections are open after close()");
}

/** Where nothing is in the way, the first message that is wanted has left: what an aborted one held is free. */
function checkFlow({ broker, client, connection, link, pace, promised }: Walk): void {
  if (pace === "once" || client.state !== "online" || connection.failsWrites || connection.isStalled) return;
  const first = promised.find(({ qos, outcome }) => qos > 0 && outcome === "pending");
  if (first === undefined || link === undefined || link.over) return;
  assert(broker.taken.some(({ payload }) => payload === first.payload), "a message waits for nothing");
}

/** Reads whatever comes from now on; gives what ends that. */
function setReader(walker: Walk): () => void {
  let ended = false;
  const run = async () => {
    while (!ended) {
      if (walker.stream !== undefined && !walker.reading) await walker.read();
      else await new Promise<void>((resolve) => walker.clock.turn(resolve));
    }
  };
  void run();
  return () => ended = true;
}

async function pendingOf(calls: readonly Promise<unknown>[]): Promise<number> {
  let pending = calls.length;
  for (const call of calls) call.then(() => pending--, () => pending--);
  await settled();
  return pending;
}

function describePath({ session, pace, delay }: World, path: readonly Action[]): string {
  return `${session} ${pace} ${delay}: ${path.map(({ name }) => name).join(", ")}`;
}

function parsePath(text: string): [World, Action[]] {
  const [head = "", rest = ""] = text.split(": ");
  const [session, pace, delay] = head.split(" ");
  const path = rest.split(", ").filter((name) => name !== "").map((name) => {
    const action = [...ACTIONS, CLOSE_AS_IT_IS].find((one) => one.name === name);
    if (action === undefined) throw new Error(`no action is called ${name}`);
    return action;
  });
  return [{ session, pace, delay: Number(delay) } as World, path];
}

/** Walks all paths that go on from `start`, up to `depth` further steps; gives their number. */
async function explore(world: World, start: readonly Action[], depth: number): Promise<number> {
  let count = 0;
  const go = async (path: readonly Action[]): Promise<void> => {
    const next = await walk(world, path);
    count++;
    if (path.length === start.length + depth) return;
    for (const action of next) await go([...path, action]);
  };
  await go(start);
  return count;
}

/** Where paths begin. */
const STARTS: readonly string[] = [
  "",
  "subscribe, SUBACK, message QoS 1, message QoS 2",
  "QoS 2, PUBREC, QoS 1",
  "large QoS 1, writes fail, large QoS 0",
  "subscribe, cut, QoS 2",
];

describe("Client through every order of calls, packets, losses and failing writes", () => {
  const given = process.env["EXPLORE"];
  if (given !== undefined) {
    it(`settles all it promised: ${given}`, async () => {
      await walk(...parsePath(given));
    });
    return;
  }
  for (const world of WORLDS) {
    const { session, pace, delay } = world;
    const how = `${session} session, ${pace === "turn" ? "a turn each" : "at once"}, delay ${delay}`;
    it(`settles all it promised: ${how}${shortened("less deep")}`, async () => {
      let count = 0;
      for (const start of STARTS) count += await explore(world, parsePath(`: ${start}`)[1], DEPTH);
      console.log(`${count} paths`);
    });
  }

  it(`settles all it promised on long walks at random${shortened(`${WALKS} of them`)}`, async () => {
    await withSeeds(WALKS, async (seed) => {
      const random = randomFrom(seed);
      const pick = <T>(list: readonly T[]) => list[Math.floor(random() * list.length)]!;
      const last = pick([undefined, CLOSE_AS_IT_IS]);
      const world = pick(WORLDS);
      await walk(
        world,
        [],
        (next, length) => length < LONG ? pick(next) : length === LONG ? last : undefined,
      );
    });
  });
});
