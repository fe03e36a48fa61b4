/// <reference types="vitest/config" />
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { brotliCompressSync, gzipSync } from "node:zlib";
import { defineConfig, type Plugin } from "vite";

const SERVER = process.env.TOWPATH_URL ?? "http://127.0.0.1:8780";
const ONE_PACKET = 1400; // what fits into one is not worth a second file

/** Writes NAME.br and NAME.gz beside each file, so that the server only picks. */
function compress(): Plugin {
  return {
    name: "compress",
    apply: "build",
    writeBundle({ dir }) {
      for (const name of dir ? readdirSync(dir) : []) {
        if (!/\.(js|css|html|svg)$/.test(name)) continue;
        const content = readFileSync(join(dir!, name));
        if (content.length < ONE_PACKET) continue;
        writeFileSync(join(dir!, `${name}.br`), brotliCompressSync(content));
        writeFileSync(join(dir!, `${name}.gz`), gzipSync(content, { level: 9 }));
      }
    },
  };
}

export default defineConfig(({ command }) => ({
  base: command === "build" ? "/static/" : "/",
  plugins: [compress()],
  build: {
    target: "es2023",
    outDir: "../api/static",
    emptyOutDir: true,
    assetsDir: "",
    assetsInlineLimit: 0, // the pages' policy allows no font from data:
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    // "use client" means nothing to a page; that compressing takes a second is known
    rolldownOptions: { checks: { moduleLevelDirective: false, pluginTimings: false } },
  },
  server: {
    // The server answers only to its own pages: to it, these requests look as if they came from one.
    proxy: Object.fromEntries(
      ["/api", "/schema", "/docs"].map((path) => [
        path,
        { target: SERVER, changeOrigin: true, headers: { origin: SERVER } },
      ]),
    ),
  },
  test: {
    environment: "happy-dom",
    include: ["src/**/*.test.ts", "src/**/*.test.tsx"],
    restoreMocks: true,
  },
}));
