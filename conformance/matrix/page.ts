/**
 * The report as one page that needs nothing else: the data, the script that shows it and its style are in it.
 *
 * @module
 */

import { build, stop } from "esbuild";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { MatrixReport } from "./report.ts";

/** The page's HTML. */
export async function page(report: MatrixReport): Promise<string> {
  const here = (file: string) => fileURLToPath(new URL(`page/${file}`, import.meta.url));
  const { outputFiles } = await build({
    entryPoints: [here("main.ts")],
    bundle: true,
    minify: true,
    format: "iife",
    platform: "browser",
    target: "es2022",
    write: false,
  });
  // Its process would wait for more to do.
  await stop();
  // In a script element nothing but its end tag means anything.
  const inScript = (text: string) => text.replaceAll("</", "<\\/");
  return [
    "<!doctype html>",
    '<html lang="en">',
    '<meta charset="utf-8">',
    '<meta name="viewport" content="width=device-width, initial-scale=1">',
    "<title>MiniMQTT conformance</title>",
    '<link rel="icon" href="data:,">',
    `<style>${readFileSync(here("style.css"), "utf8")}</style>`,
    '<body><noscript>This page is made by its script.</noscript><main id="app"></main></body>',
    `<script type="application/json" id="report">${
      inScript(JSON.stringify(report)).replaceAll("<!--", "<\\u0021--")
    }</script>`,
    `<script>${inScript(outputFiles[0]!.text)}</script>`,
    "</html>",
    "",
  ].join("\n");
}
