/** What the answers of a conversation are asked for with, unless a message says otherwise. Absent: as the model has it. */
export type ChatSettings = {
  model?: string;
  /** Instead of the model's own. */
  systemPrompt?: string;
  temperature?: number;
  topP?: number;
  /** Tokens of an answer at most. */
  maxTokens?: number;
  /** The name of the saved assistant that it began with. */
  assistant?: string;
};

export const MAX_TOKENS = { least: 1, most: 4096, default: 1024 } as const;

/** What may be asked for. Lengths in Unicode code points. */
export const SETTINGS_LIMITS = {
  systemPromptChars: 8000,
  temperature: { least: 0, most: 2 },
  topP: { least: 0.01, most: 1 },
  maxTokens: MAX_TOKENS,
} as const;

/** Of what a person keeps under a name. */
export const ITEM_LIMITS = { nameChars: 100, greetingChars: 1000, promptChars: 8000 } as const;
