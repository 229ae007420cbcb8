/**
 * A server of `openssl s_server`: one connection, whose bytes it prints, and which it can be told to treat oddly.
 */
import { spawn } from "node:child_process";
import { atExit } from "../../src/peers/at_exit.ts";
import type { Certified } from "../../src/peers/certificates.ts";

/** A server that runs. */
export interface OpensslServer extends AsyncDisposable {
  readonly port: number;
  /** Sends a line to the peer. */
  say(line: string): void;
  /**
   * Gives a command: `k` and `K` for new keys, one way and both, `r` for a handshake anew. A line that is said too soon
   * behind it is part of it, and lost.
   */
  command(letter: "k" | "K" | "r"): void;
  /** Resolves when this has been printed, behind what was waited for before: what the peer sent, or about it. */
  prints(text: string): Promise<void>;
}

/** Starts it on a free port of the loopback interface. */
export async function startOpenssl(
  { certFile, keyFile }: Certified,
  ...options: string[]
): Promise<OpensslServer> {
  const args = ["s_server", "-accept", "127.0.0.1:0", "-cert", certFile, "-key", keyFile, ...options];
  const child = spawn("openssl", args, { stdio: ["pipe", "pipe", "pipe"] });
  // Whose input has ended does not wait for more, it asks without a pause.
  atExit(() => child.kill("SIGKILL"));
  let printed = "";
  let seen = 0;
  let wake = () => {};
  for (const pipe of [child.stdout, child.stderr]) {
    pipe.on("data", (text) => {
      printed += String(text);
      wake();
    });
  }
  const ended = new Promise((resolve) => child.once("close", resolve));
  const prints = async (text: string): Promise<void> => {
    const late = setTimeout(() => child.kill(), 20_000);
    while (!printed.includes(text, seen)) {
      const gone = await Promise.race([new Promise<false>((resolve) => wake = () => resolve(false)), ended]);
      if (gone !== false && !printed.includes(text, seen)) {
        throw new Error(`openssl did not print ${text}:\n${printed}`);
      }
    }
    seen = printed.indexOf(text, seen) + text.length;
    clearTimeout(late);
  };
  await prints("ACCEPT");
  while (!/ACCEPT .*:\d+\n/.test(printed)) await new Promise<void>((resolve) => wake = resolve);
  return {
    port: Number(/ACCEPT .*:(\d+)\n/.exec(printed)?.[1]),
    say: (line) => child.stdin.write(`${line}\n`),
    command: (letter) => child.stdin.write(`${letter}\n`),
    prints,
    async [Symbol.asyncDispose]() {
      child.kill();
      await ended;
    },
  };
}
