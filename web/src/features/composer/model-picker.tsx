import type { ModelResource } from '../../../../src/protocol/resources.ts';
import { Icon } from '../../ui/icon.tsx';
import { Menu } from '../../ui/menu.tsx';

type ModelPickerProps = {
  models: readonly ModelResource[];
  chosen: string | undefined;
  onChoose(id: string): void;
};

export function ModelPicker({ models, chosen, onChoose }: ModelPickerProps) {
  const current = models.find((model) => model.id === chosen) ?? models.find((model) => model.default) ?? models[0];
  if (!current) return <span className="model-chip">No model is ready yet</span>;
  if (models.length === 1) {
    return (
      <span className="model-chip" title={current.description}>
        <span className="model-name">{current.title}</span>
      </span>
    );
  }
  return (
    <Menu
      label="Model"
      trigger={(props) => (
        <button type="button" className="model-chip model-choice" aria-label={`Model: ${current.title}`} {...props}>
          <span className="model-name">{current.title}</span>
          <Icon name="chevronDown" />
        </button>
      )}
      entries={models.map((model) => ({
        icon: model.id === current.id ? 'check' : 'blank',
        label: model.title,
        onSelect: () => onChoose(model.id),
      }))}
    />
  );
}
