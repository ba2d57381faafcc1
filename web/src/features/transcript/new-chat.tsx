import { useQuery } from '@tanstack/react-query';
import { nextSettings } from '../../data/begin-chat.ts';
import { client } from '../../data/client.ts';
import { itemsQuery } from '../../data/items.ts';
import { useNextChat } from '../../data/next-chat.ts';
import { modelsQuery } from '../../data/queries.ts';
import { useSession } from '../../data/session-context.ts';
import { useAsk } from '../../data/use-ask.ts';
import { Composer } from '../composer/composer.tsx';
import { TemporaryChoice } from '../keeping/temporary-choice.tsx';
import { EmptyChat } from './empty-chat.tsx';

const NOTHING: readonly never[] = [];

/** A new conversation: the first question makes it. */
export function NewChat() {
  const { user } = useSession();
  const models = useQuery(modelsQuery).data ?? [];
  const settings = nextSettings(useNextChat(), useQuery(itemsQuery(user)).data ?? NOTHING);
  const ask = useAsk(null, NOTHING);
  const model = models.find(({ id }) => id === settings.model) ?? models.find((each) => each.default) ?? models[0];
  return (
    <>
      <EmptyChat model={model} onAsk={(text, key) => ask.send(text, key, undefined)} />
      <TemporaryChoice />
      <Composer
        number={null}
        models={models}
        settings={settings}
        answering={null}
        said={NOTHING}
        onSend={ask.send}
        onStop={client.stop}
      />
    </>
  );
}
