const PLACE = /\{\{\s*([^{}\n]{1,60}?)\s*\}\}/g;

/** What a prompt asks for when it is used, in the order in which it is first named. */
export const variablesOf = (text: string): string[] => [...new Set([...text.matchAll(PLACE)].map(([, name]) => name!))];

/** What is typed stands as it is, whatever it holds. */
export const fillPrompt = (text: string, values: Readonly<Record<string, string>>): string =>
  text.replace(PLACE, (place, name: string) => values[name] ?? place);

type Named = { name: string; text: string };

/** Those that say so, first where the name begins with it, then where the name has it. */
export function findPrompts<Prompt extends Named>(prompts: readonly Prompt[], words: string): Prompt[] {
  const wanted = words.trim().toLocaleLowerCase();
  const rank = ({ name, text }: Named): number => {
    const at = name.toLocaleLowerCase().indexOf(wanted);
    if (at === 0) return 0;
    if (at > 0) return 1;
    return text.toLocaleLowerCase().includes(wanted) ? 2 : 3;
  };
  return prompts.filter((prompt) => rank(prompt) < 3).sort((a, b) => rank(a) - rank(b));
}
