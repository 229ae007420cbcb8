/** Connections that end without being asked to. */
import {
  accept,
  area,
  at,
  call,
  callback,
  CONNECT,
  drop,
  expect,
  fails,
  named,
  online,
  returns,
  type Scenario,
  send,
  type Step,
  wait,
  when,
} from "../player/scenario.ts";
import { publish, subscribe } from "../wire/wire.ts";

const CLOSED = "Connection closed by broker";
const FAILED = "Unexpected error while waiting for messages";
const NOT_CONNECTED = "MiniMQTT is not connected";

const ENDS = [
  ["closes", "end", CLOSED, "closed"],
  ["resets", "reset", FAILED, "read-failed"],
] as const;

/** Calls that wait, and what they send. */
const CALLS: readonly (readonly [name: string, command: Step & { readonly step: "call" }, sent: string])[] = [
  ["publish-1", call("publish", "t", "x", false, 1), publish("t", "x", { qos: 1 })],
  ["publish-2", call("publish", "t", "x", false, 2), publish("t", "x", { qos: 2 })],
  ["subscribe", call("subscribe", "s"), subscribe(1, ["s", 0])],
  ["ping", call("ping"), "c000"],
];

/** A client that has a read pending, as after any call that waited. */
const listening: readonly Step[] = [...online, call("loop", 1), wait(1000), returns(null)];

export const loss17: Scenario[] = area("17 loss", [
  ...ENDS.flatMap(([verb, how, text, cause]) => [
    ...CALLS.map(([name, command, sent]) => ({
      id: `loss-${how}-during-${name}`,
      name:
        `${command.command}() rejects at once when the broker ${verb}, and onDisconnect is called once with 1`,
      covers: ["MM-178", "MM-185", "MM-189"].concat(how === "reset" ? ["MM-204"] : []),
      steps: [
        ...online,
        command,
        expect(sent),
        drop(how),
        fails("MMQTTException", text, { code: null, cause }),
        callback("onDisconnect", 1),
        call("isConnected"),
        returns(false),
        // The engine alone takes publishes for the next connection.
        ...at(["memory", "transport"], command, fails("MMQTTStateError", NOT_CONNECTED)),
      ],
    })),
    {
      id: `loss-${how}-of-all-calls`,
      name: `every call in progress rejects when the broker ${verb}, and onDisconnect is called once`,
      covers: ["MM-178", "MM-189", "MM-233"],
      steps: [
        ...online,
        ...CALLS.map(([name, command]) => named(name, command)),
        expect(
          publish("t", "x", { qos: 1 }) + publish("t", "x", { qos: 2, id: 2 }) + subscribe(3, ["s", 0]) +
            "c000",
        ),
        drop(how),
        ...CALLS.map(([of]) => fails("MMQTTException", text, { cause, of })),
        callback("onDisconnect", 1),
      ],
    },
    {
      id: `loss-${how}-between-calls`,
      name:
        `the next call rejects with the loss, the one behind it with the state, when the broker ${verb} between calls`,
      covers: ["MM-178", "MM-185"],
      only: ["memory"] as const,
      steps: [
        ...listening,
        drop(how),
        wait(0),
        call("isConnected"),
        returns(false),
        call("publish", "t", "x"),
        fails("MMQTTException", text, { cause }),
        callback("onDisconnect", 1),
        call("publish", "t", "x"),
        fails("MMQTTStateError", NOT_CONNECTED),
      ],
    },
    {
      id: `loss-${how}-in-a-packet`,
      name:
        `whole packets are delivered and the part of one is dropped when the broker ${verb} in its middle`,
      covers: ["MM-178", "MM-224"],
      // Over a socket a reset may overtake what was sent before it.
      only: how === "end" ? ["engine", "memory", "transport"] as const : ["engine", "memory"] as const,
      steps: [
        ...online,
        call("ping"),
        expect("c000"),
        send(publish("a", "1") + publish("a", "2").slice(0, 8)),
        callback("onMessage", "a", "1"),
        drop(how),
        fails("MMQTTException", text, { cause }),
        callback("onDisconnect", 1),
      ],
    },
  ]),
  {
    id: "loss-behind-messages",
    name: "messages that lay in the socket before the end are delivered, then the loss is told",
    covers: ["MM-178", "MM-224"],
    steps: [
      ...online,
      call("ping"),
      expect("c000"),
      send(publish("a", "1") + publish("a", "2")),
      drop(),
      callback("onMessage", "a", "1"),
      callback("onMessage", "a", "2"),
      fails("MMQTTException", CLOSED),
      callback("onDisconnect", 1),
    ],
  },
  {
    id: "loss-inside-a-callback",
    name:
      "a call inside a callback rejects with the loss; what came before it is delivered, then the outer call rejects",
    covers: ["MM-130", "MM-135", "MM-178"],
    only: ["memory", "transport"],
    steps: [
      ...online,
      when("onMessage", { command: "publish", args: ["t", "x", false, 1] }),
      call("ping"),
      expect("c000"),
      send(publish("a", "1")),
      callback("onMessage", "a", "1"),
      expect(publish("t", "x", { qos: 1 })),
      send(publish("a", "2")),
      drop(),
      // The callback's own error comes first.
      fails("MMQTTException", CLOSED),
      call("ping"),
      fails("MMQTTException", CLOSED),
      callback("onMessage", "a", "2"),
      callback("onDisconnect", 1),
      call("ping"),
      fails("MMQTTStateError", NOT_CONNECTED),
    ],
  },
  ...(["connect", "reconnect"] as const).map((command) => ({
    id: `loss-before-${command}`,
    name: `${command}() after a loss that no call has met tells onDisconnect first`,
    covers: ["MM-154", "MM-178"],
    only: ["memory"] as const,
    steps: [
      ...listening,
      callback("onConnect", 0, 0),
      drop(),
      wait(0),
      call(command),
      callback("onDisconnect", 1),
      accept,
      expect(CONNECT),
      send("20020000"),
      callback("onConnect", 0, 0),
      returns(0),
    ],
  })),
  {
    id: "loss-then-reconnect-inside",
    name: "reconnect() inside onDisconnect works, and the call that met the loss still rejects",
    covers: ["MM-154", "MM-178"],
    steps: [
      ...online,
      call("subscribe", "s"),
      expect(subscribe(1, ["s", 0])),
      send("9003000100"),
      returns([0]),
      when("onDisconnect", { command: "reconnect", args: [] }),
      call("ping"),
      expect("c000"),
      drop(),
      callback("onDisconnect", 1),
      accept,
      expect(CONNECT),
      send("20020000"),
      expect(subscribe(2, ["s", 0])),
      send("9003000200"),
      fails("MMQTTException", CLOSED),
      call("isConnected"),
      returns(true),
    ],
  },
  {
    id: "loss-met-by-publish",
    name:
      "publish() with QoS 0 to a broker that has gone rejects as MMQTTException in the end, and never otherwise",
    covers: ["MM-186"],
    only: ["memory"],
    steps: [
      ...listening,
      drop(),
      wait(0),
      call("publish", "t", "x"),
      fails("MMQTTException", CLOSED, { cause: "closed" }),
      callback("onDisconnect", 1),
    ],
  },
]);
