/** One text for each way in which the language counts; `{count}` decides. */
export type Plural = { other: string } & Partial<Record<Intl.LDMLPluralRule, string>>;
export type Catalogue = Readonly<Record<string, string | Plural>>;
/** By feature. */
export type Translation = Readonly<Record<string, Catalogue>>;
