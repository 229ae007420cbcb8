/**
 * A Linux board without one: the fake libc, compiled against the kernel's headers, and an emulated module behind it in
 * a process of its own (calls into the library block this one).
 *
 * @module
 */

import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { has } from "../../../../tools/system.ts";

/** Why these tests cannot run here, or undefined. */
export const unable: string | undefined = process.platform !== "linux"
  ? "only Linux has spidev"
  : !has("gcc")
  ? "needs gcc"
  : !existsSync("/usr/include/linux/gpio.h")
  ? "needs the kernel's headers"
  : undefined;

/** What stands in for libc, and how it ends. */
export interface FakeBoard {
  /** The library's path. */
  readonly library: string;
  /** Where the module is served. */
  readonly path: string;
  /** Ends the module's process and removes the library. */
  close(): Promise<void>;
}

/** Compiles the library and starts the module. */
export async function fakeBoard(): Promise<FakeBoard> {
  const folder = mkdtempSync(join(tmpdir(), "esp32spi-"));
  const [library, path] = [join(folder, "libfake.so"), join(folder, "bus")];
  const source = fileURLToPath(new URL("fake_libc.c", import.meta.url));
  const flags = ["-Wall", "-Wextra", "-Werror", "-O1", "-shared", "-fPIC", `-DBUS_PATH="${path}"`];
  execFileSync("gcc", [...flags, "-o", library, source, "-lpthread"], {
    stdio: ["ignore", "ignore", "inherit"],
  });
  const program = fileURLToPath(new URL("serve.ts", import.meta.url));
  const run = "Deno" in globalThis ? ["run", "-A", "--no-check"] : [];
  const server = spawn(process.execPath, [...run, program, path], { stdio: ["pipe", "pipe", "inherit"] });
  await once(server.stdout, "data");
  return {
    library,
    path,
    async close() {
      server.stdin.end();
      if (server.exitCode === null) await once(server, "exit");
      rmSync(folder, { recursive: true });
    },
  };
}
