import { showOverlay } from '../../data/overlay.ts';
import { changeSettings, type Settings, useSettings } from '../../data/settings.ts';
import { setTheme, type Theme, useTheme } from '../../data/theme.ts';
import { Button } from '../../ui/button.tsx';
import { Dialog } from '../../ui/dialog.tsx';
import { common } from '../../ui/words.ts';
import { keyNames } from '../commands/keys.ts';
import { LanguageChoice } from './language-choice.tsx';
import { words } from './words.ts';
import './settings.css';

const themes = (): [Theme, string][] => [
  ['light', words.light],
  ['dark', words.dark],
  ['system', words.system],
];

const sizes = (): [Settings['textSize'], string][] => [
  ['small', words.small],
  ['normal', words.normal],
  ['large', words.large],
];

const titles = (): ['model' | 'words', string][] => [
  ['model', words.byModel],
  ['words', words.firstWords],
];

const SEND_KEYS: readonly [Settings['sendKey'], string][] = [
  ['enter', 'Enter'],
  ['mod-enter', keyNames({ key: 'Enter', mod: true }).join(' ')],
];

export default function SettingsDialog({ onClose }: { onClose(): void }) {
  const { sendKey, textSize, autoTitle } = useSettings();
  const theme = useTheme();
  return (
    <Dialog label={words.settings} onClose={onClose}>
      <h2 className="dialog-title">{words.settings}</h2>
      <LanguageChoice />
      <Choice name={words.theme} options={themes()} chosen={theme} onChoose={setTheme} />
      <Choice
        name={words.textSize}
        options={sizes()}
        chosen={textSize}
        onChoose={(size) => changeSettings({ textSize: size })}
      />
      <Choice
        name={words.sendWith}
        options={SEND_KEYS}
        chosen={sendKey}
        onChoose={(key) => changeSettings({ sendKey: key })}
        note={sendKey === 'enter' ? words.shiftEnterBreaks : words.enterBreaks}
      />
      <Choice
        name={words.titles}
        options={titles()}
        chosen={autoTitle ? 'model' : 'words'}
        onChoose={(by) => changeSettings({ autoTitle: by === 'model' })}
        note={words.titlesWhen}
      />
      <p className="dialog-text settings-note">{words.keptHere}</p>
      <div className="settings-more">
        <Button onClick={() => showOverlay({ kind: 'archive' })}>{words.archived}</Button>
        <Button onClick={() => showOverlay({ kind: 'share', number: null })}>{words.shared}</Button>
      </div>
      <div className="dialog-actions">
        <Button tone="primary" onClick={onClose}>
          {common.done}
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
