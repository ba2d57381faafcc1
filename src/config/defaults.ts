import type { Setting } from './setting.ts';
import { type DefaultedName, SETTING_NAMES, SETTINGS, type SettingName, type SettingValues } from './settings.ts';

export type WithDefaults = SettingValues & Required<Pick<SettingValues, DefaultedName>>;

export function defaults(): Required<Pick<SettingValues, DefaultedName>> {
  const values: Partial<Record<SettingName, unknown>> = {};
  for (const name of SETTING_NAMES) {
    const { default: text, type } = SETTINGS[name] as Setting;
    if (text !== undefined) values[name] = type.parse(text);
  }
  return values as Required<Pick<SettingValues, DefaultedName>>;
}
