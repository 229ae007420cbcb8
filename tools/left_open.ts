// What a process has open, as Linux tells it: the processes that it started and the addresses that it listens at. On
// other systems nothing is told, and nothing is missed: what the runtimes know by themselves is in tools/test_guard.ts.
import { readdirSync, readFileSync, readlinkSync } from "node:fs";

/** A process, as `/proc` shows it. */
interface Process {
  readonly id: number;
  readonly parent: number;
  readonly command: string;
}

/** The longest command line that is shown. */
const COMMAND = 100;
const LISTENING = "0A";
/** The flag of a Unix domain socket that accepts. */
const ACCEPTING = "00010000";

/**
 * The processes that a process has started, and those that these did. With a mark, a text of the environment that all of
 * them inherit, also those whose parent is gone.
 */
export function descendants(id: number, mark?: string): Process[] {
  const all = processes();
  const found = new Map<number, Process>();
  const children = (parent: number): void => {
    for (const one of all) {
      if (one.parent !== parent || found.has(one.id)) continue;
      found.set(one.id, one);
      children(one.id);
    }
  };
  children(id);
  if (mark === undefined) return [...found.values()];
  for (const one of all) {
    if (one.id === id || found.has(one.id) || !read(`/proc/${one.id}/environ`).includes(mark)) continue;
    found.set(one.id, one);
    children(one.id);
  }
  return [...found.values()];
}

/** In words, the processes and servers that a process has open. */
export function openOf(id: number, mark?: string): string[] {
  return [...descendants(id, mark).map(describe), ...servers(id).map((address) => `a server at ${address}`)];
}

/** A process, in words. */
export function describe({ id, command }: Process): string {
  const text = command.length > COMMAND ? `${command.slice(0, COMMAND)}...` : command;
  return `the process ${id} (${text})`;
}

/** All that run; one that has ended and was not asked how, is none. */
function processes(): Process[] {
  return list("/proc").filter((name) => /^\d+$/.test(name)).flatMap((name) => {
    // The name of the program, in parentheses, may have anything in it.
    const [, program = "", state = "X", parent] =
      /^\d+ \((.*)\) (\S) (\d+) /s.exec(read(`/proc/${name}/stat`)) ?? [];
    if (state === "Z" || state === "X") return [];
    const line = read(`/proc/${name}/cmdline`).replaceAll("\0", " ").trim();
    return [{ id: Number(name), parent: Number(parent), command: line || program }];
  });
}

/** The addresses where a process listens. */
function servers(id: number): string[] {
  const sockets = new Set(
    list(`/proc/${id}/fd`).flatMap((fd) =>
      /^socket:\[(\d+)\]$/.exec(link(`/proc/${id}/fd/${fd}`))?.[1] ?? []
    ),
  );
  const lines = (table: string) => read(`/proc/${id}/net/${table}`).split("\n").slice(1);
  const tcp = ["tcp", "tcp6"].flatMap((table) =>
    lines(table).flatMap((line) => {
      const [, local = "", , state = "", , , , , , inode = ""] = line.trim().split(/\s+/);
      return state === LISTENING && sockets.has(inode)
        ? [`port ${parseInt(local.slice(local.indexOf(":") + 1), 16)}`]
        : [];
    })
  );
  const unix = lines("unix").flatMap((line) => {
    const [, , , flags, , , inode = "", path] = line.trim().split(/\s+/);
    return flags === ACCEPTING && sockets.has(inode) && path !== undefined ? [path] : [];
  });
  return [...tcp, ...unix];
}

function read(file: string): string {
  return orElse("", () => readFileSync(file, "utf8"));
}

function link(file: string): string {
  return orElse("", () => readlinkSync(file));
}

function list(folder: string): string[] {
  return orElse([], () => readdirSync(folder));
}

/** Processes come and go while we look at them. */
function orElse<T>(otherwise: T, look: () => T): T {
  try {
    return look();
  } catch {
    return otherwise;
  }
}
