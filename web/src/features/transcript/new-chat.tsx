import { useQuery } from '@tanstack/react-query';
import { client } from '../../data/client.ts';
import { modelsQuery } from '../../data/queries.ts';
import { useAsk } from '../../data/use-ask.ts';
import { Composer } from '../composer/composer.tsx';
import { TemporaryChoice } from '../keeping/temporary-choice.tsx';
import { EmptyChat } from './empty-chat.tsx';

const NOTHING: readonly never[] = [];

/** A new conversation: the first question makes it. */
export function NewChat() {
  const models = useQuery(modelsQuery).data ?? [];
  const ask = useAsk(null, NOTHING);
  const model = models.find((each) => each.default) ?? models[0];
  return (
    <>
      <EmptyChat model={model} onAsk={(text, key) => ask.send(text, key, undefined)} />
      <TemporaryChoice />
      <Composer number={null} models={models} answering={null} said={NOTHING} onSend={ask.send} onStop={client.stop} />
    </>
  );
}
