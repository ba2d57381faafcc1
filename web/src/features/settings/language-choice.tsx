import { useId } from 'react';
import { chooseLanguage } from '../../data/language.ts';
import { useSettings } from '../../data/settings.ts';
import { showToast } from '../../ui/toasts.tsx';
import { firstSpoken, LANGUAGES, type Language, tagOf } from '../../words/languages.ts';
import { words } from './words.ts';

/** Each language by its own name, for whoever cannot read the one on show. */
export function LanguageChoice() {
  const { language } = useSettings();
  const field = useId();
  async function choose(value: string): Promise<void> {
    const chosen = Object.hasOwn(LANGUAGES, value) ? (value as Language) : null;
    if (!(await chooseLanguage(chosen))) showToast({ text: words.languageNotLoaded, bad: true });
  }
  const browsers = LANGUAGES[firstSpoken(navigator.languages)];
  return (
    <div className="choice">
      <label className="choice-name" htmlFor={field}>
        {words.language}
      </label>
      <select
        id={field}
        className="choice-select"
        value={language ?? ''}
        onChange={(event) => void choose(event.target.value)}
      >
        <option value="">{words.asBrowser({ language: browsers })}</option>
        {Object.entries(LANGUAGES).map(([each, name]) => (
          <option key={each} value={each} lang={tagOf(each as Language)}>
            {name}
          </option>
        ))}
      </select>
    </div>
  );
}
