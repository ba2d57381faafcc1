import type { ToolCall } from './tool-calls.ts';

/** What a model reads, oldest first. Kept as JSON with a request that brings its own messages. */
export type ChatMessage =
  | { role: 'system' | 'user'; content: string }
  | { role: 'assistant'; content: string; toolCalls?: readonly ToolCall[] }
  /** What a call came to. */
  | { role: 'tool'; content: string; toolCallId: string };
