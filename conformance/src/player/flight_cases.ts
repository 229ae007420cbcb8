/**
 * What no scenario can tell, on the bare engine: tens of thousands of messages, a send window, arrays that change later.
 *
 * @module
 */

import { Engine, v4 } from "@minimqtt/core";
import type { EngineEvent, EngineOptions, Message } from "@minimqtt/core";
import { fromHex, toHex } from "../wire/bytes.ts";
import type { Case } from "../case.ts";
import { ScenarioError } from "./play.ts";
import { publish, u16 } from "../wire/wire.ts";

/** The cases of this file. */
export const flightCases: readonly Case[] = [
  flightCase(
    "flight-identifiers-around",
    "identifiers go from 65535 to 1, and pass over those of a publish and a subscribe under way",
    ["MM-085", "v3 MQTT-2.3.1-1", "v3 MQTT-2.3.1-2"],
    (wire) => {
      const { engine } = wire.online();
      engine.publish("t", "held", 1);
      engine.subscribe([{ topic: "s", qos: 0 }]);
      wire.sent();
      let last = 2;
      for (let count = 0; count < 65_536; count++) {
        const id = engine.publish("t", "x", 1);
        wire.expect("the next identifier", `${last === 65_535 ? 3 : last + 1}`, `${id}`);
        last = id;
        wire.sent();
        wire.send(`4002${u16(id)}`);
      }
    },
  ),
  flightCase(
    "flight-window",
    "no more messages are under way than the send window allows, and each acknowledgement lets one more go",
    ["v3 MQTT-4.6.0-1"],
    (wire) => {
      const { engine } = wire.online();
      for (const name of ["1", "2", "3", "4", "5"]) engine.publish("t", name, name === "2" ? 2 : 1);
      const packet = (id: number) => publish("t", `${id}`, { qos: id === 2 ? 2 : 1, id });
      wire.expect("what leaves at first", packet(1) + packet(2), wire.sent());
      wire.send("40020001");
      wire.expect("what leaves behind PUBACK", packet(3), wire.sent());
      wire.send("50020002");
      wire.expect("what leaves behind PUBREC", "62020002", wire.sent());
      wire.send("70020002" + "40020003");
      wire.expect("what leaves behind PUBCOMP and PUBACK", packet(4) + packet(5), wire.sent());
    },
    { maxInflight: 2 },
  ),
  flightCase(
    "flight-offline",
    "what is published offline leaves on the next connection, in order, behind what is sent again",
    ["v3 MQTT-4.4.0-1", "v3 MQTT-4.6.0-1"],
    (wire) => {
      const { engine } = wire.online();
      engine.publish("t", "1", 1);
      wire.expect("the first", publish("t", "1", { qos: 1 }), wire.sent());
      wire.lose();
      for (const name of ["2", "3", "4"]) engine.publish("t", name, 1);
      wire.online("20020100");
      const fresh = [2, 3, 4].map((id) => publish("t", `${id}`, { qos: 1, id })).join("");
      wire.expect("all of them", publish("t", "1", { qos: 1, dup: true }) + fresh, wire.sent());
    },
  ),
  flightCase(
    "flight-offline-session-lost",
    "what is published offline leaves in order also where the broker has no session",
    ["v3 MQTT-4.6.0-1", "v3 MQTT-3.1.2-6"],
    (wire) => {
      const { engine } = wire.online();
      wire.lose();
      for (const name of ["1", "2", "3"]) engine.publish("t", name, 1);
      wire.online();
      const fresh = [1, 2, 3].map((id) => publish("t", `${id}`, { qos: 1, id })).join("");
      wire.expect("all of them", fresh, wire.sent());
    },
  ),
  flightCase(
    "flight-array-changes",
    "a message that is sent again has the bytes it was published with, whatever became of the array",
    ["MM-076", "v3 MQTT-4.4.0-1"],
    (wire) => {
      const { engine } = wire.online();
      const payload = Uint8Array.of(1, 2, 3);
      engine.publish("t", payload, 1);
      payload.fill(9);
      const bytes = Uint8Array.of(1, 2, 3);
      wire.expect("the first sending", publish("t", bytes, { qos: 1 }), wire.sent());
      wire.lose();
      wire.online("20020100");
      wire.expect("the second sending", publish("t", bytes, { qos: 1, dup: true }), wire.sent());
    },
  ),
  flightCase(
    "flight-request-of-an-earlier-connection",
    "an answer to a subscribe of an earlier connection is nothing that was waited for",
    ["MM-110"],
    (wire) => {
      const { engine } = wire.online();
      engine.subscribe([{ topic: "s", qos: 0 }]);
      wire.sent();
      wire.lose();
      wire.online("20020100");
      const [event] = wire.send("9003000100");
      wire.expect("the event", "progress, expected: false", `${event?.type}, expected: ${expectedOf(event)}`);
    },
  ),
  flightCase(
    "flight-acknowledged-in-order",
    "acknowledgements leave in the order of arrival, whatever the order in which the application is done",
    ["v3 MQTT-4.6.0-2", "v3 MQTT-4.6.0-3"],
    (wire) => {
      const { engine } = wire.online();
      const packets = [publish("a", "1", { qos: 1, id: 1 }), publish("a", "2", { qos: 2, id: 2 })];
      const events = wire.send(packets.join("") + publish("a", "3", { qos: 1, id: 3 }));
      const messages = events.filter((event): event is Message => event.type === "message");
      wire.expect("the messages", "3", `${messages.length}`);
      engine.acknowledge(messages[2]!);
      engine.acknowledge(messages[1]!);
      wire.expect("before the first is done", "", wire.sent());
      engine.acknowledge(messages[0]!);
      wire.expect("behind it", "40020001" + "50020002" + "40020003", wire.sent());
    },
  ),
];

/** The engine's other end. */
class EngineWire {
  readonly engine: Engine;
  #step = 0;

  constructor(options: Partial<EngineOptions>) {
    this.engine = new Engine({ codec: v4, ...options });
  }

  /** Connects for a session that stays; `connack` is the broker's answer. */
  online(connack = "20020000"): this {
    this.engine.opened({ clientId: "c", cleanSession: false, keepAlive: 0 }, Infinity, 0);
    this.sent();
    this.send(connack);
    this.expect("the state", "online", this.engine.state);
    return this;
  }

  /** The connection ends, and the engine has told so. */
  lose(): void {
    this.engine.closed(null);
    this.#pull();
    this.expect("the state", "offline", this.engine.state);
  }

  /** The broker sends; gives all events that come of it. */
  send(hex: string): EngineEvent[] {
    this.engine.receive(fromHex(hex), 0);
    return this.#pull();
  }

  /** All that the engine has sent since the last call, in hex. */
  sent(): string {
    let hex = "";
    for (let batch = this.engine.take(0); batch !== null; batch = this.engine.take(0)) {
      hex += toHex(batch);
      this.engine.give(batch, 0);
    }
    return hex;
  }

  expect(what: string, expected: string, got: string): void {
    this.#step++;
    if (got !== expected) throw new ScenarioError(this.#step, what, expected, got);
  }

  #pull(): EngineEvent[] {
    const events: EngineEvent[] = [];
    for (let event = this.engine.next(); event !== null; event = this.engine.next()) events.push(event);
    return events;
  }
}

function flightCase(
  id: string,
  name: string,
  covers: readonly string[],
  run: (wire: EngineWire) => void,
  options: Partial<EngineOptions> = {},
): Case {
  return {
    id: `engine:${id}`,
    area: "21 in flight",
    name,
    covers,
    depth: "engine",
    run() {
      run(new EngineWire(options));
      return Promise.resolve();
    },
  };
}

function expectedOf(event: EngineEvent | undefined): boolean | undefined {
  return event?.type === "progress" ? event.expected : undefined;
}
