import { showOverlay } from '../../data/overlay.ts';
import { changeSettings, type Settings, useSettings } from '../../data/settings.ts';
import { setTheme, type Theme, useTheme } from '../../data/theme.ts';
import { Button } from '../../ui/button.tsx';
import { Dialog } from '../../ui/dialog.tsx';
import { keyNames } from '../commands/keys.ts';
import './settings.css';

const THEMES: readonly [Theme, string][] = [
  ['light', 'Light'],
  ['dark', 'Dark'],
  ['system', 'System'],
];

const SIZES: readonly [Settings['textSize'], string][] = [
  ['small', 'Small'],
  ['normal', 'Normal'],
  ['large', 'Large'],
];

const TITLES: readonly ['model' | 'words', string][] = [
  ['model', 'By the model'],
  ['words', 'First words'],
];

const SEND_KEYS: readonly [Settings['sendKey'], string][] = [
  ['enter', 'Enter'],
  ['mod-enter', keyNames({ key: 'Enter', mod: true }).join(' ')],
];

export default function SettingsDialog({ onClose }: { onClose(): void }) {
  const { sendKey, textSize, autoTitle } = useSettings();
  const theme = useTheme();
  return (
    <Dialog label="Settings" onClose={onClose}>
      <h2 className="dialog-title">Settings</h2>
      <Choice name="Theme" options={THEMES} chosen={theme} onChoose={setTheme} />
      <Choice
        name="Text size"
        options={SIZES}
        chosen={textSize}
        onChoose={(size) => changeSettings({ textSize: size })}
      />
      <Choice
        name="Send with"
        options={SEND_KEYS}
        chosen={sendKey}
        onChoose={(key) => changeSettings({ sendKey: key })}
        note={sendKey === 'enter' ? 'Shift Enter begins a new line.' : 'Enter begins a new line.'}
      />
      <Choice
        name="Titles of chats"
        options={TITLES}
        chosen={autoTitle ? 'model' : 'words'}
        onChoose={(by) => changeSettings({ autoTitle: by === 'model' })}
        note="After the first answer, behind everybody who waits. Never in place of your own."
      />
      <p className="dialog-text settings-note">Kept in this browser.</p>
      <div className="settings-more">
        <Button onClick={() => showOverlay({ kind: 'archive' })}>Archived chats</Button>
        <Button onClick={() => showOverlay({ kind: 'share', number: null })}>Shared chats</Button>
      </div>
      <div className="dialog-actions">
        <Button tone="primary" onClick={onClose}>
          Done
        </Button>
      </div>
    </Dialog>
  );
}

type ChoiceProps<Value extends string> = {
  name: string;
  options: readonly [Value, string][];
  chosen: Value;
  onChoose(value: Value): void;
  note?: string;
};

function Choice<Value extends string>({ name, options, chosen, onChoose, note }: ChoiceProps<Value>) {
  return (
    <fieldset className="choice">
      <legend>{name}</legend>
      <div className="choice-options">
        {options.map(([value, label]) => (
          <label key={value}>
            <input type="radio" name={name} checked={value === chosen} onChange={() => onChoose(value)} />
            <span>{label}</span>
          </label>
        ))}
      </div>
      {note && <p className="choice-note">{note}</p>}
    </fieldset>
  );
}
