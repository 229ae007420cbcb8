import { assertEquals, assertFalse, assertStrictEquals, assertThrows } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { type ConnectionError, Engine, UsageError, v4, v5 } from "@minimqtt/core";
import { bench, bytes, CONNECT, HandClock, hex, isSettled, turn } from "../../tests/support.ts";
import { Link } from "./link.ts";
import { memoryPair } from "../memory/memory.ts";

const PUBLISH = "3003000174";

describe("Link: reading", () => {
  it("wait() keeps the read that was pending, and its bytes for the next one", async () => {
    const { clock, engine, link, peer } = await bench();
    const waiting = link.wait(1000);
    await turn();
    await clock.go(1000);
    await waiting;
    link.rest();
    await peer.write(bytes(PUBLISH));
    assertEquals(engine.next()?.type, "message");
    const next = link.wait(2000);
    await peer.write(bytes(PUBLISH + PUBLISH));
    await next;
    assertEquals([engine.next()?.type, engine.next()?.type, engine.next()], ["message", "message", null]);
  });

  it("wait() with read false reads nothing more, and still wakes in time", async () => {
    const { clock, engine, link, peer } = await bench({ room: 0 });
    const waiting = link.wait(500, { read: false });
    const writing = peer.write(bytes(PUBLISH));
    assertFalse(await isSettled(writing));
    await clock.go(500);
    await waiting;
    assertEquals(engine.next(), null);
    await link.wait(1000);
    await writing;
    assertEquals(engine.next()?.type, "message");
  });

  it("wait() ends early for wake()", async () => {
    const { clock, link } = await bench();
    const woken = link.wait(Infinity);
    link.wake();
    await woken;
    assertEquals(clock.time, 0);
    link.wake();
  });

  it("wait() leaves one timer, for the earliest of all deadlines; rest() leaves none", async () => {
    const { clock, link } = await bench();
    const first = link.wait(5000);
    assertEquals(clock.armed, [5000]);
    link.wake();
    await first;
    // One that goes off too early is left: it only wakes.
    const second = link.wait(8000);
    assertEquals(clock.armed, [5000]);
    await clock.go(5000);
    await second;
    const third = link.wait(Infinity);
    assertEquals(clock.armed, [54_000]);
    link.wake();
    await third;
    link.rest();
    assertEquals(clock.armed, []);
  });

  it("wait() comes back at once when the answers that kept more from being pulled have left", async () => {
    const { clock, engine, link, peer, writes } = await bench();
    void link.wait(Infinity);
    const count = 20_000;
    await peer.write(bytes("62020001".repeat(count)));
    await turn();
    let pulled = 0;
    for (let rounds = 0; pulled < count && rounds < 100; rounds++) {
      while (engine.next() !== null) pulled++;
      const waiting = link.wait(Infinity);
      if (pulled === count) link.wake();
      if (!await isSettled(waiting)) break;
      await waiting;
    }
    assertEquals([pulled, clock.time], [count, 0]);
    assertEquals(writes.join("").length / 8, count);
  });

  it("the end and an error are told behind what came before them", async () => {
    const closing = await bench();
    await closing.peer.write(bytes(PUBLISH));
    await closing.peer.close();
    await closing.link.wait(1000);
    assertEquals([closing.engine.next()?.type, closing.engine.next(), closing.link.alive], [
      "message",
      null,
      true,
    ]);
    await closing.link.wait(1000);
    const event = closing.engine.next();
    assertEquals(event?.type === "offline" && event.error?.message, "Connection closed by broker");
    assertFalse(closing.link.alive);
    const failing = await bench();
    failing.peer.reset(new Error("cut"));
    await failing.link.wait(1000);
    const offline = failing.engine.next();
    assertEquals(offline?.type === "offline" && (offline.error as ConnectionError).code, "read-failed");
  });
});

describe("Link: writing", () => {
  it("kick() makes one write of all that is commanded in a turn", async () => {
    const { engine, link, writes } = await bench();
    for (const topic of ["a", "b", "c"]) {
      engine.publish(topic, "");
      link.kick();
    }
    assertEquals(writes, []);
    await turn();
    assertEquals(writes, ["3003000161" + "3003000162" + "3003000163"]);
  });

  it("kick() writes at once when there is enough for a write", async () => {
    const { engine, link, writes } = await bench();
    engine.publish("a", new Uint8Array(64 * 1024));
    link.kick();
    assertEquals(writes.length, 1);
    await turn();
    assertEquals(writes.length, 1);
  });

  it("kick() while a write is under way leaves the bytes for the next, as one batch", async () => {
    const { engine, link, peer, writes } = await bench({ room: 0 });
    for (const topic of ["a", "b", "c"]) {
      engine.publish(topic, "");
      link.kick();
      await turn();
    }
    assertEquals(writes, ["3003000161"]);
    await peer.read();
    await turn();
    assertEquals(writes, ["3003000161", "3003000162" + "3003000163"]);
  });

  it("room() resolves when the bytes that wait were handed over, drained() when they were written", async () => {
    const { engine, link, peer } = await bench({ room: 0 });
    engine.publish("a", "");
    const nothing = link.drained();
    assertFalse(await isSettled(nothing));
    engine.publish("b", "");
    const room = link.room();
    assertFalse(await isSettled(room));
    await peer.read();
    assertEquals([await isSettled(room), await isSettled(nothing)], [true, false]);
    await peer.read();
    assertEquals(await isSettled(nothing), true);
    await link.drained();
  });

  it("a write that fails waits a second for the last words, and then is what ended the connection", async () => {
    const { clock, engine, link, peer } = await bench();
    // The peer reads no more, but has not ended its own direction.
    const broken = new Error("broken pipe");
    const [near] = memoryPair();
    link.detach();
    engine.next();
    const clocked = new Link(engine, clock);
    const connection = {
      ...near,
      read: () => new Promise<null>(() => {}),
      write: () => Promise.reject(broken),
      close: () => Promise.resolve(),
    };
    clocked.attach(connection, CONNECT, 60_000);
    await turn();
    assertEquals([clocked.alive, clocked.failed], [false, true]);
    const waiting = clocked.wait(60_000);
    assertEquals(clock.armed, [1000]);
    await clock.go(1000);
    await waiting;
    const event = engine.next();
    assertEquals(event?.type === "offline" && (event.error as ConnectionError).code, "write-failed");
    assertStrictEquals(event?.type === "offline" && event.error?.cause, broken);
    // Nobody is kept waiting, and no timer goes off again and again.
    await clocked.room();
    await clocked.drained();
    const idle = clocked.wait(Infinity);
    assertEquals(clock.armed, []);
    clocked.wake();
    await idle;
    await peer.close();
  });
});

describe("Link: connections", () => {
  it("attach() sends CONNECT at once", async () => {
    const link = new Link(new Engine({ codec: v4 }), new HandClock());
    const [near, peer] = memoryPair();
    assertFalse(link.alive);
    link.attach(near, CONNECT, 1000);
    assertEquals([hex((await peer.read())!), link.alive], ["101200044d5154540402003c0006676f6c64656e", true]);
  });

  it("attach() throws what the engine throws, and leaves the connection to its caller", async () => {
    const link = new Link(new Engine({ codec: v4 }), new HandClock());
    const [near, peer] = memoryPair();
    assertThrows(() => link.attach(near, { ...CONNECT, keepAlive: -1 }, 1000), UsageError);
    assertFalse(link.alive);
    await near.write(Uint8Array.of(1));
    assertEquals(await peer.read(), Uint8Array.of(1));
  });

  it("detach() drops what was not written, closes, wakes who waits, and may be called again", async () => {
    const { clock, engine, link, peer, writes } = await bench();
    const waiting = link.wait(Infinity);
    const drained = (engine.publish("a", ""), link.room());
    await link.detach();
    await Promise.all([waiting, drained, link.detach(), link.room(), link.drained()]);
    await turn();
    assertEquals([writes, await peer.read(), clock.armed, link.alive], [[], null, [], false]);
    assertEquals(engine.next()?.type, "offline");
  });

  it("detach() still writes what the engine has to say behind offline, and then closes", async () => {
    const { clock, engine, link, peer, writes } = await bench({}, v5);
    await Promise.all([peer.write(bytes("3003000000")), link.wait(1000)]);
    assertEquals(engine.next()?.type, "offline");
    await link.detach();
    assertEquals(writes, ["e0028200"]);
    assertEquals([await peer.read(), await peer.read()], [bytes("e0028200"), null]);
    assertEquals([engine.pending, clock.armed], [0, []]);
  });

  it("detach() writes that behind a write under way, and not within a packet", async () => {
    for (const [size, last] of [[10, "e0028200"], [200_000, ""]] as const) {
      const { engine, link, peer, writes } = await bench({ room: 0 }, v5);
      engine.publish("t", new Uint8Array(size));
      link.kick();
      await turn();
      await Promise.all([peer.write(bytes("3003000000")), link.wait(1000)]);
      assertEquals(engine.next()?.type, "offline");
      const detached = link.detach();
      assertFalse(await isSettled(detached));
      assertEquals(writes.length, 1);
      await peer.read();
      if (last !== "") assertEquals(await peer.read(), bytes(last));
      await detached;
      assertEquals([writes.slice(1).join(), await peer.read()], [last, null]);
    }
  });

  it("detach() waits a second for a peer that does not take that", async () => {
    const { clock, engine, link, peer } = await bench({ room: 0 }, v5);
    await Promise.all([peer.write(bytes("3003000000")), link.wait(1000)]);
    assertEquals(engine.next()?.type, "offline");
    const detached = link.detach();
    assertFalse(await isSettled(detached));
    assertEquals(clock.armed, [1000]);
    await clock.go(1000);
    await detached;
  });

  it("what a connection let go of still says is not heard any more", async () => {
    const { engine, link, peer } = await bench();
    const waiting = link.wait(Infinity);
    await turn();
    await link.detach();
    await waiting;
    engine.next();
    const [near, next] = memoryPair();
    link.attach(near, CONNECT, 1000);
    await peer.write(bytes("30")).catch(() => {});
    await peer.close();
    await turn();
    assertEquals([link.alive, engine.state], [true, "connecting"]);
    await next.write(bytes("20020000"));
    await link.wait(1000);
    assertEquals(engine.next()?.type, "online");
  });
});
