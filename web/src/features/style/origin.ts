import type { ChatSettingsResource } from '../../../../src/protocol/resources.ts';

/** Where what holds comes from. */
export type Origin = 'chat' | 'default' | 'assistant' | 'model';

type Sources = { defaults: ChatSettingsResource; assistant: ChatSettingsResource | null };
type Field = 'model' | 'system_prompt' | 'temperature' | 'top_p' | 'max_tokens';

/**
 * A chat takes a copy of what it begins with, so that later changes elsewhere leave it alone: what still is as there
 * comes from there. Of several fields the nearest source that differs from the model counts.
 */
export function originOf(settings: ChatSettingsResource, fields: readonly Field[], sources: Sources): Origin {
  const isSame = (from: ChatSettingsResource | null) =>
    from !== null && fields.every((field) => settings[field] === from[field]);
  if (fields.every((field) => settings[field] === undefined)) return 'model';
  if (isSame(sources.assistant)) return 'assistant';
  return isSame(sources.defaults) ? 'default' : 'chat';
}
