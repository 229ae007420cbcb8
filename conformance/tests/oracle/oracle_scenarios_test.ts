/**
 * Every packet of every scenario, read by mqtt-packet: what clients are to send it must read whole and write again as the
 * same bytes; what brokers send it must read as we do, but for the differences that `oracle.ts` lists with the statement
 * that proves us right.
 */
import { assert, assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { Engine, v4 } from "@minimqtt/core";
import { generate } from "mqtt-packet";
import { fromHex, toHex } from "../../src/wire/bytes.ts";
import { type Scenario, scenarios } from "../../src/mod.ts";
import { assertSame, OPTIONS, read, received, statementOf, STRICTER } from "./oracle.ts";

/** The bytes of each connection, in hex, that the broker gets (`expect`) or sends. */
function streams({ steps }: Scenario, direction: "expect" | "send"): string[] {
  const all = [""];
  for (const step of steps) {
    if (step.step === "accept") all.push("");
    else if (step.step === direction) all.push(all.pop()! + step.bytes);
  }
  return all.filter((stream) => stream !== "");
}

/** Those that differ, each once. */
function allStreams(direction: "expect" | "send"): Set<string> {
  // Megabytes of zeros are measured elsewhere.
  return new Set(
    scenarios.flatMap((scenario) => streams(scenario, direction)).filter(({ length }) => length < 300_000),
  );
}

/** What mqtt-packet, which reads packets only, knows nothing of: what may come first, and how much is too much. */
const BEYOND_PACKETS = new Set(["MQTT-3.2.0-1", "MQTT-4.8.0-2"]);

describe("mqtt-packet agrees on the scenarios:", () => {
  it("what clients send it reads whole, and writes as the same bytes", () => {
    let packets = 0;
    for (const stream of allStreams("expect")) {
      const found = read(fromHex(stream));
      assertEquals(found.error, undefined, stream);
      assertEquals(found.packets.map((packet) => toHex(generate(packet))).join(""), stream);
      packets += found.packets.length;
    }
    assert(packets > 500, `${packets} packets`);
  });

  it("what brokers send it reads as we do, up to what we refuse for a reason", () => {
    const differences = new Set<string>();
    let packets = 0;
    for (const stream of allStreams("send")) {
      const engine = new Engine({ codec: v4 });
      engine.opened(OPTIONS, 10_000, 0);
      const bytes = fromHex(stream);
      const ours = received(bytes, engine);
      const statement = statementOf(ours);
      const end = ours.at(-1)?.type === "offline" ? ours.length - 1 : ours.length;
      const theirs = read(bytes, { whole: false });
      for (let i = 0; i < end; i++) assertSame(ours[i]!, theirs.packets[i]);
      packets += end;
      if (statement === undefined || (theirs.error !== undefined && theirs.packets.length === end)) continue;
      if (BEYOND_PACKETS.has(statement)) continue;
      assert(statement in STRICTER, `${statement}: ${stream}`);
      differences.add(statement);
    }
    assert(packets > 500, `${packets} packets`);
    assert(differences.size > 10, [...differences].join(", "));
  });

  it("every first byte with bodies of every kind is read as we do, or refused for a reason", () => {
    const bodies = [
      "",
      "00",
      "0001",
      "000161",
      "00016100",
      "0001610001",
      "0001000100",
      "000180",
      "0005617879",
    ];
    for (let first = 0; first < 256; first++) {
      for (const body of bodies) {
        const bytes = Uint8Array.of(first, body.length / 2, ...fromHex(body));
        const ours = received(bytes);
        const theirs = read(bytes, { whole: false });
        const statement = statementOf(ours);
        if (statement === undefined) assertSame(ours[0]!, theirs.packets[0]);
        else if (theirs.error === undefined) assert(statement in STRICTER, `${statement}: ${toHex(bytes)}`);
      }
    }
  });
});
