/** What the answers of a conversation are asked for with, unless a message says otherwise. Absent: as the model has it. */
export type ChatSettings = {
  model?: string;
  /** Instead of the model's own. */
  systemPrompt?: string;
  temperature?: number;
  topP?: number;
  /** The name of the saved assistant that it began with. */
  assistant?: string;
};
