import type { ImportedInput } from '../../../../client/user-api.ts';
import { cleanText, cutTo } from './clean.ts';
import { type Counts, count, IMPORT_LIMITS, type LeftOut } from './plan.ts';

/** A message as a file has it. `skip`: it is left out, for that; what follows it follows what it followed. */
export type FileMessage = {
  id: string;
  parent: string | null;
  role: 'user' | 'assistant';
  text: string;
  created_at?: string | undefined;
  skip?: LeftOut | 'silently';
};

type Turns = ImportedInput['messages'];
type Turn = Turns[number];
type Step = { id: string; before: string; parent: number | null };

/**
 * Messages of a tree as turns of a person and a model, each after what it follows. Where one speaks twice in a row
 * (around a tool, for one) it is one turn. The branch that ends at `current` comes last: that is where it goes on.
 */
export function turnsOf(messages: readonly FileMessage[], current: string | null, counts: Counts): Turns {
  const byId = new Map(messages.map((message) => [message.id, message]));
  for (const { skip } of messages) if (skip && skip !== 'silently') count(counts, skip);
  const kids = Map.groupBy(
    messages.filter(({ skip }) => !skip),
    (message) => spokenBefore(byId, message),
  );
  const path = pathTo(byId, current);
  // Taken from the end: what is to come last is put in first.
  const inOrder = (ids: readonly string[]): string[] =>
    ids.toSorted((a, b) => Number(path.has(b)) - Number(path.has(a)));
  const kidsOf = (id: string | null): string[] => (kids.get(id) ?? []).map((message) => message.id).toReversed();

  const turns: Turn[] = [];
  const open: Step[] = inOrder(kidsOf(null)).map((id) => ({ id, before: '', parent: null }));
  for (let step = open.pop(); step; step = open.pop()) {
    const { role, text, created_at } = byId.get(step.id)!;
    const whole = step.before === '' ? text : `${step.before}\n\n${text}`;
    const next = kidsOf(step.id);
    const isUnasked = step.parent === null && role === 'assistant';
    if (isUnasked) count(counts, 'unasked');
    const goesOn = next.filter((id) => byId.get(id)!.role === role);
    const isTurn = !isUnasked && goesOn.length < Math.max(1, next.length);
    if (isTurn) {
      if ([...whole].length > IMPORT_LIMITS.messageChars) count(counts, 'cut');
      const content = cutTo(whole, IMPORT_LIMITS.messageChars);
      turns.push({ parent: step.parent, role, content, ...(created_at !== undefined && { created_at }) });
    }
    const at = turns.length - 1;
    for (const id of inOrder(next)) {
      const isSame = byId.get(id)!.role === role;
      open.push(
        isUnasked
          ? { id, before: '', parent: null }
          : isSame
            ? { id, before: whole, parent: step.parent }
            : { id, before: '', parent: at },
      );
    }
  }
  return turns;
}

/** The nearest message before it that is taken along. */
function spokenBefore(byId: ReadonlyMap<string, FileMessage>, message: FileMessage): string | null {
  const seen = new Set<string>([message.id]);
  for (let id = message.parent; id !== null && !seen.has(id); ) {
    const before = byId.get(id);
    if (!before) return null;
    if (!before.skip) return id;
    seen.add(id);
    id = before.parent;
  }
  return null;
}

function pathTo(byId: ReadonlyMap<string, FileMessage>, current: string | null): ReadonlySet<string> {
  const path = new Set<string>();
  for (let id = current; id !== null && !path.has(id); id = byId.get(id)?.parent ?? null) path.add(id);
  return path;
}

/** Clean, or why it is left out. */
export function textOrSkip(text: string): { text: string; skip?: LeftOut } {
  const clean = cleanText(text).trim();
  return clean === '' ? { text: '', skip: 'empty' } : { text: clean };
}
