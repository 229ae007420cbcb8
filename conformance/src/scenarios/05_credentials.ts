/** User name and password. */
import {
  area,
  call,
  connects,
  disconnects,
  drop,
  expect,
  fails,
  online,
  type Scenario,
} from "../player/scenario.ts";
import { connect, field } from "../wire/wire.ts";

const USER = field("user"), PASS = field("pass");
const CASES: readonly (readonly [
  id: string,
  name: string,
  covers: readonly string[],
  args: readonly unknown[],
  flags: number,
  fields: string,
])[] = [
  ["both", "both", ["MM-060", "v3 MQTT-3.1.2-19", "v3 MQTT-3.1.2-21"], ["user", "pass"], 0xc2, USER + PASS],
  ["empty", "empty ones as empty fields", ["MM-061"], ["", ""], 0xc2, "00000000"],
  ["empty-password", "an empty password", ["MM-061"], ["user", ""], 0xc2, `${USER}0000`],
  ["empty-user", "an empty user name alone", ["MM-061", "MM-062"], [""], 0x82, "0000"],
  [
    "user-only",
    "a user name alone, without password flag and field",
    ["MM-062", "v3 MQTT-3.1.2-20", "v3 MQTT-3.1.2-22"],
    ["user"],
    0x82,
    USER,
  ],
  ["bytes", "a password of bytes", ["MM-060"], ["user", Uint8Array.of(0, 255)], 0xc2, `${USER}000200ff`],
  [
    "text",
    "text by its bytes",
    ["MM-066", "v3 MQTT-3.1.3-11"],
    ["é€😀", "\ufeff"],
    0xc2,
    `${field("é€😀")}0003efbbbf`,
  ],
  [
    "longest",
    "the longest there may be",
    ["MM-006", "MM-007"],
    ["u".repeat(65_535), "€".repeat(21_845)],
    0xc2,
    field("u".repeat(65_535)) + field("€".repeat(21_845)),
  ],
];

export const credentials05: Scenario[] = area("05 credentials", [
  ...CASES.flatMap(([id, name, covers, args, flags, fields]) => [
    {
      id: `credentials-set-${id}`,
      name: `usernamePwSet() sends ${name}`,
      covers,
      steps: [call("usernamePwSet", ...args), ...connects(connect(flags, fields))],
    },
    {
      id: `credentials-given-${id}`,
      name: `new MQTT() sends ${name}`,
      covers,
      options: {
        username: args[0] as string,
        ...(args.length > 1 && { password: args[1] as string | Uint8Array }),
      },
      steps: connects(connect(flags, fields)),
    },
  ]),
  {
    id: "credentials-password-alone",
    name: "a password without a user name is refused, also an empty one",
    covers: ["MM-063", "v3 MQTT-3.1.2-22"],
    only: ["memory"],
    steps: [
      ...["pass", "", new Uint8Array(0)].flatMap((password) =>
        [undefined, null].flatMap((username) => [
          call("new", { username, password }),
          fails("UsageError", "Password requires a username", { code: "invalid-argument" }),
        ])
      ),
      call("new", {}),
      call("usernamePwSet", null, "pass"),
      fails("UsageError", "Password requires a username", { code: "invalid-argument" }),
      ...online,
    ],
  },
  {
    id: "credentials-too-long",
    name: "a user name and a password over 65535 bytes are refused, by new MQTT() and usernamePwSet()",
    covers: ["MM-006", "MM-007"],
    only: ["memory"],
    steps: [
      call("new", { username: "user", password: "x".repeat(65_536) }),
      fails("UsageError", "Password length is too large."),
      call("new", { username: "€".repeat(21_846) }),
      fails("UsageError", "Username length is too large."),
      call("new", {}),
      call("usernamePwSet", "user", new Uint8Array(65_536)),
      fails("UsageError", "Password length is too large."),
      call("usernamePwSet", "x".repeat(65_536), "pass"),
      fails("UsageError", "Username length is too large."),
      ...online,
    ],
  },
  {
    id: "credentials-no-password",
    name: "a password that CONNECT cannot carry is refused",
    covers: ["MM-078", "MM-006"],
    only: ["memory"],
    steps: ["\ud800", 5, {}, [1], true].flatMap((password) => [
      call("usernamePwSet", "user", password),
      fails("UsageError"),
    ]),
  },
  {
    id: "credentials-after-loss",
    name: "usernamePwSet() is allowed once a loss was noticed",
    covers: ["MM-064"],
    steps: [
      ...online,
      call("ping"),
      expect("c000"),
      drop(),
      fails("MMQTTException", "Connection closed by broker"),
      call("usernamePwSet", "user", "pass"),
      ...connects(connect(0xc2, USER + PASS)),
    ],
  },
  {
    id: "credentials-refused-stay",
    name: "usernamePwSet() that refuses leaves everything as it was",
    covers: ["MM-065"],
    only: ["memory"],
    options: { username: "user", password: "pass" },
    steps: [
      call("usernamePwSet", null, "other"),
      fails("UsageError"),
      ...connects(connect(0xc2, USER + PASS)),
    ],
  },
  {
    id: "credentials-no-text",
    name: "U+0000 and lone surrogates in a user name are refused",
    covers: ["v3 MQTT-1.5.3-1", "v3 MQTT-1.5.3-2", "v3 MQTT-3.1.3-11"],
    only: ["memory"],
    steps: ["a\0", "\ud800"].flatMap((username) => [
      call("usernamePwSet", username),
      fails("UsageError", undefined, { code: "invalid-argument" }),
    ]),
  },
  {
    id: "credentials-while-connected",
    name: "usernamePwSet() is refused while connected",
    covers: ["MM-064"],
    only: ["memory", "transport"],
    steps: [
      ...online,
      call("usernamePwSet", "user", "pass"),
      fails("MMQTTStateError", "This method must be called before connect()."),
    ],
  },
  {
    id: "credentials-cleared",
    name: "usernamePwSet() without a password clears it, without anything clears both",
    covers: ["MM-065"],
    options: { username: "user", password: "pass" },
    steps: [
      ...connects(connect(0xc2, USER + PASS)),
      ...disconnects,
      call("usernamePwSet", "user"),
      ...connects(connect(0x82, USER)),
      ...disconnects,
      call("usernamePwSet"),
      ...connects(connect(0x02)),
    ],
  },
  {
    id: "credentials-by-url",
    name: "new MQTT() takes user name and password from the broker's URL",
    covers: ["MM-227"],
    only: ["memory"],
    steps: [
      call("new", { broker: "mqtt://%C3%A9:%2F%40@h" }),
      ...connects(connect(0xc2, `${field("é")}${field("/@")}`)),
      ...disconnects,
      call("new", { broker: "mqtt://user@h" }),
      ...connects(connect(0x82, USER)),
      ...disconnects,
      call("new", { broker: "mqtt://other:secret@h", username: "user", password: "pass" }),
      ...connects(connect(0xc2, USER + PASS)),
    ],
  },
]);
