import { useQuery } from '@tanstack/react-query';
import { SETTINGS_LIMITS } from '../../../../src/protocol/chat-settings.ts';
import type { ModelResource } from '../../../../src/protocol/resources.ts';
import { modelsQuery } from '../../data/queries.ts';
import { Choice } from '../../ui/choice.tsx';
import { Field } from '../../ui/field.tsx';
import type { Style, StyleDraft, StyleErrors } from './style.ts';
import { words } from './words.ts';
import './style-fields.css';

type StyleFieldsProps = {
  draft: StyleDraft;
  errors: StyleErrors;
  /** In words, where what holds comes from. */
  origins?: Partial<Record<'instructions' | 'style' | 'maxTokens' | 'model', string>>;
  onChange(change: Partial<StyleDraft>): void;
};

const styles = (): [Style, string][] => [
  ['own', words.own],
  ['precise', words.precise],
  ['balanced', words.balanced],
  ['free', words.free],
  ['exact', words.exact],
];

function styleInWords(style: Style, model: ModelResource | undefined): string {
  if (style === 'precise') return words.preciseWhat;
  if (style === 'balanced') return words.balancedWhat;
  if (style === 'free') return words.freeWhat;
  if (style === 'exact') return words.exactWhat;
  return model ? words.ownAs({ model: model.title, temperature: model.default_temperature }) : words.ownWhat;
}

/** What a model is told first, how it chooses its words, and how much it may say. */
export function StyleFields({ draft, errors, origins = {}, onChange }: StyleFieldsProps) {
  const models = useQuery(modelsQuery).data ?? [];
  const model = models.find(({ id }) => id === draft.model) ?? models.find((each) => each.default);
  return (
    <>
      <Field label={words.instructions} aside={origins.instructions} error={errors.instructions}>
        {(props) => (
          <textarea
            {...props}
            className="dialog-field style-instructions"
            dir="auto"
            rows={4}
            placeholder={words.instructionsWhat}
            value={draft.instructions}
            onChange={(event) => onChange({ instructions: event.target.value })}
          />
        )}
      </Field>
      <Choice
        name={words.style}
        aside={origins.style}
        options={styles()}
        chosen={draft.style}
        onChoose={(style) => onChange({ style })}
        note={styleInWords(draft.style, model)}
      />
      {draft.style === 'exact' && (
        <div className="style-pair">
          <Field label={words.temperature} error={errors.temperature} note={words.temperatureWhat}>
            {(props) => (
              <input
                {...props}
                className="dialog-field"
                inputMode="decimal"
                autoComplete="off"
                value={draft.temperature}
                onChange={(event) => onChange({ temperature: event.target.value })}
              />
            )}
          </Field>
          <Field label={words.topP} error={errors.topP} note={words.topPWhat}>
            {(props) => (
              <input
                {...props}
                className="dialog-field"
                inputMode="decimal"
                autoComplete="off"
                value={draft.topP}
                onChange={(event) => onChange({ topP: event.target.value })}
              />
            )}
          </Field>
        </div>
      )}
      <div className="style-pair">
        <Field label={words.longest} aside={origins.maxTokens} error={errors.maxTokens} note={words.longestWhat}>
          {(props) => (
            <input
              {...props}
              className="dialog-field"
              inputMode="numeric"
              autoComplete="off"
              placeholder={String(SETTINGS_LIMITS.maxTokens.default)}
              value={draft.maxTokens}
              onChange={(event) => onChange({ maxTokens: event.target.value })}
            />
          )}
        </Field>
        <Field label={words.model} aside={origins.model}>
          {(props) => (
            <select
              {...props}
              className="dialog-field"
              value={draft.model}
              onChange={(event) => onChange({ model: event.target.value })}
            >
              <option value="">{words.serversFirst}</option>
              {models.map(({ id, title }) => (
                <option key={id} value={id}>
                  {title}
                </option>
              ))}
              {draft.model !== '' && !models.some(({ id }) => id === draft.model) && (
                <option value={draft.model}>{words.notHereNow({ model: draft.model })}</option>
              )}
            </select>
          )}
        </Field>
      </div>
    </>
  );
}
