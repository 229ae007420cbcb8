/// <reference lib="dom" />
/**
 * The right side: what the address names. `in/deno/tcp/01 connect` is a cell of the grid, `case/ID` a case wherever it
 * ran, `about/MM-085` an entry of the inventory.
 *
 * @module
 */

import { type Content, h, link } from "./dom.ts";
import { count, type Model, type Shown, verdict } from "./model.ts";

/** Makes it; a word on how to begin where nothing is named. */
export function detail(model: Model, place: string): HTMLElement {
  const [kind = "", ...rest] = place.split("/");
  const name = rest.join("/");
  if (kind === "in") return cellDetail(model, name);
  if (kind === "case") return caseDetail(model, name);
  if (kind === "about") return entryDetail(model, name);
  return start(model);
}

function start(model: Model): HTMLElement {
  const failed = [...model.byCase.values()].map((shown) =>
    shown.filter(({ result }) => result.outcome === "failed")
  ).filter((shown) => shown.length > 0);
  if (failed.length > 0) {
    const items = failed.map((shown) =>
      item(shown[0]!, [...new Set(shown.map(({ run }) => `${run.runtime} ${run.transport}`))].join(", "))
    );
    return h("article", {}, h("h2", {}, "What failed"), h("ul.cases", {}, ...items));
  }
  return h(
    "article.start",
    {},
    h("h2", {}, "Nothing failed"),
    h("p", {}, "Choose a number in the grid to see its cases, or a square to see what shows it."),
  );
}

function cellDetail({ cells }: Model, name: string): HTMLElement {
  const shown = cells.get(name) ?? [];
  const [runtime = "", transport = "", ...area] = name.split("/");
  const { passed, failed, skipped } = count(shown);
  return h(
    "article",
    {},
    h("p.crumbs", {}, runtime, " / ", transport),
    h("h2", {}, area.join("/")),
    h("p.sum", {}, `${passed} passed, ${failed} failed, ${skipped} skipped`),
    caseList(shown),
  );
}

function caseList(shown: readonly Shown[]): HTMLElement {
  const order = { failed: 0, passed: 1, skipped: 2 };
  const sorted = [...shown].sort((a, b) => order[a.result.outcome] - order[b.result.outcome]);
  return h("ul.cases", {}, ...sorted.map((one) => item(one, one.case.id)));
}

/** A case in a list, with a note below its name. */
function item({ case: one, result }: Shown, note: string): HTMLElement {
  return h(
    "li",
    {},
    link(
      `case/${one.id}`,
      "a.case",
      "",
      h(`i.dot.${result.outcome}`),
      h("span.name", {}, one.name),
      h("code", {}, note),
    ),
    result.reason ? h("p.reason", {}, result.reason) : null,
    result.failure ? h("pre.message", {}, result.failure.message) : null,
  );
}

function caseDetail(model: Model, id: string): HTMLElement {
  const shown = model.byCase.get(id) ?? [];
  const first = shown[0];
  if (!first) return h("article", {}, h("h2", {}, "No such case"), h("p", {}, id));
  const failures = shown.filter(({ result }) => result.failure);
  // A story that failed is told as it failed; else as the depth nearest to a real network tells it.
  const told = failures[0] ?? shown.find(({ case: one }) => one.depth === "transport") ?? first;
  return h(
    "article",
    {},
    h("p.crumbs", {}, first.case.area, " / ", h("code", {}, id)),
    h("h2", {}, first.case.name),
    ...shownBy(model, first.case.covers),
    h("h3", {}, "Where it ran"),
    places(model, shown),
    ...failures.length > 0 ? [h("h3", {}, "What went wrong"), ...failures.slice(0, 6).map(failure)] : [],
    ...script(told),
  );
}

/** What a case covers, with the words of the inventory. */
function shownBy({ entries }: Model, covers: readonly string[]): Content[] {
  if (covers.length === 0) return [];
  return [h(
    "ul.covers",
    {},
    ...covers.map((id) => {
      const entry = entries.get(id);
      const mark = entry ? link(`about/${id}`, "a.id", "", id) : h("span.id", {}, id);
      return h("li", {}, mark, " ", entry?.summary ?? "");
    }),
  )];
}

/** A small grid of where cases ran. */
function places(model: Model, shown: readonly Shown[]): HTMLElement {
  const transports = model.transports.filter((name) => shown.some(({ run }) => run.transport === name));
  const runtimes = model.runtimes.filter(({ name }) => shown.some(({ run }) => run.runtime === name));
  return h(
    "table.places",
    {},
    h("tr", {}, h("th", {}), ...transports.map((name) => h("th", {}, name))),
    ...runtimes.map(({ name }) =>
      h(
        "tr",
        {},
        h("th", {}, name),
        ...transports.map((transport) => {
          const here = shown.filter(({ run }) => run.runtime === name && run.transport === transport);
          const kind = verdict(count(here));
          const time = here.reduce((sum, { result }) => sum + result.milliseconds, 0);
          const reasons = here.flatMap(({ result }) => result.reason ?? []).join("; ");
          return h(
            "td",
            { title: reasons || `${here.length} in ${time} ms` },
            kind === "none"
              ? ""
              : [h(`i.dot.${kind}`), here.length > 1 ? h("small", {}, ` ${here.length}`) : null],
          );
        }),
      )
    ),
  );
}

function failure({ run, result }: Shown): HTMLElement {
  const { message = "", step, expected, got } = result.failure ?? {};
  return h(
    "div.failure",
    {},
    h("p.crumbs", {}, run.runtime, " / ", run.transport, step === undefined ? "" : ` / step ${step}`),
    expected === undefined || got === undefined ? h("pre.message", {}, message) : h(
      "dl.bytes",
      {},
      h("dt", {}, "expected"),
      bytes(expected, got),
      h("dt", {}, "got"),
      bytes(got, expected),
    ),
  );
}

/** Bytes in pairs of digits, or text, with what the other one does not have marked. */
function bytes(text: string, other: string): HTMLElement {
  const isHex = /^([0-9a-f]{2})+$/.test(text);
  const parts = isHex ? text.match(/../g) ?? [] : [...text];
  const others = isHex ? other.match(/../g) ?? [] : [...other];
  const marked = parts.slice(0, MOST_BYTES).map((part, index) =>
    part === others[index] ? h("span", {}, part) : h("mark", {}, part)
  );
  const more = parts.length > MOST_BYTES ? ` ... ${parts.length} in all` : "";
  return h(`dd${isHex ? ".hex" : ""}`, {}, ...(marked.length > 0 ? marked : ["nothing"]), more);
}

function script({ case: { script: steps }, result }: Shown): Content[] {
  if (steps === undefined) return [];
  // Where a failure does not say how far it came, nobody knows.
  const broken = result.failure ? result.failure.step ?? 0 : Infinity;
  return [
    h("h3", {}, "Step by step"),
    h(
      "ol.script",
      {},
      ...steps.map((text, index) => {
        const number = index + 1;
        const state = result.outcome === "skipped" || number > broken
          ? "idle"
          : number === broken
          ? "failed"
          : "passed";
        return h(
          `li.${state}`,
          {},
          stepText(text),
          number === broken && result.failure?.got !== undefined
            ? h("dl.bytes", {}, h("dt", {}, "got"), bytes(result.failure.got, result.failure.expected ?? ""))
            : null,
        );
      }),
    ),
  ];
}

/** Hex in a step's words stands out. */
function stepText(text: string): Content[] {
  const [, words, hex] = /^(the broker (?:gets|sends)) ([0-9a-f]{4,}.*)$/.exec(text) ?? [];
  if (words === undefined || hex === undefined) return [text];
  const way = words.endsWith("gets") ? "out" : "in";
  return [
    h(`span.way.${way}`, {}, way === "out" ? "→ broker" : "← broker"),
    " ",
    h("code.hex", {}, hex.replaceAll(/([0-9a-f]{2})(?=[0-9a-f])/g, "$1 ")),
  ];
}

function entryDetail(model: Model, id: string): HTMLElement {
  const entry = model.entries.get(id);
  if (!entry) return h("article", {}, h("h2", {}, "No such entry"), h("p", {}, id));
  const shown = model.byCover.get(id) ?? [];
  const cases = [...new Map(shown.map((one) => [one.case.id, one])).values()];
  const files = [...new Set(entry.tests.map(({ file }) => file))];
  const words = {
    behaviour: "behaviour of MiniMQTT",
    statement: "statement of MQTT 3.1.1",
    rule: "rule of the transport contract",
  };
  return h(
    "article",
    {},
    h(
      "p.crumbs",
      {},
      words[entry.kind],
      ...(entry.verdicts ?? []).map((one) => h(`span.tag.${one.toLowerCase()}`, {}, one)),
    ),
    h("h2", {}, h("span.id", {}, id)),
    h("p.summary", {}, entry.summary || "It has no meaning here."),
    entry.gap ? h("p.reason", {}, `No test shows it: ${entry.gap}`) : null,
    cases.length > 0 ? [h("h3", {}, "Where it was shown"), places(model, shown)] : null,
    cases.length > 0
      ? [h("h3", {}, `${cases.length} case${cases.length === 1 ? "" : "s"}`), caseList(worst(shown))]
      : null,
    files.length > 0 ? h("h3", {}, "Tests that are no cases") : null,
    ...files.map((file) => {
      const titles = entry.tests.filter((test) => test.file === file).map(({ title }) => h("li", {}, title));
      return h("div.tests", {}, h("code", {}, file), h("ul", {}, ...titles));
    }),
  );
}

/** Of each case the worst result. */
function worst(shown: readonly Shown[]): Shown[] {
  const rank = { failed: 0, passed: 1, skipped: 2 };
  const found = new Map<string, Shown>();
  for (const one of shown) {
    const before = found.get(one.case.id);
    if (!before || rank[one.result.outcome] < rank[before.result.outcome]) found.set(one.case.id, one);
  }
  return [...found.values()];
}

/** More bytes than these nobody reads. */
const MOST_BYTES = 512;
