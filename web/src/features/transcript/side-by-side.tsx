import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { isTerminal } from '../../../../src/protocol/generation.ts';
import type { MessageResource } from '../../../../src/protocol/resources.ts';
import { compare } from '../../data/comparisons.ts';
import { useLiveAnswer } from '../../data/live-answers.ts';
import { inReadingOrder } from '../../data/message-cache.ts';
import { messagesQuery, modelsQuery } from '../../data/queries.ts';
import { navigate, pathOf } from '../../data/router.ts';
import { useSession } from '../../data/session-context.ts';
import type { Ask } from '../../data/use-ask.ts';
import { Button } from '../../ui/button.tsx';
import { AssistantMessage } from './assistant-message.tsx';
import { words } from './words.ts';
import './side-by-side.css';

type SideBySideProps = { number: number; message: MessageResource; ask: Ask };

/** What `message` and its siblings answer to one question, each with a stream of its own; one is chosen to go on. */
export function SideBySide({ number, message, ask }: SideBySideProps) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard.
    <section className="sides" aria-label={words.sideBySide} tabIndex={0}>
      {message.siblings.map((id) => (
        <Side key={id} number={number} id={id} known={id === message.id ? message : null} ask={ask} />
      ))}
    </section>
  );
}

type SideProps = { number: number; id: string; known: MessageResource | null; ask: Ask };

function Side({ number, id, known, ask }: SideProps) {
  const { user } = useSession();
  const query = useInfiniteQuery({ ...messagesQuery(user, number, id), enabled: known === null });
  const message = known ?? inReadingOrder(query.data).find((each) => each.id === id);
  return (
    <div className="side">
      {message && (
        <>
          <SideHead number={number} message={message} />
          <AssistantMessage number={number} message={message} ask={ask} last={false} />
        </>
      )}
    </div>
  );
}

function SideHead({ number, message }: Pick<SideBySideProps, 'number' | 'message'>) {
  const models = useQuery(modelsQuery).data ?? [];
  const live = useLiveAnswer(message.id, !isTerminal(message.state), Date.parse(message.created_at));
  const model = message.model ?? live?.model;
  const title = models.find(({ id }) => id === model)?.title ?? model;
  function goOn(): void {
    if (message.parent_id) compare(message.parent_id, false);
    navigate(pathOf(number, message.id), 'replace');
  }
  return (
    <header className="side-head">
      <span>{title}</span>
      <Button onClick={goOn}>{words.goOnWithThis}</Button>
    </header>
  );
}
