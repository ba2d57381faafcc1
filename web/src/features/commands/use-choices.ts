import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { useDeleted } from '../../data/conversation-changes.ts';
import { errorInWords } from '../../data/in-words.ts';
import { searchQuery } from '../../data/queries.ts';
import { navigate, pathOf } from '../../data/router.ts';
import { useSession } from '../../data/session-context.ts';
import { useConversations } from '../../data/use-conversations.ts';
import type { IconName } from '../../ui/icon.tsx';
import type { Keys } from './keys.ts';
import { words } from './palette-words.ts';
import { useCommands } from './use-commands.ts';

export type Choice = {
  id: string;
  label: string;
  icon: IconName;
  keys?: Keys | undefined;
  /** Where a message matches, with its marks. */
  passage?: string;
  run(): void;
};

export type ChoiceGroup = { name: string; choices: Choice[] };

const TITLES_AT_MOST = 6;

/** What the text may mean: what is here already at once, what was said once the server has looked for `settled`. */
export function useChoices(text: string, settled: string): { groups: ChoiceGroup[]; status: string | null } {
  const { user } = useSession();
  const deleted = useDeleted();
  const { data, error, isFetching } = useQuery({ ...searchQuery(user, settled), placeholderData: keepPreviousData });
  const { all } = useConversations();
  const has = (label: string): boolean => label.toLowerCase().includes(text.toLowerCase());
  const titles = all
    .filter(({ title }) => has(title))
    .slice(0, TITLES_AT_MOST)
    .map(
      ({ number, title }): Choice => ({
        id: `chat ${number}`,
        label: title,
        icon: 'chat',
        run: () => navigate(pathOf(number)),
      }),
    );
  const commands = useCommands()
    .filter(({ label, keys }) => has(label) && keys?.key !== 'k')
    .map((command): Choice => ({ id: command.label, ...command }));
  const said = (text && settled ? (data ?? []) : [])
    .filter((hit) => !deleted.has(hit.conversation))
    .map(
      (hit): Choice => ({
        id: hit.message_id,
        label: hit.title,
        icon: hit.role === 'user' ? 'pencil' : 'file',
        passage: hit.passage,
        run: () => navigate(pathOf(hit.conversation, hit.message_id)),
      }),
    );
  const groups = [
    { name: text ? words.chats : words.newest, choices: titles },
    { name: words.commands, choices: commands },
    { name: words.said, choices: said },
  ].filter(({ choices }) => choices.length > 0);
  const waiting = text !== settled || isFetching;
  if (text === '' || said.length > 0) return { groups, status: null };
  if (error) return { groups, status: errorInWords(error) };
  if (waiting) return { groups, status: words.searching };
  return { groups, status: groups.length > 0 ? words.noMessage : words.nothing({ words: text }) };
}
