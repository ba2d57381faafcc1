import { directionOf, firstSpoken, type Language, localeOf, tagOf } from '../words/languages.ts';
import { speak } from '../words/words.ts';
import { changeSettings, currentSettings } from './settings.ts';

/** As chosen in the settings, or the first of the browser's that the page speaks. */
export async function speakAsChosen(): Promise<void> {
  const language = currentSettings().language ?? firstSpoken(navigator.languages);
  await speak(language, localeOf(language, navigator.languages));
  document.documentElement.lang = tagOf(language);
  document.documentElement.dir = directionOf(language);
}

/** Null: as the browser says. Stays as it was where the texts cannot be fetched. */
export async function chooseLanguage(language: Language | null): Promise<boolean> {
  const before = currentSettings().language;
  changeSettings({ language });
  try {
    await speakAsChosen();
    return true;
  } catch {
    changeSettings({ language: before });
    return false;
  }
}
