/** How the pages speak to the server: the generated client, its answers unwrapped, its problems thrown. */
import type { Problem } from "./gen";
import { client } from "./gen/client.gen";

client.setConfig({ baseUrl: "" });

/** The server said no. Switch on `code`, never on the text; `status` 0 means that no answer came. */
export class ApiProblem extends Error {
  readonly status: number;
  readonly code: Problem["code"] | "unreachable";
  readonly problem: Partial<Problem>;

  constructor(status: number, problem: Partial<Problem>) {
    super(problem.detail ?? (status ? `The server answered ${status}.` : "The server can't be reached."));
    this.name = "ApiProblem";
    this.status = status;
    this.code = status ? (problem.code ?? "internal-error") : "unreachable";
    this.problem = problem;
  }
}

/** Fires `denied` when an answer says that nobody is logged in. */
export const access = new EventTarget();

/** Wait for a call of the generated client and return its body. Throws ApiProblem. */
export async function ask<Answer extends { data?: unknown; error?: unknown; response?: Response }>(
  call: Promise<Answer>,
): Promise<NonNullable<Answer["data"]>> {
  const { data, error, response } = await call;
  if (response?.ok) return data as NonNullable<Answer["data"]>;
  const status = response?.status ?? 0;
  if (status === 401) access.dispatchEvent(new Event("denied"));
  throw new ApiProblem(status, typeof error === "object" && status ? (error as Partial<Problem>) : {});
}

/** Headers that make an unsafe request safe to repeat: made once per intention, not once per attempt. */
export const once = (): { "Idempotency-Key": string } => ({ "Idempotency-Key": randomId() });

/** 128 random bits. `crypto.randomUUID` is missing where a page came by plain HTTP from another machine. */
export function randomId(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
