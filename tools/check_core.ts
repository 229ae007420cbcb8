// A plugin of `deno lint` with the rule that keeps packages/core pure: it imports nothing from outside itself, and
// names no clock, no timer, no randomness and nothing of any runtime. Run by `npm run check -- core`; the types
// (tsconfig/core.json) forbid most of the same, but not what the language itself has, such as Date.
import { dirname, resolve, sep } from "node:path";
import { fileURLToPath } from "node:url";

interface Node {
  readonly type: string;
  readonly parent: Node;
  readonly name?: string;
  readonly value?: unknown;
  readonly computed?: boolean;
  readonly key?: Node;
  readonly property?: Node;
  readonly object?: Node;
  readonly right?: Node;
  readonly source?: Node | null;
  readonly shorthand?: boolean;
}
interface Context {
  readonly filename: string;
  report(problem: { node: Node; message: string }): void;
}
type Visitor = Record<string, (node: Node) => void>;

const core = fileURLToPath(new URL("../packages/core/src/", import.meta.url));
const forbidden = new Set([
  ...["Date", "performance", "Temporal", "setTimeout", "setInterval", "setImmediate", "queueMicrotask"],
  ...["console", "crypto", "fetch", "Deno", "Bun", "process", "Buffer", "require"],
  ...["globalThis", "eval", "Function"],
]);

const plugin: { name: string; rules: Record<string, { create(context: Context): Visitor }> } = {
  name: "minimqtt",
  rules: { "pure-core": { create } },
};
export default plugin;

function create(context: Context): Visitor {
  if (context.filename.endsWith("_test.ts")) return {};
  const checkSource = (node: Node): void => {
    const source = node.source;
    if (source === null || source === undefined) return;
    // A path that is no constant cannot be told.
    const path = typeof source.value === "string" ? source.value : "";
    const target = resolve(dirname(context.filename), path);
    if (!/^\.\.?\//.test(path) || !(target + sep).startsWith(core)) {
      context.report({ node, message: `the core imports ${path || "something"} from outside itself` });
    }
  };
  return {
    Identifier(node) {
      if (forbidden.has(node.name ?? "") && isName(node)) {
        context.report({ node, message: `the core must not know ${node.name}` });
      }
    },
    MemberExpression(node) {
      const { object, property } = node;
      const name = node.computed ? property?.value : property?.name;
      if (object?.name === "Math" && name === "random") {
        context.report({ node, message: "the core must not know Math.random" });
      }
    },
    ImportDeclaration: checkSource,
    ExportNamedDeclaration: checkSource,
    ExportAllDeclaration: checkSource,
    ImportExpression: checkSource,
    TSImportType(node) {
      context.report({ node, message: "the core imports types by declarations only" });
    },
    MetaProperty(node) {
      context.report({ node, message: "the core must not know import.meta" });
    },
  };
}

/** Whether an identifier names a variable or a type, and not a member: `x.fetch`, `{ fetch: 1 }`, `fetch() {}`. */
function isName(node: Node): boolean {
  const { parent } = node;
  if (parent.computed) return true;
  if (parent.type === "MemberExpression") return parent.property !== node;
  if (parent.type === "TSQualifiedName") return parent.right !== node;
  // A property `{ fetch }` names the variable as well.
  return parent.key !== node || parent.shorthand === true;
}
