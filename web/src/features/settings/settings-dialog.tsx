import { type Overlay, showOverlay } from '../../data/overlay.ts';
import { changeSettings, type Settings, useSettings } from '../../data/settings.ts';
import { setTheme, type Theme, useTheme } from '../../data/theme.ts';
import { Button } from '../../ui/button.tsx';
import { Choice } from '../../ui/choice.tsx';
import { Dialog } from '../../ui/dialog.tsx';
import { Icon, type IconName } from '../../ui/icon.tsx';
import { common } from '../../ui/words.ts';
import { keyNames } from '../commands/keys.ts';
import { KeepingChoice } from './keeping-choice.tsx';
import { LanguageChoice } from './language-choice.tsx';
import { SignOutButton } from './sign-out-button.tsx';
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

const more = (): [IconName, string, Overlay][] => [
  ['sliders', words.newChats, { kind: 'style', of: 'defaults' }],
  ['spark', words.assistants, { kind: 'assistants' }],
  ['prompt', words.prompts, { kind: 'prompts' }],
  ['unarchive', words.import, { kind: 'import' }],
  ['archive', words.archived, { kind: 'archive' }],
  ['share', words.shared, { kind: 'share', number: null }],
  ['file', words.yourData, { kind: 'data' }],
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
      <KeepingChoice />
      <p className="dialog-text settings-note">{words.keptHere}</p>
      <ul className="settings-more">
        {more().map(([icon, label, overlay]) => (
          <li key={label}>
            <button type="button" onClick={() => showOverlay(overlay)}>
              <Icon name={icon} />
              {label}
            </button>
          </li>
        ))}
      </ul>
      <div className="dialog-actions">
        <SignOutButton />
        <Button tone="primary" onClick={onClose}>
          {common.done}
        </Button>
      </div>
    </Dialog>
  );
}
