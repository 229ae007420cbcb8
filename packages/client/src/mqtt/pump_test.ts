import { assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import type { Message } from "@minimqtt/core";
import { type Bench, bench, bytes, isSettled, turn } from "../../tests/support.ts";
import { Call } from "./call.ts";
import type { MemoryOptions } from "../memory/memory.ts";
import { Pump } from "./pump.ts";

const mine = new Error("mine");

interface Pumped extends Bench {
  readonly pump: Pump;
  readonly seen: string[];
  /** What is made of a message. */
  deliver: (text: string) => unknown;
}

/** A pump whose handlers write down what they are told. */
async function pumped(options: MemoryOptions = {}): Promise<Pumped> {
  const seen: string[] = [];
  const base = await bench(options);
  const scene: Pumped = {
    ...base,
    seen,
    deliver: () => undefined,
    pump: new Pump(base.engine, base.link, base.clock, {
      deliver: (message: Message) => {
        const text = new TextDecoder().decode(message.payload);
        seen.push(text);
        return scene.deliver(text);
      },
      offline: async (error) => {
        seen.push(error.code);
        const closed = base.link.detach();
        scene.pump.end(error, false);
        await closed;
      },
      toException: (error) => error,
      stray: (event) => seen.push(`stray ${event.type}`),
    }),
  };
  return scene;
}

/** A PUBLISH to `t`. */
function message(text: string, qos = 0, id = 1): string {
  const payload = Array.from(text, (letter) => letter.charCodeAt(0).toString(16)).join("");
  const length = 3 + (qos ? 2 : 0) + text.length;
  return [
    (0x30 | qos << 1).toString(16),
    length.toString(16).padStart(2, "0"),
    "000174",
    qos ? id.toString(16).padStart(4, "0") : "",
    payload,
  ].join("");
}

describe("Pump.run()", () => {
  it("run() is true when its event came, false at its time, and leaves no timer", async () => {
    const { pump, engine, link, clock, peer } = await pumped();
    engine.ping(0);
    link.kick();
    const pinging = pump.run(new Call("pong"), 5000);
    await peer.write(bytes("d000"));
    assertEquals([await pinging, clock.armed], [true, []]);
    const waiting = pump.run(new Call("time"), 700);
    await clock.go(699);
    assertEquals(await isSettled(waiting), false);
    await clock.go(700);
    assertEquals([await waiting, clock.armed], [false, []]);
  });

  it("run() hands over: who waits is answered by who drives, and drives when that has ended", async () => {
    const { pump, engine, clock, peer } = await pumped();
    const ids = [1, 2, 3].map(() => engine.publish("t", "x", 1));
    const driving = pump.run(new Call("time"), 100);
    const calls = ids.map((id) => new Call("settled", id));
    const [first, second, third] = calls.map((call) => pump.run(call, 1000));
    await turn();
    assertEquals(clock.armed.toSorted((a, b) => a - b), [100, 1000, 1000, 1000]);
    await peer.write(bytes("40020002"));
    await second;
    await clock.go(100);
    assertEquals(await driving, false);
    await peer.write(bytes("40020001"));
    await first;
    await clock.go(1000);
    assertEquals([await third, clock.armed], [false, []]);
  });

  it("run() rejects with what a callback threw, and only in the call that drives", async () => {
    const scene = await pumped();
    const { pump, peer, clock } = scene;
    scene.deliver = () => {
      throw mine;
    };
    const driving = assertRejects(() => pump.run(new Call("time"), 100));
    const other = pump.run(new Call("time"), 200);
    await peer.write(bytes(message("a")));
    assertStrictEquals(await driving, mine);
    scene.deliver = () => undefined;
    await clock.go(200);
    assertEquals(await other, false);
  });

  it("run() for room never drives, but is woken, times out and fails like the others", async () => {
    const { pump, clock, peer, seen } = await pumped();
    const room = new Call("room");
    const woken = pump.run(room, 100);
    await peer.write(bytes(message("a")));
    await turn();
    assertEquals(seen, []);
    room.settle();
    assertEquals(await woken, true);
    const late = pump.run(new Call("room"), 200);
    await clock.go(200);
    assertEquals(await late, false);
    const failing = assertRejects(() => pump.run(new Call("room"), 900));
    await turn();
    pump.end(mine, true);
    assertStrictEquals(await failing, mine);
    assertEquals(clock.armed, []);
  });

  it("run() goes on pulling behind a callback as long as somebody waits for an answer", async () => {
    const scene = await pumped({ room: 0 });
    const { pump, engine, link, peer, seen } = scene;
    let end = () => {};
    scene.deliver = (text) => text === "a" ? new Promise<void>((resolve) => end = resolve) : undefined;
    const driving = pump.run(new Call("time"), Infinity);
    await peer.write(bytes(message("a")));
    // Nobody waits: nothing is read.
    const second = peer.write(bytes(message("b")));
    assertEquals([await isSettled(second), seen], [false, ["a"]]);
    engine.ping(0);
    link.kick();
    const pinging = pump.run(new Call("pong"), Infinity);
    await peer.read();
    await second;
    await peer.write(bytes("d000"));
    assertEquals([await pinging, seen], [true, ["a"]]);
    end();
    await turn();
    assertEquals(seen, ["a", "b"]);
    pump.end(null, true);
    await driving;
  });
});

describe("Pump.end()", () => {
  it("end() fails who waits for an answer; who only waits for his time ends well if it was asked for", async () => {
    for (const asked of [true, false]) {
      const { pump, engine } = await pumped();
      const driving = pump.run(new Call("time"), 100).catch((error) => error);
      const waiting = pump.run(new Call("settled", engine.publish("t", "x", 1)), 100).catch((error) => error);
      await turn();
      pump.end(mine, asked);
      assertEquals([await driving, await waiting], [asked ? true : mine, mine]);
    }
  });

  it("end() settles what was answered in the bytes that nobody has looked at yet", async () => {
    const { pump, engine, link, clock } = await pumped();
    const [answered, open] = [engine.publish("t", "x", 1), engine.publish("t", "y", 1)];
    const calls = [answered, open].map((id) =>
      pump.run(new Call("settled", id), 100).catch((error) => error)
    );
    await turn();
    engine.receive(bytes("40020001"), 0);
    const closed = link.detach();
    pump.end(mine, false);
    await closed;
    assertEquals([await Promise.all(calls), clock.armed], [[true, mine], []]);
  });
});

describe("Call.types", () => {
  it("types get those of all packets that are pulled as long as the call is in progress", async () => {
    const { pump, peer, clock, seen } = await pumped();
    const [all, some]: [number[], number[]] = [[], []];
    const driving = pump.run(new Call("time", 0, all), 100);
    const short = pump.run(new Call("pong", 0, some), 100);
    await peer.write(bytes(message("a") + "d000"));
    await turn();
    await short;
    await peer.write(bytes("40020009"));
    await clock.go(100);
    await driving;
    assertEquals([all, some, seen], [[0x30, 0xd0, 0x40], [0x30, 0xd0], ["a", "stray progress"]]);
  });
});
