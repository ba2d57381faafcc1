import { suggest } from './command-line.ts';
import { ConfigError } from './config-error.ts';
import { parseDotEnv } from './dot-env.ts';
import type { Setting } from './setting.ts';
import { flagOf, SETTING_NAMES, SETTINGS, type SettingName, type SettingValues } from './settings.ts';

export type Sources = {
  flags: readonly { name: SettingName; text: string }[];
  environment: Readonly<Record<string, string | undefined>>;
  /** Content of `.env` in the working directory; null where there is none. */
  dotEnv: string | null;
};

type Given = { text: string; label: string };

/**
 * Reads what the sources give, and only that: flags over environment over `.env`. An empty value counts as
 * not given, except in a flag. Everything wrong is reported together, with where it stands.
 */
export function readSettings(sources: Sources): SettingValues {
  const problems: string[] = [];
  const values: Partial<Record<SettingName, unknown>> = {};
  const take = (name: SettingName, { text, label }: Given) => {
    const { type, secret } = SETTINGS[name] as Setting;
    const value = type.parse(text.trim());
    if (value !== undefined) values[name] = value;
    else problems.push(`${label}: ${secret ? 'the value' : JSON.stringify(text)} is not ${type.expected}`);
  };

  const { lines, malformed } = parseDotEnv(sources.dotEnv ?? '');
  for (const line of malformed) problems.push(`.env, line ${line}: expected NAME=value`);
  for (const { line, name, text } of lines) {
    if (!isSetting(name)) {
      problems.push(`${name} (.env, line ${line}): there is no such setting${suggest(name, SETTING_NAMES)}`);
    } else if (text !== '') take(name, { text, label: `${name} (.env, line ${line})` });
  }
  for (const name of SETTING_NAMES) {
    const text = sources.environment[name];
    if (text !== undefined && text !== '') take(name, { text, label: `${name} (environment)` });
  }
  for (const { name, text } of sources.flags) take(name, { text, label: `${flagOf(name)} (flag)` });

  if (problems.length > 0) throw new ConfigError(problems);
  return values as SettingValues;
}

function isSetting(name: string): name is SettingName {
  return Object.hasOwn(SETTINGS, name);
}
