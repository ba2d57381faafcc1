import type { ModelResource } from '../../../../src/protocol/resources.ts';
import { showOverlay } from '../../data/overlay.ts';
import { useSession } from '../../data/session-context.ts';
import { Icon } from '../../ui/icon.tsx';
import { Menu, type MenuEntry } from '../../ui/menu.tsx';
import { useAssistantEntries } from './use-assistant-entries.ts';
import { words } from './words.ts';

type ModelPickerProps = {
  models: readonly ModelResource[];
  chosen: string | undefined;
  number: number | null;
  /** The name of the saved assistant that answers. */
  assistant: string | undefined;
  /** Models that answer the same question at the same time. */
  beside: readonly string[];
  onChoose(id: string): void;
  onBeside(ids: readonly string[]): void;
};

const BESIDE_AT_MOST = 3;

export function ModelPicker({ models, chosen, number, assistant, beside, onChoose, onBeside }: ModelPickerProps) {
  const assistants = useAssistantEntries(number, assistant);
  const current = models.find((model) => model.id === chosen) ?? models.find((model) => model.default) ?? models[0];
  const { operates } = useSession();
  const addModels: MenuEntry[] = operates
    ? [{ kind: 'line' }, { icon: 'download', label: words.addModels, onSelect: () => showOverlay({ kind: 'models' }) }]
    : [];
  if (!current) return <NoModel entries={addModels.slice(1)} />;
  if (models.length === 1 && assistants.length === 0 && !operates) {
    return (
      <span className="model-chip" title={current.description}>
        <span className="model-name">{current.title}</span>
      </span>
    );
  }
  const others = models.filter((model) => model.id !== current.id);
  const added = others.filter((model) => beside.includes(model.id));
  const titles = [current, ...added].map((model) => model.title).join(' + ');
  const names = assistant === undefined ? titles : `${assistant} · ${titles}`;
  return (
    <Menu
      label={words.model}
      trigger={(props) => (
        <button
          type="button"
          className="model-chip model-choice"
          aria-label={words.modelIs({ models: names })}
          {...props}
        >
          <span className="model-name">{names}</span>
          <Icon name="chevronDown" />
        </button>
      )}
      entries={[
        ...models.map((model) => ({
          icon: model.id === current.id ? ('check' as const) : ('blank' as const),
          label: model.title,
          onSelect: () => {
            onChoose(model.id);
            onBeside(beside.filter((id) => id !== model.id));
          },
        })),
        ...others
          .filter((model) => added.includes(model) || added.length < BESIDE_AT_MOST)
          .map((model) => ({
            icon: added.includes(model) ? ('close' as const) : ('plus' as const),
            label: (added.includes(model) ? words.without : words.beside)({ model: model.title }),
            onSelect: () =>
              onBeside(added.includes(model) ? beside.filter((id) => id !== model.id) : [...beside, model.id]),
          })),
        ...assistants,
        ...addModels,
      ]}
    />
  );
}

function NoModel({ entries }: { entries: readonly MenuEntry[] }) {
  if (entries.length === 0) {
    return (
      <span className="model-chip">
        <span className="model-name">{words.noModel}</span>
      </span>
    );
  }
  return (
    <Menu
      label={words.model}
      trigger={(props) => (
        <button type="button" className="model-chip model-choice" {...props}>
          <span className="model-name">{words.noModel}</span>
          <Icon name="chevronDown" />
        </button>
      )}
      entries={entries}
    />
  );
}
