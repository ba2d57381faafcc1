import { SETTINGS_LIMITS } from '../../../../src/protocol/chat-settings.ts';
import type { ChatSettingsResource } from '../../../../src/protocol/resources.ts';
import { words } from './words.ts';

/** How a model chooses its words, in one word each. */
export const STYLES = {
  precise: { temperature: 0.2, top_p: 0.9 },
  balanced: { temperature: 0.7, top_p: 0.95 },
  free: { temperature: 1.1, top_p: 0.98 },
} as const;

/** `own`: as the model has it; `exact`: by figures. */
export type Style = 'own' | keyof typeof STYLES | 'exact';

export function styleOf({ temperature, top_p }: ChatSettingsResource): Style {
  if (temperature === undefined && top_p === undefined) return 'own';
  const named = Object.entries(STYLES).find(
    ([, values]) => values.temperature === temperature && values.top_p === top_p,
  );
  return (named?.[0] as Style | undefined) ?? 'exact';
}

/** Settings as they are being written. An empty field: nothing is said. */
export type StyleDraft = {
  model: string;
  instructions: string;
  style: Style;
  temperature: string;
  topP: string;
  maxTokens: string;
};

export function draftOf(settings: ChatSettingsResource): StyleDraft {
  const text = (value: number | undefined): string => (value === undefined ? '' : String(value));
  return {
    model: settings.model ?? '',
    instructions: settings.system_prompt ?? '',
    style: styleOf(settings),
    temperature: text(settings.temperature),
    topP: text(settings.top_p),
    maxTokens: text(settings.max_tokens),
  };
}

/** What the server would refuse. */
export type StyleErrors = Partial<Record<'instructions' | 'temperature' | 'topP' | 'maxTokens', string>>;

type Read = { settings: ChatSettingsResource; errors: StyleErrors };

/** The settings that are meant, and what is wrong with them by the server's own limits. */
export function readDraft(draft: StyleDraft): Read {
  const errors: StyleErrors = {};
  const figure = (name: 'temperature' | 'topP' | 'maxTokens', whole = false): number | undefined => {
    const text = draft[name].trim().replace(',', '.');
    if (text === '') return undefined;
    const { least, most } = SETTINGS_LIMITS[name];
    const value = Number(text);
    if (Number.isNaN(value) || value < least || value > most || (whole && !Number.isInteger(value))) {
      errors[name] = (whole ? words.wholeFromTo : words.numberFromTo)({ least, most });
    }
    return value;
  };
  const instructions = draft.instructions.trim();
  const length = [...instructions].length;
  if (length > SETTINGS_LIMITS.systemPromptChars) {
    errors.instructions = words.tooLong({ count: length, most: SETTINGS_LIMITS.systemPromptChars });
  }
  const sampling =
    draft.style === 'own'
      ? {}
      : draft.style === 'exact'
        ? { temperature: figure('temperature'), top_p: figure('topP') }
        : STYLES[draft.style];
  const settings = {
    model: draft.model || undefined,
    system_prompt: instructions || undefined,
    ...sampling,
    max_tokens: figure('maxTokens', true),
  };
  return { settings: said(settings), errors };
}

/** Without what is not said. */
function said(settings: { [K in keyof ChatSettingsResource]: ChatSettingsResource[K] | undefined }) {
  return Object.fromEntries(
    Object.entries(settings).filter(([, value]) => value !== undefined),
  ) as ChatSettingsResource;
}
