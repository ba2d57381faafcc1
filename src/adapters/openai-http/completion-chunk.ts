export type UpstreamUsage = {
  prompt_tokens?: number;
  completion_tokens?: number;
  prompt_tokens_details?: { cached_tokens?: number } | null;
};

export type ToolCallDelta = {
  index?: number;
  id?: string | null;
  function?: { name?: string | null; arguments?: string | null } | null;
};

type Words = {
  content?: string | null;
  reasoning?: string | null;
  reasoning_content?: string | null;
  tool_calls?: ToolCallDelta[] | null;
};

/** An event of a streamed completion, or a whole one from a server that does not stream. */
export type CompletionChunk = {
  error?: unknown;
  object?: string;
  model?: string;
  choices?: {
    delta?: Words;
    message?: Words;
    /** Of a completion without a chat form. */
    text?: string | null;
    finish_reason?: string | null;
  }[];
  usage?: UpstreamUsage | null;
};
