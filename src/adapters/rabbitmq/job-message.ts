import type { Message } from 'amqplib';
import type { GenerationJob } from '../../ports/generations.ts';
import { LANES } from '../../protocol/generation.ts';

/** Null where the message is none of ours. */
export function parseJob({ content }: Pick<Message, 'content'>): GenerationJob | null {
  try {
    const { id, userId, lane, ticket } = JSON.parse(content.toString());
    if (typeof id !== 'string' || typeof userId !== 'string' || !LANES.includes(lane)) return null;
    return { id, userId, lane, ...(typeof ticket === 'number' && { ticket }) };
  } catch {
    return null;
  }
}
