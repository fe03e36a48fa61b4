import { defineConfig } from "@hey-api/openapi-ts";

export default defineConfig({
  input: "../openapi/openapi.json",
  // A test has it written elsewhere, and compares.
  output: { path: process.env["OUT"] ?? "src/api/gen", header: "// Generated from openapi/openapi.json: make openapi" },
  plugins: ["@hey-api/client-fetch", "@hey-api/typescript", "@hey-api/sdk"],
});
