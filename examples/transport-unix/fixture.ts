/**
 * What the runner needs to test the transport: `--transport examples/transport-unix/fixture.ts`.
 *
 * @module
 */

import type { TransportFixture } from "@minimqtt/conformance/fixtures";
import { dialBare, listen, SOCKET_BUFFERS } from "@minimqtt/conformance/fixtures";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { unix } from "./unix.ts";

const folder = mkdtempSync(join(tmpdir(), "unix-"));
let count = 0;

export const fixture: TransportFixture = {
  transport: {
    ...unix(""),
    connect: (address, options) => unix(address.path ?? "").connect(address, options),
  },
  listen: () => listen(join(folder, `${count++}.sock`)),
  raw: dialBare,
  slack: SOCKET_BUFFERS,
  lacks: {
    reset: "a Unix domain socket is closed, never reset",
    unknown: "there are no host names",
    silent: "the system answers at once, or not at all",
  },
};
