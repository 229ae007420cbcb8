/** Sessions that outlive their connections. */
import {
  accept,
  area,
  call,
  callback,
  drop,
  expect,
  fails,
  named,
  returns,
  type Scenario,
  send,
  type Step,
} from "../player/scenario.ts";
import { publish } from "../wire/wire.ts";

const CLOSED = "Connection closed by broker";
const KEEPING = "101200044d5154540400003c0006676f6c64656e";

/** The client connects for its session; the broker says whether it has it. */
const connects = (present: boolean, clean = false): readonly Step[] => [
  call("connect", clean),
  accept,
  expect(clean ? "101200044d5154540402003c0006676f6c64656e" : KEEPING),
  send(present ? "20020100" : "20020000"),
  returns(present ? 1 : 0),
];

/** Publishes with QoS 1, 2 and 2 are under way, the last one released, and the connection is lost. */
const interrupted: readonly Step[] = [
  ...connects(false),
  named("0", call("publish", "t0", "0", false, 1)),
  named("1", call("publish", "t1", "1", true, 2)),
  named("2", call("publish", "t2", "2", false, 2)),
  expect(
    publish("t0", "0", { qos: 1, id: 1 }) + publish("t1", "1", { qos: 2, id: 2, retain: true }) +
      publish("t2", "2", { qos: 2, id: 3 }),
  ),
  send("50020003"),
  expect("62020003"),
  drop(),
  ...["0", "1", "2"].map((of) => fails("MMQTTException", CLOSED, { of })),
];

/** What is sent again. */
const AGAIN = publish("t0", "0", { qos: 1, id: 1, dup: true }) +
  publish("t1", "1", { qos: 2, id: 2, retain: true, dup: true }) + "62020003";

const ping = (...steps: readonly Step[]): readonly Step[] => [call("ping"), expect("c000"), ...steps];
const lost = ping(drop(), fails("MMQTTException", CLOSED));

export const session19: Scenario[] = area("19 session", [
  {
    id: "session-resumed",
    name:
      "what was under way is sent again in order, as duplicate and under its identifiers, and PUBREL for what was released",
    covers: [
      "MM-225",
      "v3 MQTT-2.3.1-3",
      "v3 MQTT-3.1.2-4",
      "v3 MQTT-3.3.1-1",
      "v3 MQTT-4.1.0-1",
      "v3 MQTT-4.4.0-1",
      "v3 MQTT-4.6.0-1",
    ],
    steps: [
      ...interrupted,
      ...connects(true),
      expect(AGAIN),
      ...ping(
        send("40020001" + "50020002" + "70020003"),
        expect("62020002"),
        send("70020002" + "d000"),
        returns([0x40, 0x50, 0x70, 0x70, 0xd0]),
      ),
    ],
  },
  {
    id: "session-resumed-again",
    name: "it is sent again as often as connections break, until it is acknowledged",
    covers: ["MM-225", "v3 MQTT-4.4.0-1"],
    steps: [
      ...interrupted,
      ...[1, 2, 3].flatMap(() => [...connects(true), expect(AGAIN), ...lost]),
    ],
  },
  ...[false, true].map((clean) => ({
    id: `session-dropped-${clean ? "by-the-client" : "by-the-broker"}`,
    name: `nothing is sent again where ${
      clean ? "the client asks for a clean session" : "the broker has no session"
    }, and identifiers are free`,
    covers: ["MM-225", "v3 MQTT-3.1.2-6", "v3 MQTT-4.1.0-2"],
    steps: [
      ...interrupted,
      ...connects(false, clean),
      ...ping(send("d000"), returns([0xd0])),
      call("publish", "n", "x", false, 1),
      expect(publish("n", "x", { qos: 1, id: 4 })),
      send("40020004"),
      returns(),
    ],
  })),
  {
    id: "session-queued-behind",
    name: "what the engine takes without a connection leaves behind CONNACK, and behind what is sent again",
    covers: ["MM-225", "v3 MQTT-4.6.0-1"],
    only: ["engine"],
    steps: [
      named("0", call("publish", "q", "0", false, 1)),
      ...connects(false).slice(0, -1),
      expect(publish("q", "0", { qos: 1, id: 1 })),
      drop(),
      fails("MMQTTException", CLOSED, { of: "0" }),
      named("1", call("publish", "q", "1", false, 2)),
      named("2", call("publish", "q", "2", false, 1)),
      ...connects(true).slice(0, -1),
      expect(
        publish("q", "0", { qos: 1, id: 1, dup: true }) + publish("q", "1", { qos: 2, id: 2 }) +
          publish("q", "2", { qos: 1, id: 3 }),
      ),
      send("40020003" + "50020002"),
      expect("62020002"),
      send("70020002" + "40020001"),
      returns(undefined, "1"),
      returns(undefined, "2"),
    ],
  },
  {
    id: "session-without-qos-0",
    name: "a publish with QoS 0 is never sent again",
    covers: ["MM-225", "v3 MQTT-4.3.1-1"],
    steps: [
      ...connects(false),
      call("publish", "t", "x"),
      expect(publish("t", "x")),
      ...lost,
      ...connects(true),
      ...ping(send("d000"), returns([0xd0])),
    ],
  },
  {
    id: "session-qos-2-not-twice",
    name: "a QoS 2 message that was delivered is not delivered again on the next connection",
    covers: ["MM-133", "MM-225", "v3 MQTT-4.3.3-2", "v3 MQTT-4.1.0-1"],
    steps: [
      ...connects(false),
      ...ping(
        send(publish("a", "x", { qos: 2, id: 7 })),
        callback("onMessage", "a", "x"),
        expect("50020007"),
        drop(),
        fails("MMQTTException", CLOSED),
      ),
      ...connects(true),
      ...ping(
        send(publish("a", "x", { qos: 2, id: 7, dup: true })),
        expect("50020007"),
        send("62020007"),
        expect("70020007"),
        send("d000"),
        returns([0x30, 0x60, 0xd0]),
      ),
    ],
  },
  {
    id: "session-qos-2-new-when-clean",
    name: "with a clean session the identifiers of held QoS 2 messages are forgotten",
    covers: ["MM-133", "v3 MQTT-3.1.2-6"],
    steps: [
      ...connects(false),
      ...ping(
        send(publish("a", "old", { qos: 2, id: 7 })),
        callback("onMessage", "a", "old"),
        expect("50020007"),
        drop(),
        fails("MMQTTException", CLOSED),
      ),
      ...connects(false, true),
      ...ping(
        send(publish("a", "new", { qos: 2, id: 7 })),
        callback("onMessage", "a", "new"),
        expect("50020007"),
        send("d000"),
        returns([0x30, 0xd0]),
      ),
    ],
  },
  {
    id: "session-qos-1-twice",
    name: "a QoS 1 message that comes again on the next connection is delivered again",
    covers: ["MM-131", "v3 MQTT-4.3.2-2"],
    steps: [
      ...connects(false),
      ...ping(
        send(publish("a", "x", { qos: 1, id: 7 })),
        callback("onMessage", "a", "x", { duplicate: false }),
        expect("40020007"),
        drop(),
        fails("MMQTTException", CLOSED),
      ),
      ...connects(true),
      ...ping(
        send(publish("a", "x", { qos: 1, id: 7, dup: true })),
        callback("onMessage", "a", "x", { duplicate: true }),
        expect("40020007"),
        send("d000"),
        returns([0x30, 0xd0]),
      ),
    ],
  },
]);
