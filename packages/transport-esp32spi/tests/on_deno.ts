/**
 * A Deno of its own, with exactly the permissions that a test gives it.
 *
 * @module
 */

import { fileURLToPath } from "node:url";

/** Why such tests cannot run here, or undefined. */
export const notDeno: string | undefined = "Deno" in globalThis ? undefined : "only Deno has permissions";

/** The part of Deno's global that is used. Its `node:child_process` gives a Deno that it starts all permissions. */
interface Runtime {
  readonly Deno: {
    execPath(): string;
    readonly Command: new (program: string, options: { args: readonly string[] }) => {
      output(): Promise<{ stdout: Uint8Array; stderr: Uint8Array }>;
    };
  };
}

/** Runs a program of the folder `tests` with these permissions and arguments; gives what it prints. */
export async function runOnDeno(
  permissions: readonly string[],
  program: string,
  ...rest: string[]
): Promise<string> {
  const { Deno } = globalThis as unknown as Runtime;
  const path = fileURLToPath(new URL(program, import.meta.url));
  const args = ["run", "--no-prompt", "--no-check", ...permissions, path, ...rest];
  const { stdout, stderr } = await new Deno.Command(Deno.execPath(), { args }).output();
  const decoder = new TextDecoder();
  return (decoder.decode(stdout) + decoder.decode(stderr)).trim();
}
