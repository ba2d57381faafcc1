import type { ModelResource } from '../../../../src/protocol/resources.ts';
import { Icon } from '../../ui/icon.tsx';
import { Menu } from '../../ui/menu.tsx';

type ModelPickerProps = {
  models: readonly ModelResource[];
  chosen: string | undefined;
  /** Models that answer the same question at the same time. */
  beside: readonly string[];
  onChoose(id: string): void;
  onBeside(ids: readonly string[]): void;
};

const BESIDE_AT_MOST = 3;

export function ModelPicker({ models, chosen, beside, onChoose, onBeside }: ModelPickerProps) {
  const current = models.find((model) => model.id === chosen) ?? models.find((model) => model.default) ?? models[0];
  if (!current) return <span className="model-chip">No model is ready yet</span>;
  if (models.length === 1) {
    return (
      <span className="model-chip" title={current.description}>
        <span className="model-name">{current.title}</span>
      </span>
    );
  }
  const others = models.filter((model) => model.id !== current.id);
  const added = others.filter((model) => beside.includes(model.id));
  const names = [current, ...added].map((model) => model.title).join(' + ');
  return (
    <Menu
      label="Model"
      trigger={(props) => (
        <button type="button" className="model-chip model-choice" aria-label={`Model: ${names}`} {...props}>
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
            label: added.includes(model) ? `Without ${model.title}` : `Beside it, ${model.title}`,
            onSelect: () =>
              onBeside(added.includes(model) ? beside.filter((id) => id !== model.id) : [...beside, model.id]),
          })),
      ]}
    />
  );
}
