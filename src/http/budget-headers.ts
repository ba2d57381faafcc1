import type { FastifyReply } from 'fastify';
import { ChatError } from '../protocol/errors.ts';

type Standing = { limit: number; remaining: number; resetSeconds: number };

/** How a key stands with its tokens, under the names that clients of OpenAI read. */
export function tellBudget(reply: FastifyReply, { limit, remaining, resetSeconds }: Standing): void {
  void reply.headers({
    'x-ratelimit-limit-tokens': String(limit),
    'x-ratelimit-remaining-tokens': String(remaining),
    'x-ratelimit-reset-tokens': `${resetSeconds}s`,
  });
}

/** The same where that is why nothing was accepted. */
export function tellRefusedBudget(reply: FastifyReply, error: unknown): void {
  if (!(error instanceof ChatError) || error.code !== 'budget_exceeded') return;
  const { limit, remaining, reset_seconds: resetSeconds } = error.details as Record<string, number>;
  tellBudget(reply, { limit: limit!, remaining: remaining!, resetSeconds: resetSeconds! });
}
